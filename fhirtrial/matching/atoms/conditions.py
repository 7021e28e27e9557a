"""Conditions: some recorded condition of the concept with the asked qualifiers at the asked time."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from operator import attrgetter

import numpy as np

from fhirtrial.criteria.tree import Condition
from fhirtrial.matching import calendar
from fhirtrial.matching.codes import State
from fhirtrial.matching.grades import (
    NO,
    PRESUMED_YES,
    UNKNOWN,
    YES,
    Answer,
    Graded,
    Grades,
    Ints,
    Rows,
    Test,
    constant,
    exists,
    graded,
    least,
    presumed,
    spread,
)
from fhirtrial.matching.identity import denials, denied, identified, standing
from fhirtrial.matching.reads import qualifiers
from fhirtrial.matching.reasons import Reason
from fhirtrial.matching.timing import GOES_ON, began, overlapped
from fhirtrial.matching.view import View
from fhirtrial.patients.facts import CEIL, FLOOR, Course, Family, Kind
from fhirtrial.terminology.severity import severity_rank

_SEVERITY, _COURSE, _STAGE = attrgetter("severity"), attrgetter("course"), attrgetter("stage")
SEVERITIES = {"mild": 1, "moderate": 2, "severe": 3}
_ENDED = np.isin(np.arange(len(Course)), (Course.OVER, Course.PAUSED))


def condition(atom: Condition, view: View, *, since: int = FLOOR) -> Answer:
    """What began, or where that is not known was written down, before the day `since` is no longer believed."""
    span = view.span(atom)
    if span is None:
        return constant(view.patients, UNKNOWN, Reason.NO_ANCHOR)
    all_rows = view.rows(Kind.CONDITION)
    states = view.states_of(atom, all_rows)
    spoken = (states >= State.MENTIONED).nonzero()[0]
    rows = all_rows[spoken]
    grades = least(
        rows,
        identified(states[spoken]),
        partial(standing, view),
        _time(atom, view, span),
        view.qualified(atom, qualifiers),
        partial(_fresh, view, since),
        view.each(atom, _SEVERITY, partial(_severity, view)),
        view.each(atom, _COURSE, partial(_course, view)),
        view.each(atom, _STAGE, partial(_stage, view)),
    )
    found = Rows(rows, view.at("patient", rows), grades)
    absence = view.absence("condition", atom, (Family.CONDITIONS,), span)
    answer = exists(found, absence, assumed=span.assumed)
    told = denied(view, answer, found, denials(view, all_rows, atom))
    return replace(told, truth=presumed(told.truth, span.assumed))


def _when(atom: Condition) -> str:
    if atom.when == "active" and atom.window is None:
        return "now"
    return atom.when if atom.when in {"onset", "history"} else "lasting"


def _time(atom: Condition, view: View, span: calendar.Span) -> Test:
    placed = view.each(atom, _when, partial(_placed, view, span))
    was_once = view.each(atom, _once, partial(_was_once, view))

    def test(rows: Ints) -> Graded | None:
        history = view.states_of(atom, rows) == State.HISTORY
        if not history.any():
            return placed(rows)
        parts = [(places, judge(rows[places])) for places, judge in ((~history, placed), (history, was_once))]
        return spread(len(rows), [(places.nonzero()[0], one) for places, one in parts if one is not None])

    return test


def _placed(view: View, span: calendar.Span, when: str, rows: Ints) -> Graded:
    match when:
        case "onset":
            return began(view, span, rows)
        case "now":
            return _current(view, rows)
        case "history":
            return _over(view, span, rows)
        case _:
            return _lasting(view, span, rows)


def _once(atom: Condition) -> tuple[str, bool]:
    return atom.when, atom.window is not None


def _was_once(view: View, asked: tuple[str, bool], rows: Ints) -> Graded:
    """A code for "history of" says that it was once so, not when, and that it is not so now."""
    when, windowed = asked
    then = {"active": NO, "history": YES, "onset": UNKNOWN}.get(when, UNKNOWN if windowed else YES)
    past = overlapped(view, calendar.until(view.on), rows)
    return Graded(np.minimum(past.grade, then), lambda: Reason.UNDATED)


def _lasting(view: View, span: calendar.Span, rows: Ints) -> Graded:
    """Its time overlaps the window; what holds at the index date overlaps every window that ends there."""
    found = overlapped(view, span, rows)
    now = _current(view, rows).grade
    up_to_date = span.of(view.at("patient", rows)).last_earliest == view.today
    held: Grades = now * (up_to_date & (now >= PRESUMED_YES))
    return Graded(np.maximum(found.grade, held), found.why)


def _current(view: View, rows: Ints) -> Graded:
    """Whether it holds at the index date: a stated active status is current even where its onset is not dated."""
    today = calendar.day(view.on)
    course, low, high = (view.at(name, rows) for name in ("course", "start_low", "start_high"))
    grade = overlapped(view, calendar.at(view.on), rows).grade
    begun = (high <= today) | ((low == FLOOR) & (high == CEIL))
    endless = view.at("end_high", rows) == CEIL
    grade[(GOES_ON[course] & begun).nonzero()[0]] = YES
    grade[(_ENDED[course] & endless).nonzero()[0]] = NO
    # nothing said about its course and nothing about its end: taken as still there, by assumption
    grade[((course == Course.OPEN) & endless & begun).nonzero()[0]] = PRESUMED_YES
    return Graded(grade, lambda: Reason.UNDATED)


def _over(view: View, span: calendar.Span, rows: Ints) -> Graded:
    """It was there and is no longer; what is in remission is over (FHIR's status inactive holds both)."""

    def gone(some: Ints) -> Graded:
        now = _current(view, some)
        return Graded(YES - now.grade, now.why)

    return least(rows, overlapped(view, span, rows), gone)


def _fresh(view: View, since: int, rows: Ints) -> Graded | None:
    if since == FLOOR:
        return None
    low, high, recorded = (view.at(name, rows) for name in ("start_low", "start_high", "recorded"))
    old = (high < since) | ((low == FLOOR) & (recorded > FLOOR) & (recorded < since))
    return graded(~old, np.zeros(len(rows), bool), Reason.STALE)


def _severity(view: View, asked: str, rows: Ints) -> Graded:
    least_rank = SEVERITIES[asked]
    values, numbers = view.facts.vocabulary.codes.values, view.at("severity", rows)
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
    return graded(view.at("course", rows) == Course.RECURRENT, nothing, Reason.ABSENT)


def _stage(view: View, asked: str, rows: Ints) -> Graded:
    """The same words are the stage; other words may still mean it, as every system writes stages its own way."""
    values = view.facts.vocabulary.codes.values
    recorded = [[word.casefold() for word in values[n].words] for n in view.at("stage", rows).tolist()]
    wanted = asked.casefold().removeprefix("stage ")
    same = np.array([wanted in [word.removeprefix("stage ") for word in words] for words in recorded], bool)
    return graded(same, np.zeros(len(rows), bool), Reason.ABSENT)
