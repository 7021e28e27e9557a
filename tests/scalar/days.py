"""Windows and calendar arithmetic on day numbers; every comparison with an interval is yes, no or undated.

A window never reaches beyond the index date: what lies after it has not happened.
"""

from __future__ import annotations

import math
from calendar import monthrange
from datetime import date, timedelta
from typing import NamedTuple

from scalar.grade import NO, YES, Grade, every, unknown
from scalar.person import Entry, Person

from fhirtrial.criteria.tree import Offset, Window
from fhirtrial.criteria.truth import Truth, presume
from fhirtrial.matching.reasons import Reason
from fhirtrial.patients.facts import CEIL, FLOOR, Course
from fhirtrial.terminology.medicines import half_life_hours

EPOCH = date(1970, 1, 1)
NEVER_DEFAULT = frozenset({"symptom-onset", "last-dose", "during-study", "after-last-dose"})


class Span(NamedTuple):
    """[start, end], where the start itself may only be known to lie between two days (a washout in half-lives)."""

    start_low: int
    start_high: int
    end: int


def later(day: int, months: int) -> int:
    """The same day of another month, or that month's last."""
    start = EPOCH + timedelta(days=day)
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    month += 1
    return (date(year, month, min(start.day, monthrange(year, month)[1])) - EPOCH).days


def moved(day: int, offset: Offset) -> int:
    if offset.value == 0 or day in (FLOOR, CEIL):
        return day
    match offset.unit:
        case "a":
            return later(day, round(offset.value * 12))
        case "mo":
            return later(day, round(offset.value))
        case "wk":
            return day + round(offset.value * 7)
        case "d":
            return day + round(offset.value)
        case _:
            raise ValueError(offset.unit)


def span(person: Person, window: Window | None, drug: str = "") -> Span:
    if window is None:
        return Span(FLOOR, FLOOR, person.on)
    end = person.on if window.end is None else min(person.on, moved(person.on, window.end))
    if window.start is None:
        return Span(FLOOR, FLOOR, end)
    if window.start.unit == "half-life":
        hours = half_life_hours(drug)
        if hours is None:
            return Span(FLOOR, person.on, end)
        ends = sorted(person.on + window.start.value * h / 24 for h in hours)
        return Span(math.floor(ends[0]), math.ceil(ends[1]), end)
    start = moved(person.on, window.start)
    return Span(start, start, end)


def anchorless(window: Window | None) -> bool:
    return window is not None and window.anchor in NEVER_DEFAULT


def capped(window: Window | None, grade: Grade) -> Grade:
    """Any anchor but screening is assumed to be the index date."""
    if window is None or window.anchor == "screening":
        return grade
    return Grade(presume(grade.truth), grade.reasons)


def compared(sure: bool, never: bool) -> Grade:
    return YES if sure else NO if never else unknown(Reason.UNDATED)


def by(entry: Entry, day: int) -> Grade:
    """Whether it began up to `day`."""
    low, high = entry.fact.start_low, entry.fact.start_high
    return compared(high <= day, low > day)


def begun(person: Person, entry: Entry) -> Grade:
    return by(entry, person.on)


def not_over(entry: Entry, start: Span) -> Grade:
    """Whether it lasted up to the start of the window."""
    low, high = entry.fact.end_low, entry.fact.end_high
    grade = compared(low >= start.start_high, high < start.start_low)
    if grade.truth is Truth.UNKNOWN and start.start_low != start.start_high:
        return unknown(Reason.NOT_COMPUTABLE)
    return grade


def overlaps(person: Person, entry: Entry, window: Span) -> Grade:
    """Whether it went on inside the window; active and without any date, it does up to the index date."""
    fact = entry.fact
    undated = (fact.start_low, fact.start_high) == (FLOOR, CEIL)
    if undated and fact.course is Course.NOW and window.end >= person.on:
        return YES
    return every(by(entry, window.end), not_over(entry, window))


def within(person: Person, entry: Entry, window: Span) -> Grade:
    """Whether it began inside the window."""
    low, high = entry.fact.start_low, entry.fact.start_high
    started = compared(low >= window.start_high, high < window.start_low)
    return every(by(entry, window.end), started)


def contained(entry: Entry, window: Span) -> Grade:
    """Whether all the time that a result speaks of lies inside the window."""
    low, high = entry.fact.start_low, max(entry.fact.start_high, entry.fact.end_high)
    return compared(window.start_high <= low and high <= window.end, high < window.start_low or low > window.end)
