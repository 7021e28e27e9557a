"""What a fact's codes and statuses make of it: is it the concept, does it stand, is it an exception, does it deny."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fhirtrial.criteria.tree import Atom
from fhirtrial.matching.codes import State
from fhirtrial.matching.grades import (
    NO,
    PRESUMED_NO,
    PRESUMED_YES,
    UNKNOWN,
    YES,
    Answer,
    Graded,
    Ints,
    Rows,
    fold,
    graded,
    joined,
)
from fhirtrial.matching.reasons import Reason
from fhirtrial.matching.view import View
from fhirtrial.patients.facts import CEIL, FLOOR, Standing
from fhirtrial.terminology.systems import KEYS, canonical

_IDENTIFIED = np.full(len(State), UNKNOWN, np.int8)
_IDENTIFIED[[State.HISTORY, State.HIT]] = YES
_DOUBTS = np.full(len(State), Reason.ABSENT, np.uint32)
"""Why a reason of a State is no answer; none recorded at all is absent."""
_DOUBTS[State.COARSE], _DOUBTS[State.MENTIONED] = Reason.CODE_TOO_COARSE, Reason.UNCODED
_STANDING = np.zeros(len(Standing), np.int8)
_STANDING[[Standing.ASSERTED, Standing.ORDERED, Standing.UNCONFIRMED]] = YES, PRESUMED_YES, UNKNOWN


def identified(states: NDArray[np.int8]) -> Graded:
    """Whether the code is the concept's: a hit or a history code is, a coarse or merely named one may be."""
    return Graded(_IDENTIFIED[states], lambda: _DOUBTS[states])


def standing(view: View, rows: Ints) -> Graded:
    """Whether the statement counts: asserted yes, ordered presumed-yes, unconfirmed unknown, denied no."""
    return Graded(_STANDING[view.at("standing", rows)], lambda: Reason.UNCONFIRMED)


def reasoned(view: View, concept: str, rows: Ints) -> Graded:
    """Whether the recorded reason is the concept: none recorded leaves it open, and another says no.

    A code that is not the concept's says no only in a system in which the concept's codes are complete.
    """
    values = view.facts.vocabulary.codes.values
    numbers = view.at("reason", rows)
    states = view.states(concept, rows, "reason")
    complete, coded = np.zeros(len(values), bool), np.zeros(len(values), bool)
    for number in np.unique(numbers).tolist():
        systems = {canonical(system) for system, _ in values[number].codings} & KEYS.keys()
        coded[number] = bool(systems)
        complete[number] = any(view.terminology.is_complete(concept, system) for system in systems)
    other = (numbers > 0) & (states == State.NONE)
    no = other & (complete[numbers] | ~coded[numbers])
    grade = graded(states >= State.HISTORY, no, 0).grade
    return Graded(grade, lambda: np.where(other, Reason.CONCEPT_INCOMPLETE, _DOUBTS[states]))


def denials(view: View, rows: Ints, atom: Atom, *, refuted: bool = False) -> Rows:
    """Facts that deny the atom's concept whole: its own head code refuted, or (unless `refuted`) a code for "not so".

    Refuting one subtype says nothing about the others, so only the first code of each system speaks.
    """
    denying = view.heads_of(atom, rows) & (view.at("standing", rows) == Standing.DENIED)
    if not refuted:
        said = view.states_of(atom, rows) == State.DENIAL
        denying |= said & (view.at("standing", rows) == Standing.ASSERTED)
    index = rows[denying & (view.at("start_low", rows) <= view.today)]
    return Rows.certain(index, view.at("patient", index), YES)


def denied(view: View, answer: Answer, found: Rows, denial: Rows, denial_day: Ints | None = None) -> Answer:
    """`answer` by the rows `found`, where others deny it: a denial alone is no; one not older conflicts.

    `denial_day`: per patient, the latest day of a denial, where that is not by its own date.
    """
    if not len(denial.index):
        return answer
    has = np.zeros(len(answer.truth), bool)
    has[denial.patient] = True
    first_day = first_days(view, found)
    denial_day = first_days(view, denial, latest=True) if denial_day is None else denial_day
    conflict = has & (answer.truth >= PRESUMED_YES) & (denial_day >= first_day)
    refuted = has & ((answer.truth <= PRESUMED_NO) | _only_absent(answer))
    truth = np.where(conflict, UNKNOWN, np.where(refuted, NO, answer.truth)).astype(np.int8)
    against = Rows.certain(denial.index, denial.patient, NO)
    return Answer(
        truth,
        lambda: np.where(conflict, Reason.CONFLICTING, answer.reasons),
        lambda: joined(answer.rows, against),
    )


def _only_absent(answer: Answer) -> NDArray[np.bool_]:
    """Unknown for want of any fact: then a denial settles it."""
    absent: NDArray[np.bool_] = answer.truth == UNKNOWN
    absent[answer.rows.patient[answer.rows.grade >= UNKNOWN]] = False
    return absent


def first_days(view: View, rows: Rows, *, latest: bool = False) -> Ints:
    """Per patient the first (or latest) day of the rows that hold, by the end of what their dates allow.

    What has no date may be the earliest, and the latest.
    """
    held = rows.grade >= PRESUMED_YES
    index, patient = rows.index[held], rows.patient[held]
    days = np.where(view.at("start_high", index) < CEIL, view.at("start_high", index), view.at("recorded", index))
    if latest:
        days = np.where(days == FLOOR, CEIL, days)
        return fold(np.maximum, days, patient, view.patients, FLOOR)
    return fold(np.minimum, days, patient, view.patients, CEIL)
