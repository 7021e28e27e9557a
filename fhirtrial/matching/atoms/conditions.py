"""Conditions: some recorded condition of the concept with the asked qualifiers at the asked time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fhirtrial.criteria.tree import Condition
from fhirtrial.matching import calendar
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
)
from fhirtrial.matching.identity import denials, first_days, identified, not_one_of, one_of, standing
from fhirtrial.matching.reasons import Reason
from fhirtrial.matching.timing import Graded, began, graded, overlapped
from fhirtrial.matching.view import State, View
from fhirtrial.patients.facts import CEIL, FLOOR, Course, Family, Kind
from fhirtrial.terminology.severity import severity_rank

SEVERITIES = {"mild": 1, "moderate": 2, "severe": 3}


def condition(atom: Condition, view: View) -> Answer:
    span = view.span(atom.window, _default(atom, view))
    if span is None:
        return constant(view.patients, UNKNOWN, Reason.NO_ANCHOR)
    all_rows = view.rows(Kind.CONDITION)
    states = view.states(atom.concept)[all_rows]
    rows, states = all_rows[states >= State.MENTIONED], states[states >= State.MENTIONED]
    parts = [identified(states), standing(view, rows), _time(atom, view, rows, states, span)]
    parts += [one_of(view, rows, name) for name in atom.also]
    parts += [not_one_of(view, rows, name) for name in atom.unless]
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
    return denied(answer, denial, first_days(view, found), first_days(view, denial, latest=True))


def _default(atom: Condition, view: View) -> calendar.Span:
    return calendar.at(view.on) if atom.when == "active" else calendar.until(view.on)


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
            grade, reasons = overlapped(view, rows, span)
    # "history of" codes say that it was once so, not when, and that it is not so now
    told = {"active": (NO, 0), "history": (YES, 0), "onset": (UNKNOWN, Reason.UNDATED)}
    once = (YES, 0) if atom.window is None else (UNKNOWN, Reason.UNDATED)
    then, why = told.get(atom.when, once)
    past, unplaced = overlapped(view, rows, calendar.until(view.on))
    return (
        np.where(history, np.minimum(then, past), grade).astype(np.int8),
        np.where(history, np.where(then == UNKNOWN, why, unplaced), reasons).astype(np.uint32),
    )


def _current(view: View, rows: Ints) -> Graded:
    """Whether it holds at the index date: a stated active status is current even where its onset is not dated."""
    today = calendar.day(view.on)
    course, low, high = (view.column(name)[rows] for name in ("course", "start_low", "start_high"))
    grade, reasons = overlapped(view, rows, calendar.at(view.on))
    lasting = np.isin(course, (Course.NOW, Course.RECURRENT))
    begun = (high <= today) | ((low == FLOOR) & (high == CEIL))
    grade = np.where(lasting & begun, YES, grade)
    over = (course == Course.OVER) & (view.column("end_high")[rows] == CEIL)
    grade = np.where(over, NO, grade)
    # nothing said about its course and nothing about its end: taken as still there, by assumption
    unstated = (course == Course.OPEN) & (view.column("end_high")[rows] == CEIL) & begun
    grade = np.where(unstated, PRESUMED_YES, grade).astype(np.int8)
    return grade, np.where(grade == UNKNOWN, reasons | Reason.UNDATED, 0).astype(np.uint32)


def _over(view: View, rows: Ints, span: calendar.Span) -> Graded:
    was, why = overlapped(view, rows, span)
    over = view.column("course")[rows] == Course.OVER
    ended = view.column("end_high")[rows] <= calendar.day(view.on)
    grade = np.where(over | ended, was, NO).astype(np.int8)
    return grade, np.where(grade == UNKNOWN, why, 0).astype(np.uint32)


def _severity(view: View, rows: Ints, least_rank: int) -> Graded:
    rank = _ranks(view, view.column("severity")[rows], severity_rank)
    return graded(rank >= least_rank, (rank > 0) & (rank < least_rank), Reason.ABSENT)


def _ranks(view: View, numbers: Ints, rank: Callable[[frozenset[tuple[str, str]], str], int]) -> Ints:
    values = view.facts.vocabulary.codes.values
    table = {n: rank(frozenset(values[n].codings), values[n].text) for n in np.unique(numbers).tolist()}
    return np.array([table[n] for n in numbers.tolist()], np.int64)


def _course(view: View, rows: Ints, asked: str) -> Graded:
    """Recurrence is a clinical status; whether a course is acute or chronic has no element in FHIR."""
    if asked != "recurrent":
        nothing = np.zeros(len(rows), bool)
        return graded(nothing, nothing, Reason.NOT_COMPUTABLE)
    course = view.column("course")[rows]
    return graded(course == Course.RECURRENT, np.isin(course, (Course.NOW, Course.OVER)), Reason.ABSENT)


def _stage(view: View, rows: Ints, asked: str) -> Graded:
    values = view.facts.vocabulary.codes.values
    recorded = [values[n].text.casefold() for n in view.column("stage")[rows].tolist()]
    same = np.array([text == asked.casefold() for text in recorded], bool)
    return graded(same, np.array([bool(text) for text in recorded], bool) & ~same, Reason.ABSENT)
