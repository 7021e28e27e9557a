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
from fhirtrial.matching.view import View
from fhirtrial.patients.facts import CEIL, FLOOR, Course, Family, Kind, Standing

TYPE = "http://hl7.org/fhir/allergy-intolerance-type"


def allergy(atom: Allergy, view: View) -> Answer:
    rows = view.rows(Kind.ALLERGY)
    states = view.states(atom.concept)[rows]
    refuted = denials(view, rows[_same_kind(atom, view, rows)], atom.concept, refuted=True)
    named, states = rows[states >= State.MENTIONED], states[states >= State.MENTIONED]
    span = calendar.until(view.on)
    over = view.column("course")[named] == Course.OVER
    parts = [identified(states), standing(view, named), _begun(view, named), graded(~over, over)]
    if atom.mechanism != "any":
        types = _types(view, named)
        same = np.array([atom.mechanism in found for found in types], bool)
        parts.append(graded(same, np.array([bool(found) for found in types], bool) & ~same, Reason.ABSENT))
    grade, reasons = least(*parts)
    found = Rows(named, view.column("patient")[named], grade, reasons)
    answer = exists(found, view.absence("allergy", atom.concept, (Family.ALLERGIES,), span), assumed=False)
    answer = denied(answer, refuted, first_days(view, found), first_days(view, refuted, latest=True))
    return _with_list(atom, view, answer)


def _begun(view: View, rows: Ints) -> Graded:
    """Whether it had begun by the index date; an active entry without any date is current."""
    grade, reasons = began(view, rows, calendar.until(view.on))
    undated = (view.column("start_low")[rows] == FLOOR) & (view.column("start_high")[rows] == CEIL)
    current = undated & (view.column("course")[rows] == Course.NOW)
    return np.where(current, YES, grade).astype(np.int8), np.where(current, 0, reasons).astype(np.uint32)


def _types(view: View, rows: Ints) -> list[set[str]]:
    """Each entry's AllergyIntolerance.type: allergy, intolerance, or not stated."""
    values = view.facts.vocabulary.codes.values
    numbers = view.column("category")[rows].tolist()
    types = {n: {code for system, code in values[n].codings if system == TYPE} for n in set(numbers)}
    return [types[n] for n in numbers]


def _same_kind(atom: Allergy, view: View, rows: Ints) -> NDArray[np.bool_]:
    """Entries whose refutation answers the question: refuting the intolerance leaves the allergy open."""
    return np.array([not found or atom.mechanism in found for found in _types(view, rows)], bool)


def _with_list(atom: Allergy, view: View, answer: Answer) -> Answer:
    """Absence speaks only from a list that is not empty; a statement "no known allergy" is a denial.

    Such a statement that is not active any more says nothing, and does not fill the list.
    """
    rows = view.rows(Kind.ALLERGY)
    rows = rows[(view.column("standing")[rows] == Standing.ASSERTED) & (view.column("start_low")[rows] <= view.today)]
    none_known = np.zeros(view.patients, bool)
    listed = np.zeros(view.patients, bool)
    retracted = _denies(atom, view)[rows] & (view.column("course")[rows] == Course.OVER)
    rows = rows[~retracted]
    denial = rows[_denies(atom, view)[rows]]
    none_known[view.column("patient")[denial]] = True
    listed[view.column("patient")[rows]] = True
    unlisted = (answer.truth == PRESUMED_NO) & ~listed
    clear = none_known & (answer.truth <= UNKNOWN) & ~_named(answer, view)
    truth = np.where(clear, NO, np.where(unlisted, UNKNOWN, answer.truth)).astype(np.int8)
    reasons = np.where(clear, 0, np.where(unlisted, Reason.ABSENT, answer.reasons)).astype(np.uint32)
    shown = Rows(
        np.r_[answer.rows.index, denial],
        np.r_[answer.rows.patient, view.column("patient")[denial]],
        np.r_[answer.rows.grade, np.full(len(denial), NO)].astype(np.int8),
        np.r_[answer.rows.reasons, np.zeros(len(denial))].astype(np.uint32),
    )
    return Answer(truth, reasons, shown)


def _denies(atom: Allergy, view: View) -> NDArray[np.bool_]:
    """Rows that say "no known allergy", or "no known drug allergy" where a drug is asked for."""
    said: NDArray[np.bool_] = view.states("no-known-allergy") == State.HIT
    if view.concept(atom.concept).kind == "medication":
        said |= view.states("no-known-drug-allergy") == State.HIT
    said |= view.states(atom.concept) == State.DENIAL
    return said


def _named(answer: Answer, view: View) -> NDArray[np.bool_]:
    """Patients with an entry that is or may be the substance: a general statement does not settle that one."""
    result = np.zeros(view.patients, bool)
    result[answer.rows.patient[answer.rows.grade >= UNKNOWN]] = True
    return result
