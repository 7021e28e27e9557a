"""FHIR dates of every precision and offset as intervals of days."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from patients.fact_cases import day

from fhirtrial.patients import dates
from fhirtrial.patients.dates import (
    UNDATED,
    BadValueError,
    When,
    add_months,
    at_age,
    days_of,
    period,
    timing,
    when,
)  # fmt: skip
from fhirtrial.patients.dates import (
    day as day_number,
)
from fhirtrial.patients.elements import Period, Quantity, Repeat, Timing
from fhirtrial.patients.facts import CEIL, FLOOR

HOUR = 3_600_000
DAY = 24 * HOUR
Y2K = 946_684_800_000  # 2000-01-01T00:00:00Z


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2024", "2024-01-01", "2024-12-31"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("2023-02", "2023-02-01", "2023-02-28"),
        ("2000-02-29", "2000-02-29", "2000-02-29"),
        ("2023-12", "2023-12-01", "2023-12-31"),
        ("2024-02-29T23:59:59Z", "2024-02-29", "2024-02-29"),
        ("2024-02-29T23:59:59-10:00", "2024-02-29", "2024-02-29"),
        ("2024-03-01T00:30:00+14:00", "2024-03-01", "2024-03-01"),
        ("2016-12-31T23:59:60Z", "2016-12-31", "2016-12-31"),
        ("2024-06-01T10:20:30.123456+02:00", "2024-06-01", "2024-06-01"),
        ("2024-06-01T10:20:30", "2024-06-01", "2024-06-01"),
        ("2024-06-01T10:20", "2024-06-01", "2024-06-01"),
        ("0001", "0001-01-01", "0001-12-31"),
        ("9999-12", "9999-12-01", "9999-12-31"),
    ],
)
def test_days(text: str, low: str, high: str) -> None:
    found = when(text)
    assert (day(found.low), day(found.high)) == (low, high)


@pytest.mark.parametrize(
    ("text", "instant", "blur"),
    [
        ("2000-01-01T00:00:00Z", Y2K, 0),
        ("2000-01-01T01:00:00+01:00", Y2K, 0),
        ("1999-12-31T19:00:00-05:00", Y2K, 0),
        ("2000-01-01T00:00:00.5Z", Y2K + 500, 0),
        ("2000-01-01T00:00:00.123456Z", Y2K + 123, 0),
        ("2000-01-01T00:00Z", Y2K + 59_999, 59_999),
        ("2000-01-01", Y2K + DAY - 1, DAY - 1),
        ("2000-02", Y2K + 60 * DAY - 1, 29 * DAY - 1),
        ("2000-01-01T00:00:00", Y2K + 12 * HOUR, 26 * HOUR),
    ],
)
def test_moments(text: str, instant: int, blur: int) -> None:
    found = when(text)
    assert (found.instant, found.blur) == (instant, blur)


@pytest.mark.parametrize(
    "text",
    [
        "2023-02-29", "1900-02-29", "2024-13", "2024-00", "2024-04-31", "24-01-01", "2024-1-1", "2024-01-01T24:00:00Z",
        "2024-01-01T10:60:00Z", "2024-01-01T10:00:61Z", "2024-01-01T10:00:00+15:00", "2024-01-01T10", "0000",
        "2024-01-01 10:00:00Z", "yesterday", " 2024", "2024-01-01T10:00:00z", "20240101", "２０２４", "2024-01-01T",
    ],
)  # fmt: skip
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(BadValueError) as caught:
        when(text, "onsetDateTime")
    assert caught.value.path == "onsetDateTime"
    assert text not in caught.value.got


def test_nothing_said_is_unbounded() -> None:
    assert when("") == UNDATED
    assert (UNDATED.low, UNDATED.high) == (FLOOR, CEIL)


@given(st.dates(), st.times(), st.integers(-12 * 60, 14 * 60))
def test_a_day_is_the_local_day_whatever_the_offset(date: object, time: object, minutes: int) -> None:
    sign = "-" if minutes < 0 else "+"
    zone = f"{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    found = when(f"{date}T{str(time)[:8]}{zone}")
    assert day(found.low) == day(found.high) == str(date)
    assert found.instant == when(f"{date}T{str(time)[:8]}Z").instant - minutes * 60_000


@given(
    st.sampled_from(["0001", "1582", "1969", "1970", "2000", "2024", "9999"]),
    st.tuples(st.integers(1, 12), st.integers(1, 31), st.integers(0, 23), st.integers(0, 59), st.integers(0, 60)),
    st.sampled_from(["", ".1", ".12", ".123", ".9999", ".1234567", ".123456789012"]),
    st.sampled_from(["Z", "+00:00", "-00:00", "+14:00", "-12:00", "+14:59", "-05:30"]),
)
def test_a_moment_is_the_sum_of_its_day_and_its_time_of_day(
    year: str, numbers: tuple[int, ...], fraction: str, zone: str
) -> None:
    """The quicker reading of ordinary moments is the same as reading digit by digit."""
    month, number, hour, minute, second = numbers
    date, time = f"{year}-{month:02}-{number:02}", f"T{hour:02}:{minute:02}:{second:02}{fraction}{zone}"
    try:
        first, last = dates._span(date)
    except ValueError:
        with pytest.raises(BadValueError):
            when(date + time)
        return
    later, blur = dates._clock(time)
    assert when(date + time) == When(first, last, first * DAY + later, blur)


@pytest.mark.parametrize(
    ("start", "months", "then"),
    [
        ("2024-01-31", 1, "2024-02-29"),
        ("2023-01-31", 1, "2023-02-28"),
        ("2024-02-29", 12, "2025-02-28"),
        ("2024-02-29", 48, "2028-02-29"),
        ("2024-03-31", -1, "2024-02-29"),
        ("2024-11-30", 3, "2025-02-28"),
        ("9999-01-01", 12, "ceil"),
        ("0001-01-01", -1, "floor"),
    ],
)
def test_months_are_calendar_months(start: str, months: int, then: str) -> None:
    assert day(add_months(day_number(*map(int, start.split("-"))), months)) == then


@pytest.mark.parametrize(
    ("span", "start", "end"),
    [
        (Period("2024", "2025-02"), ("2024-01-01", "2024-12-31"), ("2025-02-01", "2025-02-28")),
        (Period("2024-05-06"), ("2024-05-06", "2024-05-06"), None),
        (Period("", "2024-05"), ("floor", "2024-05-31"), ("2024-05-01", "2024-05-31")),
        (Period(), ("floor", "ceil"), None),
        (None, ("floor", "ceil"), None),
        (Period("2024-05-06", "2024-05"), ("2024-05-06", "2024-05-06"), ("2024-05-01", "2024-05-31")),
    ],
)
def test_periods(span: Period | None, start: tuple[str, str], end: tuple[str, str] | None) -> None:
    first, last = period(span, "period")
    assert (day(first.low), day(first.high)) == start
    assert (None if last is None else (day(last.low), day(last.high))) == end


def test_a_timing_spans_its_events_or_bounds() -> None:
    first, last = timing(Timing(event=("2024-02-03", None, "2024-01-01")), "x")
    assert last is not None
    assert (day(first.low), day(last.high)) == ("2024-01-01", "2024-02-03")
    first, last = timing(Timing(repeat=Repeat(bounds_period=Period("2024-05-06"))), "x")
    assert (day(first.low), last) == ("2024-05-06", None)
    assert timing(Timing(), "x") == (UNDATED, None)


BORN = (day_number(2000, 2, 29), day_number(2000, 2, 29))


@pytest.mark.parametrize(
    ("age", "low", "high"),
    [
        (Quantity(20, code="a"), "2020-02-29", "2021-02-27"),
        (Quantity(18, unit="Years"), "2018-02-28", "2019-02-27"),
        (Quantity(3, code="mo"), "2000-05-29", "2000-06-28"),
        (Quantity(2, code="wk"), "2000-03-14", "2000-03-20"),
        (Quantity(10, code="d"), "2000-03-10", "2000-03-10"),
        (Quantity(5, code="h"), "2000-02-29", "2000-02-29"),
        (Quantity(5, code="parsec"), "floor", "ceil"),
        (Quantity(code="a"), "floor", "ceil"),
        (Quantity(-1, code="a"), "floor", "ceil"),
        (Quantity(65, ">", code="a"), "2065-02-28", "ceil"),
        (Quantity(5, "<=", code="a"), "2000-02-29", "2006-02-27"),
    ],
)
def test_ages(age: Quantity, low: str, high: str) -> None:
    found = at_age(BORN, age, age)
    assert (day(found.low), day(found.high)) == (low, high)


@pytest.mark.parametrize(
    ("amount", "days"),
    [
        (Quantity(2, code="wk"), 14.0),
        (Quantity(12, code="h"), 0.5),
        (Quantity(1, unit="day"), 1.0),
        (Quantity(12, code="mo"), 365.25),
        (Quantity(1, code="mg"), None),
        (None, None),
    ],
)
def test_durations(amount: Quantity | None, days: float | None) -> None:
    assert days_of(amount) == days
