"""One number against one limit: a result is the set of numbers it may be, and decides only what all of them decide."""

from __future__ import annotations

from math import inf
from typing import NamedTuple

from scalar.days import later
from scalar.grade import NO, YES, Grade, unknown
from scalar.person import Entry, Person

from fhirtrial.criteria.tree import Op
from fhirtrial.matching.reasons import Reason
from fhirtrial.patients.facts import Comparator, ReferenceRange, ValueKind
from fhirtrial.terminology import qualitative, units
from fhirtrial.terminology.concepts import Concept

NUMERIC = (ValueKind.QUANTITY, ValueKind.RANGE, ValueKind.RATIO)


class Numbers(NamedTuple):
    """All from low to high; an open end does not belong to it."""

    low: float
    high: float
    open_low: bool = False
    open_high: bool = False


def numbers(entry: Entry) -> Numbers | None:
    fact = entry.fact
    if fact.value_kind not in NUMERIC:
        return None
    match fact.comparator:
        case Comparator.LESS:
            return Numbers(-inf, fact.high, open_high=True)
        case Comparator.LESS_OR_EQUAL:
            return Numbers(-inf, fact.high)
        case Comparator.GREATER:
            return Numbers(fact.low, inf, open_low=True)
        case Comparator.GREATER_OR_EQUAL:
            return Numbers(fact.low, inf)
        case _:
            return Numbers(units.significant(fact.low), units.significant(fact.high))


def in_unit(given: Numbers, unit: str, to: str, molar_mass: float | None) -> Numbers | None:
    if not unit:
        return given if units.normalize(to) == "1" else None
    ends = [end if end in (-inf, inf) else units.convert(end, unit, to, molar_mass) for end in (given.low, given.high)]
    if ends[0] is None or ends[1] is None or not units.known(unit):
        return None
    return Numbers(ends[0], ends[1], given.open_low, given.open_high)


def compare(given: Numbers, op: Op, limit: float, undecided: Reason = Reason.COMPARATOR_UNDECIDED) -> Grade:
    low, high, limit = (x if x in (-inf, inf) else units.comparable(x) for x in (given.low, given.high, limit))
    open_low, open_high = given.open_low, given.open_high
    if op == "=":
        if low == high == limit:
            return YES
        outside = limit < low or limit > high or (limit == low and open_low) or (limit == high and open_high)
        return NO if outside else unknown(undecided)
    if op in ("<", "<="):
        turned: Op = ">=" if op == "<" else ">"
        found = compare(given, turned, limit, undecided)
        return {YES: NO, NO: YES}.get(found, found)
    if op == ">=":
        sure, never = low >= limit, high < limit or (high == limit and open_high)
    else:
        sure, never = low > limit or (low == limit and open_low), high <= limit
    return YES if sure else NO if never else unknown(undecided)


def absolute(entry: Entry, concept: Concept, op: Op, limit: float, unit: str | None) -> Grade:
    given = numbers(entry)
    if given is None:
        return unknown(Reason.NOT_COMPUTABLE if entry.fact.value_kind not in EMPTY else Reason.ABSENT)
    to = unit or concept.unit
    found = in_unit(given, entry.unit, to, concept.molar_mass) if to else None
    if found is None:
        return unknown(Reason.UNIT_NOT_CONVERTIBLE)
    return compare(found, op, limit)


EMPTY = (ValueKind.NONE, ValueKind.ABSENT)


def reading(entry: Entry, column: str) -> str | None:
    """What codes say in the lexicon's words, else what all words that say something agree on."""
    stated = entry.codes(column)
    coded = qualitative.read(stated.codings, None)
    worded = {said for word in stated.words if (said := qualitative.read((), word))}
    return coded or (worded.pop() if len(worded) == 1 else "equivocal" if worded else None)


def times_limit(person: Person, entry: Entry, name: str, side: str, op: Op, k: float) -> Grade:
    """`op k × limit`, by the result's own range, else the site's; without a number, by its interpretation."""
    said = reading(entry, "interpretation")
    given = numbers(entry)
    if given is None:
        empty = entry.fact.value_kind in EMPTY
        return compare(multiple(said, side), op, k, Reason.ABSENT if empty else Reason.NOT_COMPUTABLE)
    own = own_range(person, entry, name)
    if isinstance(own, Reason):
        return unknown(own)
    limits = dict(zip(("lln", "uln"), own, strict=True))
    if limits[side] is None and name in person.limits:
        limits[side] = of_site(person, entry, name, side)
    limit = limits[side]
    if contradicts(said, given, limits["lln"], limits["uln"]):
        return unknown(Reason.CONFLICTING)
    if limit is None:
        return unknown(Reason.NO_REFERENCE_RANGE)
    return compare(given, op, k * limit)


def of_site(person: Person, entry: Entry, name: str, side: str) -> float | None:
    """The site's own limit in the result's unit."""
    fallback = person.limits[name]
    value = fallback.high if side == "uln" else fallback.low
    if value is None or fallback.unit == entry.unit:
        return value
    return units.convert(value, fallback.unit, entry.unit, person.terminology.concept(name).molar_mass)


def multiple(said: str | None, side: str) -> Numbers:
    """What an interpretation alone says of value / limit, where the mark is about that limit."""
    if side == "uln":
        found = {"elevated": Numbers(1, inf, open_low=True), "normal": Numbers(-inf, 1)}
    else:
        found = {"decreased": Numbers(-inf, 1, open_high=True), "normal": Numbers(1, inf)}
    return found.get(said or "", Numbers(-inf, inf))


def own_range(person: Person, entry: Entry, name: str) -> tuple[float | None, float | None] | Reason:
    """The normal limits that fit this patient on that day, in the result's unit; a Reason where they disagree."""
    fitting = [r for r in entry.ranges if r.normal and fits(person, r)]
    molar_mass = person.terminology.concept(name).molar_mass
    limits: list[float | None] = []
    for side in ("low", "high"):
        found = set()
        for one in fitting:
            value = getattr(one, side)
            if value is None:
                continue
            same = one.unit == entry.unit
            converted = value if same else units.convert(value, one.unit, entry.unit, molar_mass)
            if converted is None:
                return Reason.UNIT_NOT_CONVERTIBLE
            found.add(units.comparable(converted))
        if len(found) > 1:
            return Reason.CONFLICTING
        limits.append(found.pop() if found else None)
    return limits[0], limits[1]


def fits(person: Person, one: ReferenceRange) -> bool:
    """A range for a sex or an age that the patient is not known to have is nobody's."""
    if one.sex and one.sex != person.patient.sex:
        return False
    birth = person.patient.birth
    if birth is None:
        return one.age_low is None and one.age_high is None
    too_young = one.age_low is not None and later(birth[1], round(one.age_low * 12)) > person.on
    too_old = one.age_high is not None and later(birth[0], round(one.age_high * 12)) < person.on
    return not too_young and not too_old


def contradicts(said: str | None, given: Numbers, low: float | None, high: float | None) -> bool:
    above = high is not None and compare(given, ">", high) == YES
    not_above = high is not None and compare(given, ">", high) == NO
    below = low is not None and compare(given, "<", low) == YES
    not_below = low is not None and compare(given, "<", low) == NO
    match said:
        case "elevated":
            return not_above or below
        case "decreased":
            return not_below or above
        case "normal":
            return above or below
        case "abnormal":
            return not_above and not_below
        case _:
            return False
