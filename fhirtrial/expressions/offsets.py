"""Offsets as whole months or days, and windows by them: one rule, which each language of expressions words itself.

It is `matching.calendar`'s: what the matcher counts and what an expression says must be the same day.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, TypeAlias

from fhirtrial.criteria.tree import ASSUMED, Offset, Window

Unit: TypeAlias = Literal["months", "days"]

_MONTHS = {"a": 12, "mo": 1}
_DAYS = {"wk": 7, "d": 1}


def whole(offset: Offset) -> tuple[int, Unit] | None:
    """The signed length and its unit; None for half-lives, which only a drug's own data turn into days."""
    if offset.unit in _MONTHS:
        return round(offset.value * _MONTHS[offset.unit]), "months"
    if offset.unit in _DAYS:
        return round(offset.value * _DAYS[offset.unit]), "days"
    return (math.floor(offset.value / 24), "days") if offset.unit == "h" else None


def known(window: Window) -> bool:
    """Whether its anchor is the index date, if only by assumption; any other lies after it or is not recorded."""
    return window.anchor == "screening" or window.anchor in ASSUMED


def ends(window: Window, ever: str, today: str, moved: Callable[[int, Unit], str]) -> tuple[str, str, bool] | None:
    """First day, last day, and whether by assumption only; the last is never past the index date.

    None where its anchor is not known or it counts in half-lives.
    """
    if not known(window):
        return None
    first = ever if window.start is None else _day(window.start, today, moved)
    last = today if window.end is None or window.end.value >= 0 else _day(window.end, today, moved)
    return None if first is None or last is None else (first, last, window.anchor in ASSUMED)


def _day(offset: Offset, today: str, moved: Callable[[int, Unit], str]) -> str | None:
    by = whole(offset)
    if by is None:
        return None
    return moved(*by) if by[0] else today
