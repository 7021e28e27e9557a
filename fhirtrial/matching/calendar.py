"""Days, windows and ages by calendar arithmetic; each function is told the index date, none asks for it.

A day is an integer, 1970-01-01 is 0; months and years are counted on the calendar, a day that a month lacks becomes
the month's last (31 March − 1 month is the end of February), as CQL 1.5 "Date and Time Arithmetic" has it.
"""

from __future__ import annotations

import calendar
import datetime as dt
import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from fhirtrial.criteria.tree import ASSUMED, Offset, Window
from fhirtrial.patients.facts import CEIL, FLOOR

Days: TypeAlias = NDArray[np.int64]

_EPOCH = dt.date(1970, 1, 1)
EPOCH = _EPOCH.toordinal()
DAYS = {"d": 1, "wk": 7}
MONTHS = {"mo": 1, "a": 12}


@dataclass(frozen=True)
class Span:
    """A window in days: it surely covers [first_latest, last_earliest], perhaps [first_earliest, last_latest].

    Either one for all patients, or each patient's own (see `lanes`).
    """

    first_earliest: int | Days
    first_latest: int | Days
    last_earliest: int | Days
    last_latest: int | Days
    assumed: bool | NDArray[np.bool_] = False

    def of(self, patient: Days) -> Span:
        """The window of each of these patients."""
        if isinstance(self.first_earliest, int):
            return self
        return Span(*(end if isinstance(end, bool) else np.asarray(end)[patient] for end in vars(self).values()))


def day(date: dt.date) -> int:
    return date.toordinal() - EPOCH


def date(day: int) -> dt.date:
    return dt.date.fromordinal(day + EPOCH)


def shift(on: dt.date, offset: Offset) -> int | None:
    """The day `offset` away from `on`; None for half-lives, which only the drug's own data turn into days."""
    if offset.unit in MONTHS:
        return day(_months(on, round(offset.value * MONTHS[offset.unit])))
    if offset.unit in DAYS:
        return day(on) + round(offset.value * DAYS[offset.unit])
    if offset.unit == "h":
        return day(on) + math.floor(offset.value / 24)
    return None


def shifted(days: Days, offset: Offset) -> Days | None:
    """As `shift`, for many days; those before and after all days stay no days and are not to be used."""
    if offset.unit in DAYS or offset.unit == "h":
        return days.astype(np.int64) + shift(_EPOCH, offset)  # type: ignore[operator]
    if offset.unit not in MONTHS:
        return None
    known = np.where(abs(days) < CEIL, days, 0).astype("datetime64[D]")
    month = known.astype("datetime64[M]")
    later = month + round(offset.value * MONTHS[offset.unit])
    longest = (later + 1).astype("datetime64[D]") - later.astype("datetime64[D]") - 1
    found: Days = (later.astype("datetime64[D]") + np.minimum(known - month, longest)).astype(np.int64)
    return found


def resolve(window: Window, on: dt.date, half_life: tuple[float, float] | None = None) -> Span | None:
    """The window's days at `on`, never past it; None where its anchor is not known before the study starts.

    `half_life` is the drug's range in hours; a window in half-lives without it cannot be resolved either.
    """
    if window.anchor != "screening" and window.anchor not in ASSUMED:
        return None
    first = _bounds(window.start, on, half_life, FLOOR)
    last = _bounds(window.end, on, half_life, CEIL)
    if first is None or last is None:
        return None
    today = day(on)
    return Span(min(first), max(first), min(*last, today), min(max(last), today), assumed=window.anchor in ASSUMED)


def until(on: dt.date) -> Span:
    """Ever, up to the index date."""
    return Span(FLOOR, FLOOR, day(on), day(on))


def at(on: dt.date) -> Span:
    return Span(day(on), day(on), day(on), day(on))


def recent(on: dt.date, days: int | None) -> Span:
    """The last `days` before the index date and the date itself; None: ever."""
    return until(on) if days is None else Span(day(on) - days, day(on) - days, day(on), day(on))


def completed(unit: str, birth: Days, on: dt.date) -> Days:
    """Completed years, months, weeks or days from each of the days to `on`; 29 February turns on 1 March."""
    if unit in DAYS:
        return (day(on) - birth) // DAYS[unit]
    born = birth.astype("datetime64[D]")
    month = born.astype("datetime64[M]")
    of_month = (born - month).astype(np.int64) + 1
    months = (on.year - 1970) * 12 + on.month - 1 - month.astype(np.int64) - (on.day < of_month)
    count: Days = months // MONTHS[unit]
    return count


def _bounds(
    offset: Offset | None, on: dt.date, half_life: tuple[float, float] | None, unbounded: int
) -> tuple[int, int] | None:
    if offset is None:
        return unbounded, unbounded
    shifted = shift(on, offset)
    if shifted is not None:
        return shifted, shifted
    if half_life is None:
        return None
    low, high = (day(on) + offset.value * hours / 24 for hours in half_life)
    return math.floor(min(low, high)), math.ceil(max(low, high))


def _months(on: dt.date, months: int) -> dt.date:
    year, month = divmod(on.year * 12 + on.month - 1 + months, 12)
    return dt.date(year, month + 1, min(on.day, calendar.monthrange(year, month + 1)[1]))
