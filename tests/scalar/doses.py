"""Daily doses compared: units converted, tablets by their strength, equivalents by table, per kg by the last weight."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from math import isnan

from scalar.grade import YES, Grade, is_so, unknown
from scalar.person import Entry, Person
from scalar.results import last_number

from fhirtrial.criteria.tree import Dose, Medication, Op
from fhirtrial.matching.reasons import Reason
from fhirtrial.terminology import units
from fhirtrial.terminology.medicines import prednisone_factor, product
from fhirtrial.terminology.systems import URIS

COMPARE: Mapping[Op, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
}
FORMS = frozenset({"tablet", "tablets", "tab", "tabs", "capsule", "capsules", "{tbl}", "{tablet}", "{capsule}", "1"})


def dosed(person: Person, atom: Medication, entry: Entry, drug: str) -> Grade:
    if atom.dose is None:
        return YES
    told = daily(person, atom.dose, entry, drug)
    return told if isinstance(told, Grade) else decided(atom.dose, *told)


def daily(person: Person, dose: Dose, entry: Entry, drug: str) -> tuple[float, float] | Grade:
    """The least and greatest daily dose in the unit that the criterion counts, or why there is none."""
    low, high, unit = entry.fact.dose_low, entry.fact.dose_high, entry.dose_unit
    if isnan(low) or isnan(high):
        return unknown(Reason.ABSENT)
    strength = 1.0
    if unit.strip().lower() in FORMS:
        found = [p for s, c in entry.code.codings if s == URIS["rxnorm"] and (p := product(c)) is not None]
        if len(found) != 1 or found[0].strength is None:
            return unknown(Reason.UNIT_NOT_CONVERTIBLE)
        strength, unit = found[0].strength
    equal = equivalence(dose, drug)
    if equal is None:
        return unknown(Reason.NOT_COMPUTABLE)
    asked = dose.unit.removesuffix("/d")
    wanted, per_kg = asked.removesuffix("/kg"), asked.endswith("/kg")
    factor = units.factor(unit.removesuffix("/kg"), wanted)
    if factor is None:
        return unknown(Reason.UNIT_NOT_CONVERTIBLE)
    low, high = (bound * strength * equal * factor for bound in (low, high))
    if per_kg == unit.endswith("/kg"):
        return low, high
    weight = last_number(person, "body-weight", "kg")
    if weight is None or not per_kg:
        return unknown(Reason.ABSENT)
    return low / weight, high / weight


def equivalence(dose: Dose, drug: str) -> float | None:
    """How many mg of the drug that the criterion counts in one mg of this drug equals."""
    if dose.equivalent is None:
        return 1.0
    of, to = prednisone_factor(drug), prednisone_factor(dose.equivalent)
    return None if of is None or to is None else of / to


def decided(dose: Dose, low: float, high: float) -> Grade:
    ends = {COMPARE[dose.op](units.comparable(end), dose.value) for end in (low, high)}
    if len(ends) == 2 or (dose.op == "=" and low != high):
        return unknown(Reason.COMPARATOR_UNDECIDED)
    return is_so(ends.pop())
