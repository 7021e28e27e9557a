"""Orders, statements, administrations and dispenses, with routes, reasons, doses and lengths around what is asked."""

from __future__ import annotations

from collections.abc import Iterator

from generated.chance import Chance, Json, coding_of, concept_of

from fhirtrial.criteria.tree import Medication

UCUM = "http://unitsofmeasure.org"
ROUTES = [
    concept_of("http://snomed.info/sct", "26643006"),
    concept_of("http://snomed.info/sct", "47625008"),
    concept_of("http://terminology.hl7.org/CodeSystem/v2-0162", "TP"),
    concept_of("http://terminology.hl7.org/CodeSystem/v2-0162", "IM"),
    {"text": "IV"},
    {"text": "by mouth"},
    {"text": "as directed"},
]
REQUESTS = ["active", "active", "completed", "stopped", "on-hold", "draft", "cancelled", "unknown"]
INTENTS = ["order", "order", "order", "instance-order", "plan", "proposal", "option"]
STATEMENTS = [
    "active",
    "active",
    "completed",
    "stopped",
    "intended",
    "on-hold",
    "unknown",
    "not-taken",
    "entered-in-error",
]
ADMINISTRATIONS = ["completed", "completed", "in-progress", "stopped", "not-done", "on-hold", "unknown"]
DISPENSES = ["completed", "completed", "in-progress", "preparation", "declined", "cancelled", "on-hold", "stopped"]


def medications(chance: Chance, atom: Medication) -> Iterator[Json]:
    for _ in range(chance.one((1, 1, 2, 3)) + (atom.distinct - 1)):
        kind = chance.one([_request, _statement, _administration, _dispense])
        yield kind(chance, atom)
    if atom.dose is not None and "kg" in atom.dose.unit and chance.may(0.8):
        for _ in range(chance.one((1, 1, 2))):
            yield weight(chance)


def _drug(chance: Chance, atom: Medication) -> Json:
    members = [n for n in chance.terminology.members(atom.concept) if not chance.terminology.concept(n).members]
    if atom.distinct > 1 and chance.may(0.8):
        return chance.coded(chance.one(members))
    if atom.dose is not None and chance.may(0.8):
        drug = chance.terminology.concept(chance.one(members))
        return {"coding": [coding_of(chance.one(drug.codes))]} if drug.codes else chance.coded(atom.concept)
    return chance.coded(atom.concept, near=atom.unless)


def _shared(chance: Chance, atom: Medication) -> Json:
    found: Json = {"medicationCodeableConcept": _drug(chance, atom)}
    if atom.indication is not None and chance.may(0.7):
        found["reasonCode"] = [chance.coded(atom.indication)]
    return found


def _request(chance: Chance, atom: Medication) -> Json:
    found: Json = {
        "resourceType": "MedicationRequest",
        "status": chance.one(REQUESTS),
        "intent": chance.one(INTENTS),
        **_shared(chance, atom),
        "dosageInstruction": _dosages(chance, atom),
    }
    if chance.may(0.9):
        found["authoredOn"] = chance.stamp(chance.day(atom), exact=chance.may(0.2))
    if chance.may(0.3):
        days = {"value": chance.one((10, 30, 90)), "unit": "days", "system": UCUM, "code": "d"}
        found["dispenseRequest"] = {"expectedSupplyDuration": days}
    if chance.may(0.05):
        found["doNotPerform"] = True
    return found


def _statement(chance: Chance, atom: Medication) -> Json:
    found: Json = {"resourceType": "MedicationStatement", "status": chance.one(STATEMENTS), **_shared(chance, atom)}
    if found["status"] == "not-taken" and chance.may(0.6) and (whole := chance.first(atom.concept)):
        span = {"start": chance.plain(chance.today - 30), "end": chance.plain(chance.today + chance.one((-1, 0, 9)))}
        return found | {"medicationCodeableConcept": whole, "effectivePeriod": span}
    match chance.one(["dateTime", "period", "period", "none"]):
        case "dateTime":
            found["effectiveDateTime"] = chance.stamp(chance.day(atom))
        case "period":
            found["effectivePeriod"] = chance.period(chance.day(atom))
    if chance.may(0.4):
        found["dateAsserted"] = chance.stamp(chance.today - chance.one((0, 1, 30)))
    return found | {"dosage": _dosages(chance, atom)}


def _administration(chance: Chance, atom: Medication) -> Json:
    found: Json = {
        "resourceType": "MedicationAdministration",
        "status": chance.one(ADMINISTRATIONS),
        **_shared(chance, atom),
    }
    if chance.may(0.6):
        found["effectiveDateTime"] = chance.stamp(chance.day(atom))
    else:
        found["effectivePeriod"] = chance.period(chance.day(atom))
    dosage: Json = {}
    if chance.may(0.7):
        dosage["route"] = chance.one(ROUTES)
    if chance.may(0.8):
        dosage["dose"] = _amount(chance, atom)
    return found | ({"dosage": dosage} if "dose" in dosage else {})


def _dispense(chance: Chance, atom: Medication) -> Json:
    found: Json = {"resourceType": "MedicationDispense", "status": chance.one(DISPENSES)}
    found |= {"medicationCodeableConcept": _drug(chance, atom), "dosageInstruction": _dosages(chance, atom)}
    if chance.may(0.85):
        found["whenHandedOver"] = chance.stamp(chance.day(atom))
    if chance.may(0.6):
        found["daysSupply"] = {"value": chance.one((7, 30, 90)), "unit": "d", "system": UCUM, "code": "d"}
    return found


