"""Criteria → FHIR searches for Patients whose union keeps everybody that arithmetic does not rule out (a prefilter).

Only age and sex are asked. A condition that a criterion requires is not: one recorded in words, under a wider code or
in a code system of the house leaves the criterion open, and a search that asks for codes would drop that patient.
"""

from __future__ import annotations

import calendar
import datetime as dt
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.lower import Lowered, lower
from fhirtrial.criteria.tree import Age, AtLeast, Not, Sex

_OTHER = {"female": "male", "male": "female"}


@dataclass(frozen=True)
class Required:
    """What every eligible patient is: of each of these ages, and of none of these sexes."""

    ages: tuple[Age, ...]
    never: frozenset[str]


def required(criteria: Iterable[Criterion]) -> Required:
    found = [one for c in criteria if c.kind != "defect" for one in _needed(lower(c.tree), c.kind == "inclusion")]
    ages = tuple(dict.fromkeys(one for one in found if isinstance(one, Age)))
    return Required(ages, frozenset(_OTHER[one.value] for one in found if isinstance(one, Sex)))


def prefilter(criteria: Iterable[Criterion], on: dt.date) -> tuple[str, ...]:
    """Searches of which every possible patient answers one, on that screening day; none where neither is asked.

    A search on a date has no "or is missing", so that those without a birth date are found by a search of their own; a
    birth after the day says nothing of an age and is kept. `:not` keeps those who have no such code.
    """
    needs = required(criteria)
    sexes = [f"gender:not={sex}" for sex in sorted(needs.never)]
    born = list(dict.fromkeys(_births(needs.ages, on)))
    if not born:
        return (_search(sexes),) if sexes else ()
    return (_search([*born, *sexes]), _search(["birthdate:missing=true", *sexes]))


def _search(parameters: Iterable[str]) -> str:
    return f"Patient?{'&'.join(parameters)}"


def _needed(node: Lowered, wanted: bool) -> Iterator[Age | Sex]:
    """The ages and sexes without which the node cannot be as wanted; what is unwanted is turned round."""
    match node:
        case Age():
            yield from [node] if wanted else _outside(node)
        case Sex(value=value):
            yield node if wanted else Sex.model_validate({"value": _OTHER[value]})
        case Not(node=inner):
            yield from _needed(inner, not wanted)  # type: ignore[arg-type]
        case AtLeast(k=k, nodes=nodes) if k == (len(nodes) if wanted else 1):
            for inner in nodes:
                yield from _needed(inner, wanted)  # type: ignore[arg-type]


def _outside(age: Age) -> Iterator[Age]:
    """Below the lower bound, or above the upper; outside of both is no one stretch of birth dates."""
    if age.low is not None and age.high is None:
        yield Age(high=age.low, high_op="<" if age.low_op == ">=" else "<=", unit=age.unit)
    elif age.high is not None and age.low is None:
        yield Age(low=age.high, low_op=">" if age.high_op == "<=" else ">=", unit=age.unit)


def _births(ages: Iterable[Age], on: dt.date) -> Iterator[str]:
    """Completed n units old is born on or before the day n units before the screening day."""
    for age in ages:
        if age.low is not None:
            least = math.ceil(age.low) if age.low_op == ">=" else math.floor(age.low) + 1
            yield f"birthdate=le{_before(on, least, age.unit)},gt{on}"
        if age.high is not None:
            over = math.floor(age.high) + 1 if age.high_op == "<=" else math.ceil(age.high)
            yield f"birthdate=gt{_before(on, over, age.unit)}"


def _before(day: dt.date, units: int, unit: str) -> dt.date:
    if unit in {"wk", "d"}:
        return day - dt.timedelta(days=units * (7 if unit == "wk" else 1))
    year, month = divmod(day.year * 12 + day.month - 1 - units * (12 if unit == "a" else 1), 12)
    return dt.date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
