"""Observations with numbers: around a limit, in many units, with ranges and marks that fit or contradict them."""

from __future__ import annotations

from collections.abc import Iterator

from generated.chance import Chance, Json, concept_of

from fhirtrial.criteria.tree import Change, DataAvailability, Measurement, Ordinal, Result
from fhirtrial.terminology import units

UCUM = "http://unitsofmeasure.org"
INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
UNITS = (
    "mg/dL", "umol/L", "mmol/L", "g/L", "g/dL", "U/L", "ukat/L", "[IU]/L", "10*9/L", "10*3/uL", "K/uL", "cells/uL",
    "x10E9/L", "%", "1", "mm[Hg]", "kPa", "cm", "mm", "mL/min", "mL/min/{1.73_m2}", "mL/s", "{copies}/mL", "{copies}/L",
    "kg", "g", "[lb_av]", "{score}", "U/mL", "Cel", "[degF]", "K",
)  # fmt: skip
STRANGE = ("", "arbitrary", "mg", "furlong")
FACTORS = (0.2, 0.5, 0.9, 0.999999, 1.0, 1.0, 1.000001, 1.1, 2.0, 6.0)
STATUSES = (
    *("final",) * 14, "amended", "corrected", "preliminary", "registered", "cancelled", "entered-in-error", "unknown",
)  # fmt: skip
ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"


def observation(chance: Chance, atom: Measurement | Ordinal | Result | Change | DataAvailability, name: str) -> Json:
    found: Json = {"resourceType": "Observation", "status": chance.one(STATUSES), "code": chance.coded(name)}
    day = chance.day(atom)
    match chance.one([*("dateTime",) * 6, *("exact",) * 5, "period", "issued", "none"]):
        case "dateTime":
            found["effectiveDateTime"] = chance.stamp(day)
        case "exact":
            found["effectiveDateTime"] = chance.stamp(day, exact=True)
        case "period":
            found["effectivePeriod"] = {"start": chance.plain(day), "end": chance.plain(day + chance.one((0, 1, 3)))}
        case "issued":
            found["issued"] = chance.plain(day) + "T10:00:00Z"
    return found


def number(chance: Chance, limit: float, unit: str | None, molar_mass: float | None) -> Json:
    """A quantity beside the limit in some unit that converts, or in one that does not."""
    base = unit or "1"
    fitting = [u for u in UNITS if units.convert(1.0, base, u, molar_mass) is not None]
    shown = chance.one([base, *fitting, *fitting]) if chance.may(0.85) else chance.one(STRANGE)
    near = limit * chance.one(FACTORS)
    converted = units.convert(near, base, shown, molar_mass) if shown in fitting or shown == base else near
    found: Json = {"value": near if converted is None else converted}
    if chance.may(0.15):
        found["comparator"] = chance.one(["<", "<=", ">", ">="])
    if shown:
        found["unit"] = shown
        if shown in fitting and chance.may(0.8):
            found |= {"system": UCUM, "code": shown}
    return {"valueQuantity": found}


def as_ratio(chance: Chance, told: Json) -> Json:
    """Sometimes the same number as an amount over an amount, either of which may be what is compared or nothing."""
    value = told["valueQuantity"]
    unit = value.get("unit", "")
    if chance.may(0.9) or unit.count("/") > 1 or unit.startswith("/") or "{" in unit:
        return told
    above, _, below = unit.partition("/")
    count = chance.one((1, 1, 2, 3, 7, 24, 60, 0))
    numerator: Json = {"value": value["value"] * count} | ({"unit": above} if above else {})
    denominator: Json = {"value": count} | ({"unit": below, "system": UCUM, "code": below} if below else {})
    if "comparator" in value:
        chance.one([numerator, denominator])["comparator"] = value["comparator"]
        if chance.may(0.2):
            numerator["comparator"] = value["comparator"]
    return {"valueRatio": {"numerator": numerator, "denominator": denominator}}


