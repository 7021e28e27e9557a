"""Conditions: some recorded condition of the concept with the asked qualifiers at the asked time."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from operator import attrgetter

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
from fhirtrial.matching.reads import qualifiers
from fhirtrial.matching.reasons import Reason
from fhirtrial.matching.timing import Graded, began, graded, overlapped
from fhirtrial.matching.view import View
from fhirtrial.patients.facts import CEIL, FLOOR, Course, Family, Kind
from fhirtrial.terminology.severity import severity_rank

_SEVERITY, _COURSE, _STAGE = attrgetter("severity"), attrgetter("course"), attrgetter("stage")
SEVERITIES = {"mild": 1, "moderate": 2, "severe": 3}


def condition(atom: Condition, view: View, *, since: int = FLOOR) -> Answer:
    """What began, or where that is not known was written down, before the day `since` is no longer believed."""
    span = view.span(atom)
    if span is None:
        return constant(view.patients, UNKNOWN, Reason.NO_ANCHOR)
    all_rows = view.rows(Kind.CONDITION)
    states = view.states_of(atom)[all_rows]
    rows, states = all_rows[states >= State.MENTIONED], states[states >= State.MENTIONED]
    parts = [identified(states), standing(view, rows), _time(atom, view, rows, states, span)]
    parts += view.qualified(atom, qualifiers, rows)
    if since > FLOOR:
        parts.append(_fresh(view, rows, since))
    parts += view.each(atom, _SEVERITY, rows, partial(_severity, view))
    parts += view.each(atom, _COURSE, rows, partial(_course, view))
    parts += view.each(atom, _STAGE, rows, partial(_stage, view))
    grade, reasons = least(*parts)
    found = Rows(rows, view.column("patient")[rows], grade, reasons)
    absence = view.absence("condition", atom, (Family.CONDITIONS,), span)
    answer = exists(found, absence, assumed=span.assumed)
    denial = denials(view, all_rows, atom)
    told = denied(answer, denial, first_days(view, found), first_days(view, denial, latest=True))
    return replace(told, truth=presumed(told.truth, span.assumed))


def _when(atom: Condition) -> str:
    if atom.when == "active" and atom.window is None:
        return "now"
    return atom.when if atom.when in {"onset", "history"} else "lasting"


def _time(atom: Condition, view: View, rows: Ints, states: NDArray[np.int8], span: calendar.Span) -> Graded:
    ((grade, reasons),) = view.each(atom, _when, rows, partial(_placed, view, span))
    history = np.flatnonzero(states == State.HISTORY)
    if len(history):
        ((once, why),) = view.each(atom, _once, rows[history], partial(_was_once, view))
        grade, reasons = grade.copy(), reasons.copy()
        grade[history], reasons[history] = once, why
    return grade, reasons


def _placed(view: View, span: calendar.Span, when: str, rows: Ints) -> Graded:
    match when:
        case "onset":
            return began(view, rows, span)
        case "now":
            return _current(view, rows)
        case "history":
            return _over(view, rows, span)
        case _:
            return _lasting(view, rows, span)


def _once(atom: Condition) -> tuple[str, bool]:
    return atom.when, atom.window is not None


def _was_once(view: View, asked: tuple[str, bool], rows: Ints) -> Graded:
    """A code for "history of" says that it was once so, not when, and that it is not so now."""
    when, windowed = asked
    told = {"active": (NO, 0), "history": (YES, 0), "onset": (UNKNOWN, Reason.UNDATED)}
    then, why = told.get(when, (UNKNOWN, Reason.UNDATED) if windowed else (YES, 0))
    past, unplaced = overlapped(view, rows, calendar.until(view.on))
    reasons = np.full(len(rows), why, np.uint32) if then == UNKNOWN else unplaced
    return np.minimum(then, past).astype(np.int8), reasons


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
    lasting = (course == Course.NOW) | (course == Course.RECURRENT)
    begun = (high <= today) | ((low == FLOOR) & (high == CEIL))
    grade = np.where(lasting & begun, YES, grade)
    endless = view.column("end_high")[rows] == CEIL
    grade = np.where(((course == Course.OVER) | (course == Course.PAUSED)) & endless, NO, grade)
    # nothing said about its course and nothing about its end: taken as still there, by assumption
    unstated = (course == Course.OPEN) & endless & begun
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


def _severity(view: View, asked: str, rows: Ints) -> Graded:
    least_rank = SEVERITIES[asked]
    values, numbers = view.facts.vocabulary.codes.values, view.column("severity")[rows]
    table = {n: severity_rank(values[n].codings, values[n].words) for n in np.unique(numbers).tolist()}
    rank = np.array([table[n] for n in numbers.tolist()], np.int64)
    return graded(rank >= least_rank, (rank > 0) & (rank < least_rank), Reason.ABSENT)


def _course(view: View, asked: str, rows: Ints) -> Graded:
    """Recurrence is a clinical status; whether a course is acute or chronic has no element in FHIR.

    Active is the parent code of recurrence and relapse, so it denies neither.
    """
    nothing = np.zeros(len(rows), bool)
    if asked != "recurrent":
        return graded(nothing, nothing, Reason.NOT_COMPUTABLE)
    return graded(view.column("course")[rows] == Course.RECURRENT, nothing, Reason.ABSENT)


def _stage(view: View, asked: str, rows: Ints) -> Graded:
    """The same words are the stage; other words may still mean it, as every system writes stages its own way."""
    values = view.facts.vocabulary.codes.values
    recorded = [[word.casefold() for word in values[n].words] for n in view.column("stage")[rows].tolist()]
    wanted = asked.casefold().removeprefix("stage ")
    same = np.array([wanted in [word.removeprefix("stage ") for word in words] for words in recorded], bool)
    return graded(same, np.zeros(len(rows), bool), Reason.ABSENT)
