"""Facts in a reader's words: value, unit, date. Only evidence uses it; nothing is decided on words."""

from __future__ import annotations

from fhirtrial.matching.calendar import date
from fhirtrial.patients.facts import CEIL, FLOOR, Comparator, Fact, Facts, Kind, ValueKind, Vocabulary

SIGNS = {
    Comparator.EXACT: "",
    Comparator.LESS: "< ",
    Comparator.LESS_OR_EQUAL: "<= ",
    Comparator.GREATER: "> ",
    Comparator.GREATER_OR_EQUAL: ">= ",
}


def said_by(facts: Facts, row: int) -> tuple[str, str, str, str, str]:
    """A fact's resource and version, and the path, value and date that stand there."""
    fact, words = facts.row(row), facts.vocabulary
    where = (words.strings.values[number] for number in (fact.resource, fact.version, fact.path))
    return *where, _value(fact, words), days_text(fact.start_low, fact.start_high)  # type: ignore[return-value]


def days_text(low: int, high: int) -> str:
    """ISO dates: one day, an interval, an open end as `..`; "" where nothing is known."""
    if low <= FLOOR and high >= CEIL:
        return ""
    ends = ("" if d in {FLOOR, CEIL} else date(d).isoformat() for d in (low, high))
    first, last = ends
    return first if first == last else f"{first or '..'}/{last or '..'}"


def _value(fact: Fact, words: Vocabulary) -> str:
    name = _name(fact.code, words)
    if fact.kind is Kind.ANSWER:
        return ("yes" if fact.low else "no") if fact.value_kind is ValueKind.BOOLEAN else _name(fact.value, words)
    unit = words.strings.values[fact.unit]
    match fact.value_kind:
        case ValueKind.QUANTITY | ValueKind.RATIO:
            return f"{SIGNS[fact.comparator]}{fact.low:.12g} {unit}".strip()
        case ValueKind.RANGE:
            return f"{fact.low:.12g}–{fact.high:.12g} {unit}".strip()
        case ValueKind.CODED | ValueKind.TEXT:
            return _name(fact.value, words)
        case ValueKind.BOOLEAN:
            return "true" if fact.low else "false"
        case ValueKind.ABSENT:
            return "no value"
        case ValueKind.NONE:
            mark = _name(fact.interpretation, words)
            return f"{name} ({mark})" if mark else name


def _name(number: int, words: Vocabulary) -> str:
    codes = words.codes.values[number]
    return codes.text or ", ".join(code for _, code in codes.codings)
