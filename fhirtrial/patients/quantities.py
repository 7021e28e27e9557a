"""Observation values and reference ranges as numbers with units, codes or words, exactly as recorded.

No unit is converted and no word is interpreted here; a value that is missing says why it is (`dataAbsentReason`).
"""

from __future__ import annotations

import re
from math import inf, isfinite, nan
from typing import NamedTuple

from fhirtrial.patients.codes import NOTHING, code_set, has
from fhirtrial.patients.dates import BadValueError
from fhirtrial.patients.elements import Concept, Quantity, Range, Ratio
from fhirtrial.patients.facts import CodeSet, Comparator, ReferenceRange, ValueKind
from fhirtrial.patients.resources import Measured
from fhirtrial.patients.resources import ReferenceRange as RecordedRange
from fhirtrial.terminology.systems import URIS

_COMPARATORS = {
    "": Comparator.EXACT,
    "<": Comparator.LESS,
    "<=": Comparator.LESS_OR_EQUAL,
    ">": Comparator.GREATER,
    ">=": Comparator.GREATER_OR_EQUAL,
}
_TURNED = {
    Comparator.EXACT: Comparator.EXACT,
    Comparator.LESS: Comparator.GREATER,
    Comparator.LESS_OR_EQUAL: Comparator.GREATER_OR_EQUAL,
    Comparator.GREATER: Comparator.LESS,
    Comparator.GREATER_OR_EQUAL: Comparator.LESS_OR_EQUAL,
}
_MEANING = "http://terminology.hl7.org/CodeSystem/referencerange-meaning"
_SEXES = {
    "http://hl7.org/fhir/administrative-gender": {"male": "male", "female": "female"},
    "http://terminology.hl7.org/CodeSystem/v3-AdministrativeGender": {"M": "male", "F": "female"},
    "http://snomed.info/sct": {"248153007": "male", "248152002": "female"},
}
_YEARS = {"a": 1.0, "mo": 1 / 12, "wk": 7 / 365.25, "d": 1 / 365.25, "year": 1.0, "years": 1.0, "yr": 1.0, "y": 1.0}
_NUMBER = r"([+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)"
_BETWEEN = re.compile(rf"\s*{_NUMBER}\s*(?:-|–|—|to|\.\.)\s*{_NUMBER}\s*([^\d\s].*?)?\s*")
_BOUND = re.compile(rf"\s*(<=?|≤|>=?|≥|up to)\s*{_NUMBER}\s*([^\d\s].*?)?\s*", re.IGNORECASE)


class Value(NamedTuple):
    """What a measurement said: numbers with comparator and unit, or a code set; `path` is the deciding element."""

    kind: ValueKind
    path: str
    low: float = nan
    high: float = nan
    comparator: Comparator = Comparator.EXACT
    unit: str = ""
    coded: CodeSet = NOTHING


NO_VALUE = Value(ValueKind.NONE, "code")


def unit_of(quantity: Quantity) -> str:
    """The UCUM code where there is one, else the unit's words."""
    if quantity.code and (quantity.system == URIS["ucum"] or not quantity.system or not quantity.unit):
        return quantity.code
    return quantity.unit


def quantity(amount: Quantity, path: str) -> Value:
    if amount.value is None:
        return Value(ValueKind.NONE, path, unit=unit_of(amount))
    _finite(amount.value, path)
    comparator = _comparator(amount, path)
    return Value(ValueKind.QUANTITY, path, amount.value, amount.value, comparator, unit_of(amount))


def value_of(node: Measured, prefix: str) -> Value:
    """The value[x] of an Observation or component, or why there is none."""
    if node.value_quantity is not None:
        value = quantity(node.value_quantity, prefix + "valueQuantity")
        if value.kind is not ValueKind.NONE:
            return value
    elif node.value_codeable_concept is not None:
        coded = code_set(node.value_codeable_concept)
        return Value(ValueKind.CODED if coded.codings else ValueKind.TEXT, prefix + "valueCodeableConcept", coded=coded)
    elif node.value_string is not None:
        return _text(node.value_string, prefix + "valueString")
    elif node.value_boolean is not None:
        return boolean(node.value_boolean, prefix + "valueBoolean")
    elif node.value_integer is not None:
        return number(node.value_integer, prefix + "valueInteger")
    elif node.value_range is not None:
        return span(node.value_range, prefix + "valueRange")
    elif node.value_ratio is not None:
        return ratio(node.value_ratio, prefix + "valueRatio")
    elif node.value_date_time is not None:
        return _text(node.value_date_time, prefix + "valueDateTime")
    elif node.value_time is not None:
        return _text(node.value_time, prefix + "valueTime")
    elif node.value_period is not None:
        return _text(f"{node.value_period.start}/{node.value_period.end}", prefix + "valuePeriod")
    elif node.value_sampled_data is not None:
        return Value(ValueKind.NONE, prefix + "valueSampledData")
    if node.data_absent_reason is not None:
        return Value(ValueKind.ABSENT, prefix + "dataAbsentReason", coded=code_set(node.data_absent_reason))
    return Value(ValueKind.NONE, prefix + "code")


