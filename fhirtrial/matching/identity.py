"""What a fact's codes and statuses make of it: is it the concept, does it stand, is it an exception, does it deny."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fhirtrial.matching.grades import NO, PRESUMED_YES, UNKNOWN, YES, Ints, Rows, fold
from fhirtrial.matching.reasons import Reason
from fhirtrial.matching.timing import Graded
from fhirtrial.matching.view import State, View
from fhirtrial.patients.facts import CEIL, FLOOR, Standing
from fhirtrial.terminology.systems import canonical


def identified(states: NDArray[np.int8]) -> Graded:
    """Whether the code is the concept's: a hit or a history code is, a coarse or merely named one may be."""
    grade = np.where(states >= State.HISTORY, YES, UNKNOWN).astype(np.int8)
    why = np.where(states == State.COARSE, Reason.CODE_TOO_COARSE, Reason.UNCODED)
    return grade, np.where(grade == UNKNOWN, why, 0).astype(np.uint32)


def standing(view: View, rows: Ints) -> Graded:
    """Whether the statement counts: asserted yes, ordered presumed-yes, unconfirmed unknown, denied no."""
    table = np.zeros(len(Standing), np.int8)
    table[[Standing.ASSERTED, Standing.ORDERED, Standing.UNCONFIRMED]] = YES, PRESUMED_YES, UNKNOWN
    grade = table[view.column("standing")[rows]]
    return grade, np.where(grade == UNKNOWN, Reason.UNCONFIRMED, 0).astype(np.uint32)


def not_one_of(view: View, rows: Ints, concept: str) -> Graded:
    """Whether the fact is none of an exception's; a code that may be one leaves it open."""
    states = view.states(concept)[rows]
    excepted = np.isin(states, (State.HIT, State.HISTORY))
    may = np.isin(states, (State.COARSE, State.MENTIONED))
    grade = np.where(excepted, NO, np.where(may, UNKNOWN, YES)).astype(np.int8)
    return grade, np.where(may, Reason.CODE_TOO_COARSE, 0).astype(np.uint32)


def one_of(view: View, rows: Ints, concept: str) -> Graded:
    """Whether the fact is this concept, too."""
    states = view.states(concept)[rows]
    is_, may = states >= State.HISTORY, np.isin(states, (State.COARSE, State.MENTIONED))
    grade = np.where(is_, YES, np.where(may, UNKNOWN, NO)).astype(np.int8)
    return grade, np.where(may, Reason.CODE_TOO_COARSE, 0).astype(np.uint32)


def denials(view: View, rows: Ints, concept: str) -> Rows:
    """Facts that deny the concept as a whole: its own head code refuted, or a code that says it is not so.

    Refuting one subtype says nothing about the others, so only the first code of each system speaks.
    """
    heads: dict[str, str] = {}
    for code in view.concept(concept).codes:
        heads.setdefault(code.system, code.code)
    values = view.facts.vocabulary.codes.values
    numbers = view.column("code")[rows]
    head = np.zeros(len(values), bool)
    for number in np.unique(numbers):
        head[number] = any(heads.get(canonical(system)) == code for system, code in values[number].codings)
    refuted = head[numbers] & (view.column("standing")[rows] == Standing.DENIED)
    said = (view.states(concept)[rows] == State.DENIAL) & (view.column("standing")[rows] == Standing.ASSERTED)
    known = view.column("start_low")[rows] <= view.today
    index = rows[(refuted | said) & known]
    return Rows(index, view.column("patient")[index], np.full(len(index), YES), np.zeros(len(index), np.uint32))


def first_days(view: View, rows: Rows, *, latest: bool = False) -> Ints:
    """Per patient the first (or latest) day of the rows that hold, by the end of what their dates allow.

    What has no date may be the earliest, and the latest.
    """
    held = rows.grade >= PRESUMED_YES
    index, patient = rows.index[held], rows.patient[held]
    days = np.where(
        view.column("start_high")[index] < CEIL, view.column("start_high")[index], view.column("recorded")[index]
    )
    if latest:
        days = np.where(days == FLOOR, CEIL, days)
        return fold(np.maximum, days, patient, view.patients, FLOOR)
    return fold(np.minimum, days, patient, view.patients, CEIL)
