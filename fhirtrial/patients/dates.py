"""FHIR dates, dateTimes, instants, Periods, Ages and Durations as intervals of days; nothing here reads a clock.

A day is the local date in the offset that the record states. What was written with less than a day's precision is the
whole interval it allows; what was not written is unbounded, never a guess.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from math import floor

from msgspec import Struct

from fhirtrial.patients.elements import Period, Quantity, Range, Timing
from fhirtrial.patients.facts import CEIL, FLOOR

DAY_MS = 86_400_000
_EPOCH = date(1970, 1, 1).toordinal()
_ZERO = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
# What Python's own reader understands as FHIR does; everything else is read digit by digit.
_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:Z|[+-](?:0\d|1[0-4]):[0-5]\d)", re.ASCII
)
_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", re.ASCII)
_TIME = re.compile(r"T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:\d\d)?", re.ASCII)
# UCUM codes of time, with the words and abbreviations that records use in their place.
_MONTHS = {"a": 12, "mo": 1, "year": 12, "years": 12, "yr": 12, "yrs": 12, "y": 12, "month": 1, "months": 1}
_DAYS = {
    "wk": 7.0, "week": 7.0, "weeks": 7.0, "d": 1.0, "day": 1.0, "days": 1.0, "h": 1 / 24, "hour": 1 / 24,
    "hours": 1 / 24, "min": 1 / 1440, "minute": 1 / 1440, "minutes": 1 / 1440, "s": 1 / 86400, "second": 1 / 86400,
}  # fmt: skip


class BadValueError(Exception):
    """A value that cannot be read; its resource becomes a Problem. `got` never repeats the value."""

    def __init__(self, path: str, got: str, todo: str) -> None:
        super().__init__(path, got, todo)
        self.path = path
        self.got = got
        self.todo = todo


class When(Struct, frozen=True, order=True, gc=False):
    """The days on which something may have been; the latest moment (ms, UTC), and how many ms earlier it may be."""

    low: int
    high: int
    instant: int
    blur: int = 0


def between(low: int, high: int) -> When:
    """Some time from the first moment of one day to the last of another."""
    return When(low, high, (high + 1) * DAY_MS - 1, (high - low + 1) * DAY_MS - 1)


def up_to(bound: When) -> When:
    """Nothing is known but that it was not later."""
    return When(FLOOR, bound.high, bound.instant, bound.instant - FLOOR * DAY_MS)


UNDATED = between(FLOOR, CEIL)
NOT_YET = between(CEIL, CEIL)
# A time without offset: anywhere on earth, from UTC+14 to UTC-12.
_NO_OFFSET = (12 * 3_600_000, 26 * 3_600_000)


def day(year: int, month: int, number: int) -> int:
    return date(year, month, number).toordinal() - _EPOCH


def when(text: str, path: str = "") -> When:
    """Any FHIR date, dateTime or instant; `2026-02` is all of February.

    >>> when("2024-02-29T23:30:00-05:00").low == when("2024-02-29").low
    True
    """
    try:
        return _when(text)
    except ValueError:
        todo = "write YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss+zz:zz of a day that exists"
        raise BadValueError(path, "no FHIR date or dateTime", todo) from None


@lru_cache(maxsize=512)
def _when(text: str) -> When:
    """One record says the same moment many times; what others say need not be remembered."""
    if not text:
        return UNDATED
    if _MOMENT.fullmatch(text):
        moment = datetime.fromisoformat(text)
        here = moment.toordinal() - _EPOCH
        return When(here, here, (moment - _ZERO) // _MS)
    low, high = _span(text[:10])
    if len(text) <= 10:
        return between(low, high)
    latest, blur = _clock(text[10:])
    return When(low, high, low * DAY_MS + latest, blur)


def _span(text: str) -> tuple[int, int]:
    """The first and last day of a date."""
    match = _DATE.fullmatch(text)
    if match is None:
        raise ValueError(text)
    year, month, number = match.groups()
    if number is not None:
        return (day(int(year), int(month), int(number)),) * 2
    if month is not None:
        first = day(int(year), int(month), 1)
        return first, first + monthrange(int(year), int(month))[1] - 1
    return day(int(year), 1, 1), day(int(year), 12, 31)


def _clock(text: str) -> tuple[int, int]:
    """The last ms after the local day began at which a time of day can be meant in UTC, and how many it may be less."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(text)
    hour, minute, second, fraction, zone = match.groups()
    h, m, s = int(hour), int(minute), int(second or 0)
    if h > 23 or m > 59 or s > 60:  # 60: a leap second
        raise ValueError(text)
    instant = ((h * 60 + m) * 60 + s) * 1000 + int(((fraction or "") + "000")[:3])
    later, blur = (-_offset(zone), 0) if zone else _NO_OFFSET
    unsaid = 0 if second else 59_999
    return instant + later + unsaid, blur + unsaid


