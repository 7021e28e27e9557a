"""Windows and recency as calendar expressions on IndexDate; an anchor that is not known leaves the atom unknown."""

from __future__ import annotations

import math
from typing import NamedTuple

from fhirtrial.criteria.tree import ASSUMED, Offset, Window
from fhirtrial.expressions.offsets import Unit, ends, known, whole

TODAY = "IndexDate"
# Beside half-lives only whole days occur; longer units have no fixed length.
_HOURS = {"h": 1.0, "d": 24.0, "wk": 168.0}
EVER = '"Floor"'


class Span(NamedTuple):
    """First and last day as CQL; `assumed` when the result is at most presumed."""

    first: str
    last: str
    assumed: bool = False

    @property
    def days(self) -> str:
        return f"{self.first}, {self.last}"


UNTIL = Span(EVER, TODAY)
AT = Span(TODAY, TODAY)


def recent(days: int | None) -> Span:
    return UNTIL if days is None else Span(f"{TODAY} - {days} days", TODAY)


def resolved(window: Window) -> Span | None:
    """The window at the index date, never past it; None where its anchor is not known or it counts in half-lives."""
    found = ends(window, EVER, TODAY, _moved)
    return None if found is None else Span(*found)


def wholly(window: Window) -> Span | None:
    """As `resolved`; a window in half-lives may reach back without end, and counts none at its other end."""
    if not in_half_lives(window):
        return resolved(window)
    spans = by_half_life(window, (0.0, 0.0))
    return None if spans is None else Span(EVER, spans[0].last, window.anchor in ASSUMED)


def in_half_lives(window: Window) -> bool:
    return any(o is not None and o.unit == "half-life" for o in (window.start, window.end))


def length(offset: Offset) -> str | None:
    """A calendar length without direction: `3 months`; None for half-lives."""
    by = whole(offset)
    return None if by is None else f"{abs(by[0])} {by[1] if by[0] else 'days'}"


def by_half_life(window: Window, hours: tuple[float, float]) -> tuple[Span, Span] | None:
    """What the window surely covers and what it may, by the shorter and the longer half-life."""
    if not known(window):
        return None
    first, last = (_ends(offset, hours) for offset in (window.start, window.end))
    narrow = Span(EVER if first is None else _day(max(first)), TODAY if last is None else _day(min(*last, 0)))
    wide = Span(EVER if first is None else _day(min(first)), TODAY if last is None else _day(min(max(last), 0)))
    return narrow, wide


def _ends(offset: Offset | None, hours: tuple[float, float]) -> tuple[int, int] | None:
    if offset is None:
        return None
    per = hours if offset.unit == "half-life" else (_HOURS[offset.unit], _HOURS[offset.unit])
    low, high = sorted(offset.value * h / 24 for h in per)
    return math.floor(low), math.ceil(high)


def _day(days: int) -> str:
    return _moved(days, "days") if days else TODAY


def _moved(length: int, unit: Unit) -> str:
    return f"{TODAY} {'-' if length < 0 else '+'} {abs(length)} {unit}"
