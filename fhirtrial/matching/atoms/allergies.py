"""Allergies and intolerances: a listed substance, a stated "no known", or a list that does not name it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fhirtrial.criteria.tree import Allergy
from fhirtrial.matching import calendar
from fhirtrial.matching.codes import State
from fhirtrial.matching.grades import NO, PRESUMED_NO, UNKNOWN, YES, Answer, Ints, Rows, denied, exists, least
from fhirtrial.matching.identity import denials, first_days, identified, standing
from fhirtrial.matching.reasons import Reason
from fhirtrial.matching.timing import Graded, began, graded
from fhirtrial.matching.view import View, distinct
from fhirtrial.patients.facts import CEIL, FLOOR, Course, Family, Kind, Standing

TYPES = {"allergy": 1, "intolerance": 2}
OTHER = 4
TYPE = "http://hl7.org/fhir/allergy-intolerance-type"


def allergy(atom: Allergy, view: View) -> Answer:
    rows = view.rows(Kind.ALLERGY)
    states = view.states_of(atom)[rows]
    types = _types(view)
    refuted = denials(view, rows[_same_kind(atom, view, rows, types)], atom, refuted=True)
    named, states = rows[states >= State.MENTIONED], states[states >= State.MENTIONED]
    span = calendar.until(view.on)
    over = view.column("course")[named] == Course.OVER
    parts = [identified(states), standing(view, named), _begun(view, named), graded(~over, over)]
    parts += view.each(atom, _type, named, lambda asked, some: _typed(asked, types[view.column("category")[some]]))
    grade, reasons = least(*parts)
    found = Rows(named, view.column("patient")[named], grade, reasons)
    answer = exists(found, view.absence("allergy", atom, (Family.ALLERGIES,), span), assumed=False)
    answer = denied(answer, refuted, first_days(view, found), first_days(view, refuted, latest=True))
    return _with_list(atom, view, answer)


def _begun(view: View, rows: Ints) -> Graded:
    """Whether it had begun by the index date; an active entry without any date is current."""
    grade, reasons = began(view, rows, calendar.until(view.on))
    undated = (view.column("start_low")[rows] == FLOOR) & (view.column("start_high")[rows] == CEIL)
    current = undated & (view.column("course")[rows] == Course.NOW)
    return np.where(current, YES, grade).astype(np.int8), np.where(current, 0, reasons).astype(np.uint32)


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
    stated = types[view.column("category")[rows]]
    same: NDArray[np.bool_] = stated == 0
    for asked, places in view.asking(atom, _type, rows):
        same[places] |= bool(asked) & (stated[places] & TYPES.get(asked, 0) != 0)
    return same


def _with_list(atom: Allergy, view: View, answer: Answer) -> Answer:
    """Absence speaks only from a list that is not empty; a statement "no known allergy" is a denial.

    Such a statement that is not active any more says nothing, and does not fill the list.
    """
    rows = view.rows(Kind.ALLERGY)
    rows = rows[(view.column("standing")[rows] == Standing.ASSERTED) & (view.column("start_low")[rows] <= view.today)]
    none_known = np.zeros(view.patients, bool)
    listed = np.zeros(view.patients, bool)
    denies = _denies(atom, view, rows)
    kept = ~(denies & (view.column("course")[rows] == Course.OVER))
    rows, denial = rows[kept], rows[kept & denies]
    none_known[view.column("patient")[denial]] = True
    listed[view.column("patient")[rows]] = True
    unlisted = (answer.truth == PRESUMED_NO) & ~listed
    clear = none_known & (answer.truth <= UNKNOWN) & ~_named(answer, view)
    truth = np.where(clear, NO, np.where(unlisted, UNKNOWN, answer.truth)).astype(np.int8)
    reasons = np.where(clear, 0, np.where(unlisted, Reason.ABSENT, answer.reasons)).astype(np.uint32)
    shown = Rows(
        np.concatenate((answer.rows.index, denial)),
        np.concatenate((answer.rows.patient, view.column("patient")[denial])),
        np.concatenate((answer.rows.grade, np.full(len(denial), NO, np.int8))),
        np.concatenate((answer.rows.reasons, np.zeros(len(denial), np.uint32))),
    )
    return Answer(truth, reasons, shown)


def _denies(atom: Allergy, view: View, rows: Ints) -> NDArray[np.bool_]:
    """Rows that say "no known allergy", or "no known drug allergy" where a drug is asked for."""
    said: NDArray[np.bool_] = view.states("no-known-allergy")[rows] == State.HIT
    said |= (view.states("no-known-drug-allergy")[rows] == State.HIT) & view.which(atom, view.codes.of_drug, rows)
    said |= view.states_of(atom)[rows] == State.DENIAL
    return said


def _named(answer: Answer, view: View) -> NDArray[np.bool_]:
    """Patients with an entry that is or may be the substance: a general statement does not settle that one."""
    result = np.zeros(view.patients, bool)
    result[answer.rows.patient[answer.rows.grade >= UNKNOWN]] = True
    return result