def _dosages(chance: Chance, atom: Medication) -> list[Json]:
    found: Json = {}
    if chance.may(0.7 if atom.route is not None else 0.3):
        found["route"] = chance.one(ROUTES)
    if atom.dose is not None and chance.may(0.85):
        found |= _told(chance, atom)
    if atom.min_duration is not None and chance.may(0.3):
        day = chance.day(atom)
        bounds = {"start": chance.plain(day), "end": chance.plain(day + chance.one((13, 14, 15, 60, 91, 92)))}
        found.setdefault("timing", {}).setdefault("repeat", {})["boundsPeriod"] = bounds
    if not found:
        found["text"] = "as directed"
    if atom.dose is None or chance.may(0.8):
        return [found]
    steps = [found, _told(chance, atom)]
    return [step | {"sequence": chance.one((1, 2))} if chance.may(0.6) else step for step in steps]


def _told(chance: Chance, atom: Medication) -> Json:
    """An amount or a rate so often, perhaps as needed, and perhaps with a most per time or per period."""
    often = chance.one((1, 2))
    repeat: Json = {"frequency": often, "period": 1, "periodUnit": "d"}
    found: Json = {"timing": {"repeat": repeat}}
    amount = _amount(chance, atom)
    match chance.one([*("dose",) * 5, *("rate",) * 3, "range", "event", "untimed", "two"]):
        case "rate":
            found["doseAndRate"] = [_rate(chance, amount, repeat)]
        case "range":
            found["doseAndRate"] = [{"doseRange": {"low": amount, "high": _times(amount, chance.one((1, 2, 3)))}}]
        case "two":
            half = {"doseQuantity": _times(amount, 0.5)}
            found["doseAndRate"] = [{"doseQuantity": amount}, chance.one([half, _rate(chance, amount, repeat)])]
        case "event":
            found["timing"] = chance.one([{"repeat": {"when": ["MORN"]}}, {"code": {"coding": [{"code": "BID"}]}}])
            found["doseAndRate"] = [{"doseQuantity": amount}]
        case "untimed":
            del found["timing"]
            found["doseAndRate"] = [{"doseQuantity": amount}]
        case _:
            found["doseAndRate"] = [{"doseQuantity": amount}]
    if chance.may(0.2):
        found["asNeededBoolean"] = True
    if chance.may(0.25):
        most, per, unit = chance.one([(1, 1, "d"), (1, 24, "h"), (1 / 3, 8, "h"), (7, 1, "wk"), (1, 0, "d")])
        denominator = {"value": per, "system": UCUM, "code": unit} if chance.may(0.7) else {"value": 1, "unit": "Day"}
        found["maxDosePerPeriod"] = {"numerator": _times(_amount(chance, atom), most), "denominator": denominator}
        if chance.may(0.2):
            del found["doseAndRate"]
    if chance.may(0.1):
        found["maxDosePerAdministration"] = _amount(chance, atom)
    return found


def _rate(chance: Chance, amount: Json, repeat: Json) -> Json:
    """At which the amount is taken in a day, where its duration is told; `repeat` tells it then."""
    hours, (unit, per_hour) = chance.one((1, 2, 8, 24)), chance.one([("h", 1.0), ("min", 1 / 60), ("d", 24.0)])
    if chance.may(0.75):
        told = chance.one([(hours, "h"), (hours * 60, "min")])
        repeat |= {"duration": told[0], "durationUnit": told[1]}
        if chance.may(0.2):
            repeat["durationMax"] = told[0] * 2
    rate = _times(amount, per_hour / hours / repeat["frequency"])
    if chance.may(0.4):
        time: Json = {"value": chance.one((1, 2, 24)), "system": UCUM, "code": unit}
        return {"rateRatio": {"numerator": _times(rate, time["value"]), "denominator": time}}
    shown = {key: f"{value}/{unit}" if key in {"unit", "code"} else value for key, value in rate.items()}
    if chance.may(0.3):
        return {"rateRange": {"low": shown, "high": _times(shown, chance.one((1, 2)))}}
    return {"rateQuantity": shown}


def _times(amount: Json, factor: float) -> Json:
    return amount | {"value": float(f"{amount['value'] * factor:.12g}")}


def _amount(chance: Chance, atom: Medication) -> Json:
    unit = chance.one(["mg", "mg", "g", "tablet", "mg/kg", "mL", "ug"])
    limit = atom.dose.value if atom.dose is not None else 5.0
    per_kg = atom.dose is not None and "kg" in atom.dose.unit
    mg = limit * (70 if per_kg and unit != "mg/kg" else 1) * chance.one((0.25, 0.5, 1, 1.01, 2, 5))
    value = chance.one((1.0, 2.0)) if unit == "tablet" else mg * {"g": 0.001, "ug": 1000}.get(unit, 1)
    shown = float(f"{value:.6g}")
    return {"value": shown, "unit": unit} | ({} if unit == "tablet" else {"system": UCUM, "code": unit})


def weight(chance: Chance) -> Json:
    value, unit = chance.one([(70, "kg"), (50, "kg"), (154.323583529, "[lb_av]"), (70000, "g"), (70, "")])
    quantity: Json = {"value": value}
    if unit:
        quantity |= {"unit": unit, "system": UCUM, "code": unit}
    return {
        "resourceType": "Observation",
        "status": chance.one(["final", "final", "final", "preliminary"]),
        "code": concept_of("http://loinc.org", "29463-7"),
        "effectiveDateTime": chance.stamp(chance.today - chance.one((0, 1, 30, 90, 91))),
        "valueQuantity": quantity,
    }