def _offset(zone: str) -> int:
    if zone == "Z":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[4:6])
    if hours > 14 or minutes > 59:
        raise ValueError(zone)
    return (hours * 60 + minutes) * (-60_000 if zone[0] == "-" else 60_000)


def add_months(start: int, months: int) -> int:
    """Calendar arithmetic: the same day of another month, or that month's last day."""
    if start <= FLOOR or start >= CEIL:
        return start
    origin = date.fromordinal(start + _EPOCH)
    year, month = divmod(origin.year * 12 + origin.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        return FLOOR if year < 1 else CEIL
    last = monthrange(year, month + 1)[1]
    return day(year, month + 1, min(origin.day, last))


def add_days(start: int, days: float) -> int:
    return start if start in (FLOOR, CEIL) else max(FLOOR, min(CEIL, start + floor(days)))


def period(span: Period | None, path: str) -> tuple[When, When | None]:
    """Start, and end where one is given; a missing start is unbounded below and not after the end."""
    if span is None:
        return UNDATED, None
    start, end = when(span.start, path + ".start"), when(span.end, path + ".end")
    if not span.end:
        return start, None
    if not span.start:
        return up_to(end), end
    if end.high < start.low:
        raise BadValueError(path, "a Period that ends before it starts", "correct its start or end")
    return start, end


def timing(plan: Timing, path: str) -> tuple[When, When | None]:
    """The days that a Timing spans: its events, or its bounds."""
    events = [when(event, path + ".event") for event in plan.event if event]
    if events:
        first, last = min(events), max(events)
        return first, last
    if plan.repeat is not None and plan.repeat.bounds_period is not None:
        return period(plan.repeat.bounds_period, path + ".repeat.boundsPeriod")
    return UNDATED, None


def time_unit(quantity: Quantity) -> str:
    return quantity.code or quantity.unit.strip().lower()


def days_of(quantity: Quantity | None) -> float | None:
    """How many days a Duration lasts; None where it does not say. Months and years as their mean length."""
    if quantity is None or quantity.value is None:
        return None
    unit = time_unit(quantity)
    if unit in _MONTHS:
        return quantity.value * _MONTHS[unit] * 365.25 / 12
    return quantity.value * _DAYS[unit] if unit in _DAYS else None


def shift(start: When, low: Quantity | None, high: Quantity | None) -> When:
    """When `low`..`high` (durations) after `start` has passed; an unreadable duration leaves it open."""
    ends = _after(start.low, low, 0), _after(start.high, high, 0)
    return between(start.low if ends[0] is None else ends[0], CEIL if ends[1] is None else ends[1])


def at_age(birth: tuple[int, int] | None, low: Quantity | None, high: Quantity | None) -> When:
    """The days on which somebody born in `birth` was `low`..`high` old: at 40 years means before turning 41."""
    if birth is None:
        return UNDATED
    first = _after(birth[0], low, 0) if low is None or not low.comparator.startswith("<") else birth[0]
    last = _after(birth[1], high, 1) if high is None or not high.comparator.startswith(">") else None
    return between(FLOOR if first is None else first, CEIL if last is None else last)


def age_range(span: Range | None) -> tuple[Quantity | None, Quantity | None]:
    return (None, None) if span is None else (span.low, span.high)


def _after(start: int, amount: Quantity | None, whole: int) -> int | None:
    """The day `amount` after `start`; with `whole`, the last day before one more of its unit has passed."""
    if amount is None or amount.value is None or not 0 <= amount.value < 1e6:
        return None
    unit = time_unit(amount)
    if unit in _MONTHS:
        months = amount.value * _MONTHS[unit]
        step = (_MONTHS[unit] if amount.value % 1 == 0 else 1) * whole
        return add_months(start, floor(months) + step) - (whole if start > FLOOR else 0)
    if unit in _DAYS:
        days = amount.value * _DAYS[unit] + max(_DAYS[unit], 1.0) * whole
        return add_days(start, days) - (whole if FLOOR < start < CEIL else 0)
    return None
