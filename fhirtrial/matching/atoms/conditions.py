"""Conditions: some recorded condition of the concept with the asked qualifiers at the asked time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fhirtrial.criteria.tree import Condition
from fhirtrial.matching import calendar
from fhirtrial.matching.codes import State
from fhirtrial.matching.grades import (
    NO,
    PRESUMED_YES,
    UNKNOWN,
    YES,
    Answer,
    Ints,
    Rows,
    constant,
    denied,
    exists,
    least,
    presumed,
)
from fhirtrial.matching.identity import denials, first_days, identified, standing
from fhirtrial.matching.reasons import Reason
from fhirtrial.matching.timing import Graded, began, graded, overlapped
from fhirtrial.matching.view import View
from fhirtrial.patients.facts import CEIL, FLOOR, Course, Family, Kind
from fhirtrial.terminology.severity import severity_rank

SEVERITIES = {"mild": 1, "moderate": 2, "severe": 3}


def condition(atom: Condition, view: View, *, since: int = FLOOR) -> Answer:
    """What began, or where that is not known was written down, before the day `since` is no longer believed."""
    span = view.span(atom)
    if span is None:
        return constant(view.patients, UNKNOWN, Reason.NO_ANCHOR)
    all_rows = view.rows(Kind.CONDITION)
    states = view.states(atom.concept)[all_rows]
    rows, states = all_rows[states >= State.MENTIONED], states[states >= State.MENTIONED]
    parts = [identified(states), standing(view, rows), _time(atom, view, rows, states, span)]
    parts += view.qualified(rows, atom.also, atom.unless)
    if since > FLOOR:
        parts.append(_fresh(view, rows, since))
    if atom.severity:
        parts.append(_severity(view, rows, SEVERITIES[atom.severity]))
    if atom.course:
        parts.append(_course(view, rows, atom.course))
    if atom.stage:
        parts.append(_stage(view, rows, atom.stage))
    grade, reasons = least(*parts)
    found = Rows(rows, view.column("patient")[rows], grade, reasons)
    absence = view.absence("condition", atom.concept, (Family.CONDITIONS,), span)
    answer = exists(found, absence, assumed=span.assumed)
    denial = denials(view, all_rows, atom.concept)
    told = denied(answer, denial, first_days(view, found), first_days(view, denial, latest=True))
    return replace(told, truth=presumed(told.truth, span.assumed))


def _time(atom: Condition, view: View, rows: Ints, states: NDArray[np.int8], span: calendar.Span) -> Graded:
    history = states == State.HISTORY
    match atom.when:
        case "onset":
            grade, reasons = began(view, rows, span)
        case "active" if atom.window is None:
            grade, reasons = _current(view, rows)
        case "history":
            grade, reasons = _over(view, rows, span)
        case _:
            grade, reasons = _lasting(view, rows, span)
    # "history of" codes say that it was once so, not when, and that it is not so now
    told = {"active": (NO, 0), "history": (YES, 0), "onset": (UNKNOWN, Reason.UNDATED)}
    once = (YES, 0) if atom.window is None else (UNKNOWN, Reason.UNDATED)
    then, why = told.get(atom.when, once)
    past, unplaced = overlapped(view, rows, calendar.until(view.on))
    return (
        np.where(history, np.minimum(then, past), grade).astype(np.int8),
        np.where(history, np.where(then == UNKNOWN, why, unplaced), reasons).astype(np.uint32),
    )


def _lasting(view: View, rows: Ints, span: calendar.Span) -> Graded:
    """Its time overlaps the window; what holds at the index date overlaps every window that ends there."""
    grade, reasons = overlapped(view, rows, span)
    now, _ = _current(view, rows)
    up_to_date = span.of(view.column("patient")[rows]).last_earliest == view.today
    grade = np.where(up_to_date & (now >= PRESUMED_YES), np.maximum(grade, now), grade).astype(np.int8)
    return grade, np.where(grade == UNKNOWN, reasons, 0).astype(np.uint32)


def _current(view: View, rows: Ints) -> Graded:
    """Whether it holds at the index date: a stated active status is current even where its onset is not dated."""
    today = calendar.day(view.on)
    course, low, high = (view.column(name)[rows] for name in ("course", "start_low", "start_high"))
    grade, reasons = overlapped(view, rows, calendar.at(view.on))
    lasting = np.isin(course, (Course.NOW, Course.RECURRENT))
    begun = (high <= today) | ((low == FLOOR) & (high == CEIL))
    grade = np.where(lasting & begun, YES, grade)
    over = np.isin(course, (Course.OVER, Course.PAUSED)) & (view.column("end_high")[rows] == CEIL)
    grade = np.where(over, NO, grade)
    # nothing said about its course and nothing about its end: taken as still there, by assumption
    unstated = (course == Course.OPEN) & (view.column("end_high")[rows] == CEIL) & begun
    grade = np.where(unstated, PRESUMED_YES, grade).astype(np.int8)
    return grade, np.where(grade == UNKNOWN, reasons | Reason.UNDATED, 0).astype(np.uint32)


def _over(view: View, rows: Ints, span: calendar.Span) -> Graded:
    """It was there and is no longer; what is in remission is over (FHIR's status inactive holds both)."""
    now, why = _current(view, rows)
    return least(overlapped(view, rows, span), (YES - now, why))


def _fresh(view: View, rows: Ints, since: int) -> Graded:
    low, high, recorded = (view.column(name)[rows] for name in ("start_low", "start_high", "recorded"))
    old = (high < since) | ((low == FLOOR) & (recorded > FLOOR) & (recorded < since))
    return np.where(old, UNKNOWN, YES).astype(np.int8), np.where(old, Reason.STALE, 0).astype(np.uint32)


def _severity(view: View, rows: Ints, least_rank: int) -> Graded:
    values, numbers = view.facts.vocabulary.codes.values, view.column("severity")[rows]
    table = {n: severity_rank(values[n].codings, values[n].words) for n in np.unique(numbers).tolist()}
    rank = np.array([table[n] for n in numbers.tolist()], np.int64)
    return graded(rank >= least_rank, (rank > 0) & (rank < least_rank), Reason.ABSENT)


def _course(view: View, rows: Ints, asked: str) -> Graded:
    """Recurrence is a clinical status; whether a course is acute or chronic has no element in FHIR.

    Active is the parent code of recurrence and relapse, so it denies neither.
    """
    nothing = np.zeros(len(rows), bool)
    if asked != "recurrent":
        return graded(nothing, nothing, Reason.NOT_COMPUTABLE)
    return graded(view.column("course")[rows] == Course.RECURRENT, nothing, Reason.ABSENT)


def _stage(view: View, rows: Ints, asked: str) -> Graded:
    """The same words are the stage; other words may still mean it, as every system writes stages its own way."""
    values = view.facts.vocabulary.codes.values
    recorded = [[word.casefold() for word in values[n].words] for n in view.column("stage")[rows].tolist()]
    wanted = asked.casefold().removeprefix("stage ")
    same = np.array([wanted in [word.removeprefix("stage ") for word in words] for words in recorded], bool)
    return graded(same, np.zeros(len(rows), bool), Reason.ABSENT)
