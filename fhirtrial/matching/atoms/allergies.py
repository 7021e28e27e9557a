"""Allergies and intolerances: a listed substance, a stated "no known", or a list that does not name it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fhirtrial.criteria.tree import Allergy
from fhirtrial.matching import calendar
from fhirtrial.matching.grades import NO, PRESUMED_NO, UNKNOWN, YES, Answer, Rows, exists, least
from fhirtrial.matching.identity import identified, standing
from fhirtrial.matching.reasons import Reason
from fhirtrial.matching.timing import began, graded
from fhirtrial.matching.view import State, View
from fhirtrial.patients.facts import Course, Family, Kind, Standing


def allergy(atom: Allergy, view: View) -> Answer:
    rows = view.rows(Kind.ALLERGY)
    states = view.states(atom.concept)[rows]
    named, states = rows[states >= State.MENTIONED], states[states >= State.MENTIONED]
    span = calendar.until(view.on)
    over = view.column("course")[named] == Course.OVER
    parts = [identified(states), standing(view, named), began(view, named, span), graded(~over, over)]
    if atom.mechanism != "any":
        strings = [view.facts.vocabulary.codes.values[n].text for n in view.column("category")[named].tolist()]
        same = np.array([s == atom.mechanism for s in strings], bool)
        parts.append(graded(same, np.array([s != "" for s in strings], bool) & ~same, Reason.ABSENT))
    grade, reasons = least(*parts)
    found = Rows(named, view.column("patient")[named], grade, reasons)
    answer = exists(found, view.absence("allergy", atom.concept, (Family.ALLERGIES,), span, coded=False), assumed=False)
    return _with_list(atom, view, answer)


def _with_list(atom: Allergy, view: View, answer: Answer) -> Answer:
    """Absence speaks only from a list that is not empty; a statement "no known allergy" is a denial."""
    rows = view.rows(Kind.ALLERGY)
    rows = rows[view.column("standing")[rows] == Standing.ASSERTED]
    none_known = np.zeros(view.patients, bool)
    listed = np.zeros(view.patients, bool)
    denial = rows[_denies(atom, view)[rows]]
    none_known[view.column("patient")[denial]] = True
    listed[view.column("patient")[rows]] = True
    unlisted = (answer.truth == PRESUMED_NO) & ~listed
    denied = none_known & (answer.truth <= UNKNOWN) & (answer.truth != YES) & ~_open(answer, view)
    truth = np.where(denied, NO, np.where(unlisted, UNKNOWN, answer.truth)).astype(np.int8)
    reasons = np.where(denied, 0, np.where(unlisted, Reason.ABSENT, answer.reasons)).astype(np.uint32)
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


def _open(answer: Answer, view: View) -> NDArray[np.bool_]:
    """Patients with an entry that may be the substance: a general statement does not settle that one."""
    result = np.zeros(view.patients, bool)
    result[answer.rows.patient[answer.rows.grade == UNKNOWN]] = True
    return result
