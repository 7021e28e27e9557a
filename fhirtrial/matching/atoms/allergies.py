"""Allergies and intolerances: a listed substance, a stated "no known", or a list that does not name it."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from fhirtrial.criteria.tree import Allergy
from fhirtrial.matching import calendar
from fhirtrial.matching.codes import State
from fhirtrial.matching.grades import (
    NO,
    PRESUMED_NO,
    UNKNOWN,
    Answer,
    Graded,
    Ints,
    Rows,
    exists,
    followed,
    graded,
    least,
)
from fhirtrial.matching.identity import denials, denied, identified, standing
from fhirtrial.matching.reasons import Reason
from fhirtrial.matching.timing import began, dateless
from fhirtrial.matching.view import View, distinct
from fhirtrial.patients.facts import Course, Family, Kind, Standing

TYPES = {"allergy": 1, "intolerance": 2}
OTHER = 4
TYPE = "http://hl7.org/fhir/allergy-intolerance-type"


def allergy(atom: Allergy, view: View) -> Answer:
    rows = view.rows(Kind.ALLERGY)
    states = view.states_of(atom, rows)
    types = _types(view)
    refuted = denials(view, rows[_same_kind(atom, view, rows, types)], atom, refuted=True)
    spoken = (states >= State.MENTIONED).nonzero()[0]
    named = rows[spoken]
    grades = least(
        named,
        identified(states[spoken]),
        partial(standing, view),
        partial(_begun, view),
        partial(_goes_on, view),
        view.each(atom, _type, lambda asked, some: _typed(asked, types[view.at("category", some)])),
    )
    found = Rows(named, view.at("patient", named), grades)
    span = calendar.until(view.on)
    answer = exists(found, view.absence("allergy", atom, (Family.ALLERGIES,), span), assumed=False)
    return _with_list(atom, view, denied(view, answer, found, refuted))


def _begun(view: View, rows: Ints) -> Graded:
    """Whether it had begun by the index date; an active entry without any date is current."""
    found = began(view, calendar.until(view.on), rows)
    return Graded(np.maximum(found.grade, dateless(view, rows).view(np.int8) << 2), found.why)


def _goes_on(view: View, rows: Ints) -> Graded:
    over = view.at("course", rows) == Course.OVER
    return graded(~over, over, 0)


def _type(atom: Allergy) -> str:
    return "" if atom.mechanism == "any" else atom.mechanism


def _types(view: View) -> Ints:
    """Per recorded category which AllergyIntolerance.types it names, as a bit each: none where it is not stated."""
    values = view.facts.vocabulary.codes.values
    found = np.zeros(len(values), np.int64)
    for number in distinct(view.column("category")).tolist():
        found[number] = sum(TYPES.get(code, OTHER) for code in {c for s, c in values[number].codings if s == TYPE})
    return found


def _typed(asked: str, types: Ints) -> Graded:
    same = types & TYPES[asked] != 0
    return graded(same, (types != 0) & ~same, Reason.ABSENT)


def _same_kind(atom: Allergy, view: View, rows: Ints, types: Ints) -> NDArray[np.bool_]:
    """Entries whose refutation answers the question: refuting the intolerance leaves the allergy open."""
    stated = types[view.at("category", rows)]
    same: NDArray[np.bool_] = stated == 0
    for asked, places in view.asking(atom, _type, rows):
        same[places] |= stated[places] & TYPES[asked] != 0
    return same


def _with_list(atom: Allergy, view: View, answer: Answer) -> Answer:
    """Absence speaks only from a list that is not empty; a statement "no known allergy" is a denial.

    Such a statement that is not active any more says nothing, and does not fill the list.
    """
    rows = view.rows(Kind.ALLERGY)
    rows = rows[(view.at("standing", rows) == Standing.ASSERTED) & (view.at("start_low", rows) <= view.today)]
    none_known = np.zeros(view.patients, bool)
    listed = np.zeros(view.patients, bool)
    denies = _denies(atom, view, rows)
    kept = ~(denies & (view.at("course", rows) == Course.OVER))
    rows, denial = rows[kept], rows[kept & denies]
    none_known[view.at("patient", denial)] = True
    listed[view.at("patient", rows)] = True
    unlisted = (answer.truth == PRESUMED_NO) & ~listed
    clear = none_known & (answer.truth <= UNKNOWN) & ~_named(answer, view)
    truth = np.where(clear, NO, np.where(unlisted, UNKNOWN, answer.truth)).astype(np.int8)
    against = Rows.certain(denial, view.at("patient", denial), NO)
    return Answer(
        truth, lambda: np.where(unlisted, Reason.ABSENT, answer.reasons), lambda: followed(answer.rows, against)
    )


def _denies(atom: Allergy, view: View, rows: Ints) -> NDArray[np.bool_]:
    """Rows that say "no known allergy", or "no known drug allergy" where a drug is asked for."""
    said: NDArray[np.bool_] = view.states("no-known-allergy", rows) == State.HIT
    said |= (view.states("no-known-drug-allergy", rows) == State.HIT) & view.which(atom, view.codes.of_drug, rows)
    said |= view.states_of(atom, rows) == State.DENIAL
    return said


def _named(answer: Answer, view: View) -> NDArray[np.bool_]:
    """Patients with an entry that is or may be the substance: a general statement does not settle that one."""
    result = np.zeros(view.patients, bool)
    result[answer.rows.patient[answer.rows.grade >= UNKNOWN]] = True
    return result
