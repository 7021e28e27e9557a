"""FHIR dates of any precision as the days that they allow, in ISO text, which sorts; windows on the index date.

Days are compared as text, so that no engine's idea of a time zone or of partial dates comes in: the day of a moment is
the local day in its stated offset.
"""

from __future__ import annotations

from typing import NamedTuple

from fhirtrial.criteria.tree import Window
from fhirtrial.expressions.fhirpath.words import EMPTY, FLOOR, INDEX, TODAY, when
from fhirtrial.expressions.offsets import Unit, ends

_MONTHS = {"a": 12, "year": 12, "years": 12, "yr": 12, "yrs": 12, "y": 12, "mo": 1, "month": 1, "months": 1}
_DAYS = {"wk": 7, "week": 7, "weeks": 7, "d": 1, "day": 1, "days": 1}
_PARTS = {
    "h": 24,
    "hour": 24,
    "hours": 24,
    "min": 1440,
    "minute": 1440,
    "minutes": 1440,
    "s": 86400,
    "second": 86400,
    "seconds": 86400,
}


class Days(NamedTuple):
    """First and last day of a window as FHIRPath; `assumed` when the result is at most presumed."""

    first: str
    last: str
    assumed: bool = False


PATIENT = "%context.entry.resource.ofType(Patient).where(modifierExtension.empty() and implicitRules.empty()).first()"
"""A Patient that carries a modifier nobody understands tells neither birth nor sex."""
UNTIL = Days(FLOOR, TODAY)
AT = Days(TODAY, TODAY)


def recent(days: int | None) -> Days:
    return UNTIL if days is None else Days(f"({INDEX} - {days} days).toString()", TODAY)


def resolved(window: Window) -> Days | None:
    """The window at the index date, never past it; None where its anchor is not known or it counts in half-lives."""
    found = ends(window, FLOOR, TODAY, _moved)
    return None if found is None else Days(*found)


def earliest(text: str) -> str:
    """The first day of a date; `text` is the name of a String that is not empty."""
    return f"({text} & '-01-01').substring(0, 10)"


def latest(text: str) -> str:
    month_end = f"(({text} & '-01').toDate() + 1 month - 1 day).toString()"
    return when(
        (f"{text}.length() = 4", f"{text} & '-12-31'"),
        (f"{text}.length() = 7", month_end),
        otherwise=f"{text}.substring(0, 10)",
    )


def began(low: str, high: str, days: Days) -> str:
    return when(
        (f"{low} >= {days.first} and {high} <= {days.last}", "true"),
        (f"{high} < {days.first} or {low} > {days.last}", "false"),
        otherwise=EMPTY,
    )


def overlaps(low: str, high: str, end_low: str, end_high: str, days: Days) -> str:
    return when(
        (f"{high} <= {days.last} and {end_low} >= {days.first}", "true"),
        (f"{low} > {days.last} or {end_high} < {days.first}", "false"),
        otherwise=EMPTY,
    )


def at_age(age: str, birth: str, *, last: bool) -> str:
    """The first or last day of an age (a Quantity) after the day of birth; {} where it cannot be told.

    "At 40 years" is from the fortieth birthday until the day before the next.
    """
    unit = f"iif({age}.code.exists(), {age}.code, {age}.unit.lower())"
    parts = [(names, f"{age}.value * {size}", size, "months") for size, names in _by_size(_MONTHS)]
    parts += [(names, f"{age}.value * {size}", size, "days") for size, names in _by_size(_DAYS)]
    parts += [(names, f"{age}.value / {size}", 1, "days") for size, names in _by_size(_PARTS)]
    cases = []
    for names, amount, size, length in parts:
        more = (
            ""
            if not last
            else f" + {size}"
            if length == "days"
            else f" + iif({age}.value = {age}.value.floor(), {size}, 1)"
        )
        moved = (
            f"({birth}.toDate() + ((({amount}).floor(){more if last else ''}).toString() & ' {length}').toQuantity())"
        )
        listed = " | ".join(f"'{name}'" for name in names)
        cases.append((f"{unit} in ({listed})", f"({moved} - 1 day).toString()" if last else f"{moved}.toString()"))
    return when((f"{age}.value >= 0", when(*cases, otherwise=EMPTY)), otherwise=EMPTY)


def _by_size(units: dict[str, int]) -> list[tuple[int, list[str]]]:
    return [(size, [name for name, own in units.items() if own == size]) for size in sorted(set(units.values()))]


def _moved(length: int, unit: Unit) -> str:
    return f"({INDEX} {'-' if length < 0 else '+'} {abs(length)} {unit}).toString()"


def born(*, last: bool) -> str:
    """The first or last day on which the patient may have been born; {} where that lies after the index date."""
    day = latest("$this") if last else earliest("$this")
    return f"{PATIENT}.birthDate.toString().where({earliest('$this')} <= {TODAY}).select({day})"
