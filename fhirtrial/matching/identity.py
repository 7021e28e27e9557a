"""What a fact's codes and statuses make of it: is it the concept, does it stand, is it an exception, does it deny."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fhirtrial.criteria.tree import Atom
from fhirtrial.matching.codes import State
from fhirtrial.matching.grades import PRESUMED_YES, UNKNOWN, YES, Ints, Rows, fold
from fhirtrial.matching.reasons import Reason
from fhirtrial.matching.timing import Graded, graded
from fhirtrial.matching.view import View
from fhirtrial.patients.facts import CEIL, FLOOR, Standing
from fhirtrial.terminology.systems import KEYS, canonical

_DOUBTS = np.full(len(State), Reason.ABSENT, np.uint32)
"""Why a reason of a State is no answer; none recorded at all is absent."""
_DOUBTS[State.COARSE], _DOUBTS[State.MENTIONED] = Reason.CODE_TOO_COARSE, Reason.UNCODED


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


def reasoned(view: View, concept: str, rows: Ints) -> Graded:
    """Whether the recorded reason is the concept: none recorded leaves it open, and another says no.

    A code that is not the concept's says no only in a system in which the concept's codes are complete.
    """
    values = view.facts.vocabulary.codes.values
    numbers = view.column("reason")[rows]
    states = view.states(concept, "reason")[rows]
    complete, coded = np.zeros(len(values), bool), np.zeros(len(values), bool)
    for number in np.unique(numbers).tolist():
        systems = {canonical(system) for system, _ in values[number].codings} & KEYS.keys()
        coded[number] = bool(systems)
        complete[number] = any(view.terminology.is_complete(concept, system) for system in systems)
    other = (numbers > 0) & (states == State.NONE)
    no = other & (complete[numbers] | ~coded[numbers])
    grade, _ = graded(states >= State.HISTORY, no)
    why = np.where(other, Reason.CONCEPT_INCOMPLETE, _DOUBTS[states])
    return grade, np.where(grade == UNKNOWN, why, 0).astype(np.uint32)


def denials(view: View, rows: Ints, atom: Atom, *, refuted: bool = False) -> Rows:
    """Facts that deny the atom's concept whole: its own head code refuted, or (unless `refuted`) a code for "not so".

    Refuting one subtype says nothing about the others, so only the first code of each system speaks.
    """
    denying = view.heads_of(atom)[rows] & (view.column("standing")[rows] == Standing.DENIED)
    if not refuted:
        said = view.states_of(atom)[rows] == State.DENIAL
        denying |= said & (view.column("standing")[rows] == Standing.ASSERTED)
    index = rows[denying & (view.column("start_low")[rows] <= view.today)]
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