def boolean(said: bool, path: str) -> Value:
    return Value(ValueKind.BOOLEAN, path, float(said), float(said))


def number(amount: float, path: str) -> Value:
    _finite(amount, path)
    return Value(ValueKind.QUANTITY, path, float(amount), float(amount))


def span(given: Range, path: str) -> Value:
    """A Range; an end that is not given is unbounded."""
    ends = [end for end in (given.low, given.high) if end is not None and end.value is not None]
    units = {unit_of(end) for end in ends if unit_of(end)}
    if not ends or len(units) > 1:
        return Value(ValueKind.NONE, path)
    low = given.low.value if given.low is not None and given.low.value is not None else -inf
    high = given.high.value if given.high is not None and given.high.value is not None else inf
    if low > high:
        raise BadValueError(path, "a Range whose low is above its high", "correct its low or high")
    return Value(ValueKind.RANGE, path, low, high, unit=units.pop() if units else "")


def ratio(given: Ratio, path: str) -> Value:
    """Numerator by denominator, with the words of the two (a titre is read from them: `1:320`)."""
    above, below = given.numerator, given.denominator
    if above is None or below is None or above.value is None or below.value is None or below.value == 0:
        return Value(ValueKind.NONE, path)
    result = above.value / below.value
    _finite(result, path)
    over, under = _comparator(above, path + ".numerator"), _comparator(below, path + ".denominator")
    if over is not Comparator.EXACT and under is not Comparator.EXACT:
        return Value(ValueKind.NONE, path)
    sides = (unit_of(above), unit_of(below))
    unit = "/".join(sides) if sides[1] not in ("", "1") else sides[0]
    words = CodeSet((), f"{above.comparator}{above.value:g}:{below.comparator}{below.value:g}")
    return Value(ValueKind.RATIO, path, result, result, over or _TURNED[under], unit, words)


def reference_ranges(given: tuple[RecordedRange, ...], unit: str) -> tuple[ReferenceRange, ...]:
    """The ranges that state a number; `unit`, the value's own, stands where a range names none."""
    ranges = (_reference_range(one, unit) for one in given)
    return tuple(one for one in ranges if one.low is not None or one.high is not None)


def _reference_range(one: RecordedRange, unit: str) -> ReferenceRange:
    low, high, words = _ends(one)
    sexes = [_sex(concept) for concept in one.applies_to]
    ages = (_years(one.age.low), _years(one.age.high)) if one.age is not None else (None, None)
    return ReferenceRange(
        low=low,
        high=high,
        unit=words or unit,
        normal=(one.type is None or has(one.type, _MEANING, "normal")) and "" not in sexes and len(set(sexes)) < 2,
        sex=sexes[0] if sexes else "",
        age_low=ages[0],
        age_high=ages[1],
    )


def _ends(one: RecordedRange) -> tuple[float | None, float | None, str]:
    """Low, high and unit, read from the text where that is all there is: `3.5 - 5.0 mmol/L`, `< 5`, `up to 40`."""
    if one.low is not None or one.high is not None:
        low = one.low.value if one.low is not None else None
        high = one.high.value if one.high is not None else None
        units = [unit_of(end) for end in (one.low, one.high) if end is not None and unit_of(end)]
        return (low, high, units[0] if units else "") if len(set(units)) < 2 else (None, None, "")
    if (found := _BETWEEN.fullmatch(one.text)) and float(found[1]) <= float(found[2]):
        return float(found[1]), float(found[2]), found[3] or ""
    if found := _BOUND.fullmatch(one.text):
        above = found[1][0] in ">≥"
        return (float(found[2]), None, found[3] or "") if above else (None, float(found[2]), found[3] or "")
    return None, None, ""


def _sex(concept: Concept) -> str:
    for coding in concept.coding:
        sex = _SEXES.get(coding.system, {}).get(coding.code)
        if sex is not None:
            return sex
    return ""


def _years(age: Quantity | None) -> float | None:
    if age is None or age.value is None:
        return None
    factor = _YEARS.get(age.code or age.unit.strip().lower())
    return None if factor is None else age.value * factor


def _comparator(amount: Quantity, path: str) -> Comparator:
    try:
        return _COMPARATORS[amount.comparator]
    except KeyError:
        raise BadValueError(path + ".comparator", "a comparator FHIR does not have", "use <, <=, >= or >") from None


def _finite(amount: float, path: str) -> None:
    if not isfinite(amount):
        raise BadValueError(path, "a number that is not finite", "correct the number")


def _text(words: str, path: str) -> Value:
    return Value(ValueKind.TEXT, path, coded=CodeSet((), words)) if words else Value(ValueKind.NONE, path)