def reference_ranges(chance: Chance, value: Json, limit: float) -> list[Json]:
    """Reference ranges: one, none, another sex's beside one's own, one for children, two that disagree."""
    unit = {key: value[key] for key in ("unit", "system", "code") if key in value}
    high = float(f"{value['value'] / limit / chance.one(FACTORS):.6g}") if value["value"] else 40.0

    def bounds(top: float) -> Json:
        return {"low": {"value": float(f"{top / 4:.6g}"), **unit}, "high": {"value": top, **unit}}

    gender = "http://hl7.org/fhir/administrative-gender"
    match chance.one(["one", "one", "one", "high", "none", "sexes", "child", "two", "text", "therapeutic"]):
        case "one":
            return [bounds(high)]
        case "high":
            return [{"high": {"value": high, **unit}}]
        case "sexes":
            return [
                bounds(top) | {"appliesTo": [concept_of(gender, sex)]}
                for sex, top in (("male", high), ("female", high * 1.5))
            ]
        case "child":
            years = {"high": {"value": 10, "system": UCUM, "code": "a"}}
            return [bounds(high), bounds(high * 3) | {"age": years}]
        case "two":
            return [bounds(high), bounds(high * 2)]
        case "text":
            return [{"text": f"< {high:g}"}]
        case "therapeutic":
            meaning = "http://terminology.hl7.org/CodeSystem/referencerange-meaning"
            return [bounds(high) | {"type": concept_of(meaning, "treatment")}]
        case _:
            return []


def interpretation(chance: Chance, *codes: str) -> Json:
    return {"interpretation": [concept_of(INTERPRETATION, chance.one(codes))]} if chance.may(0.4) else {}


def measurements(chance: Chance, atom: Measurement) -> Iterator[Json]:
    concept = chance.terminology.concept(atom.concept)
    unit = atom.unit or concept.unit
    for _ in range(chance.one((1, 2, 3)) + atom.count - 1):
        found = observation(chance, atom, atom.concept)
        limited = atom.of != "absolute"
        if chance.may(0.1):
            yield found | interpretation(chance, "N", "H", "L") | {"dataAbsentReason": concept_of(ABSENT, "unknown")}
            continue
        if chance.may(0.05):
            yield found | {"valueString": "see comment"}
            continue
        value = number(chance, atom.value * (40 if limited else 1), unit, concept.molar_mass)
        if atom.over is not None:
            value = {
                "valueQuantity": {
                    "value": chance.one((40, 42, 80, 100)),
                    "unit": "mm[Hg]",
                    "system": UCUM,
                    "code": "mm[Hg]",
                }
            }
        if limited and (ranges := reference_ranges(chance, value["valueQuantity"], atom.value)):
            found["referenceRange"] = ranges
        found |= interpretation(chance, "N", "H", "L", "A") if limited else {}
        yield found | as_ratio(chance, value)
        if atom.over is not None and chance.may(0.8):
            share = chance.one(
                [{"value": 21, "unit": "%", "system": UCUM, "code": "%"}, {"value": 0.4, "system": UCUM, "code": "1"}]
            )
            same = {
                key: found[key] for key in ("status", "effectiveDateTime", "effectivePeriod", "issued") if key in found
            }
            yield {"resourceType": "Observation", "code": chance.coded(atom.over), "valueQuantity": share} | same


def changes(chance: Chance, atom: Change) -> Iterator[Json]:
    concept = chance.terminology.concept(atom.concept)
    start = 60.0
    for _ in range(chance.one((1, 2, 2, 3))):
        found = observation(chance, atom, atom.concept)
        step = atom.amount * (start / 100 if atom.relative else 1.0) * chance.one((0, 0.5, 1, 1.01, 2))
        value = start + step * chance.one((-1, 1))
        unit = concept.unit or atom.unit
        yield found | {"valueQuantity": {"value": float(f"{value:.6g}"), "unit": unit, "system": UCUM, "code": unit}}
