"""The criteria that registries keep in fields: `age` and `sex`, as atoms; nothing is read into them but the fields."""

from __future__ import annotations

import re
from typing import Literal

from fhirtrial.criteria.criterion import Criterion, Note
from fhirtrial.criteria.tree import Age, All, Node, NotComputable, Sex
from fhirtrial.records.fields import Eligibility

AgeUnit = Literal["a", "mo", "wk", "d"]
_UNITS: dict[str, AgeUnit] = {"year": "a", "month": "mo", "week": "wk", "day": "d"}
_AGE = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(year|month|week|day|hour|minute)s?\b", re.IGNORECASE)
_SEXES: dict[str, Literal["female", "male"]] = {"FEMALE": "female", "MALE": "male"}


def parse_age(text: str) -> tuple[float, AgeUnit] | None:
    """The number and calendar unit of "18 Years"; None for hours, minutes and what is no age."""
    match = _AGE.match(text)
    if match is None or match[2].lower() not in _UNITS:
        return None
    return float(match[1]), _UNITS[match[2].lower()]


def structured_criteria(fields: Eligibility) -> tuple[Criterion, ...]:
    """`age` where a limit is given, `sex` where it is not everybody; both are inclusions.

    A registry's maximum age includes the whole last year ("75 Years" ends at the 76th birthday), which is what
    completed age says. No age at all makes no criterion: adults are not assumed.
    """
    return tuple(c for c in (_age(fields), _sex(fields)) if c is not None)


def _age(fields: Eligibility) -> Criterion | None:
    if fields.minimum_age is None and fields.maximum_age is None:
        return None
    limits = (("Minimum", fields.minimum_age), ("maximum", fields.maximum_age))
    text = "; ".join(f"{label} age: {limit}" for label, limit in limits if limit)
    text = text[0].upper() + text[1:]
    low = parse_age(fields.minimum_age) if fields.minimum_age else None
    high = parse_age(fields.maximum_age) if fields.maximum_age else None
    tree: Node
    if (fields.minimum_age and low is None) or (fields.maximum_age and high is None):
        tree = NotComputable(text=text, reason="not_encoded")
    elif low and high and low[1] == high[1]:
        tree = Age(low=low[0], high=high[0], unit=low[1])
    elif low and high:
        tree = All(nodes=(Age(low=low[0], unit=low[1]), Age(high=high[0], unit=high[1])))
    elif low:
        tree = Age(low=low[0], unit=low[1])
    elif high:
        tree = Age(high=high[0], unit=high[1])
    return Criterion(id="age", kind="inclusion", text=text, tree=tree)


def _sex(fields: Eligibility) -> Criterion | None:
    """A trial "based on gender" asks for gender identity, which no administrative sex answers."""
    if fields.sex is None or fields.sex.upper() == "ALL":
        return None
    text = f"Sex: {fields.sex}"
    value = _SEXES.get(fields.sex.upper())
    if value is None:
        tree: Node = NotComputable(text=text, reason="not_encoded")
    elif fields.gender_based:
        tree = NotComputable(text=f"{text} (by gender identity)", reason="judgement")
    else:
        tree = Sex(value=value)
    notes = (Note(text=fields.gender_description),) if fields.gender_description else ()
    return Criterion(id="sex", kind="inclusion", text=text, tree=tree, notes=notes)
