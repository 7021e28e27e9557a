"""Resources that fulfil a DataRequirement, made from it alone: its type, codes, days and elements to be filled."""

from __future__ import annotations

import datetime as dt
from typing import Any

from fhirtrial.plugins import Publication
from fhirtrial.terminology import Concept, units
from fhirtrial.terminology.systems import URIS
from fhirtrial_mappings.identity import value_set_url

Json = dict[str, Any]
UCUM = "http://unitsofmeasure.org"
STATUS = {
    "DiagnosticReport": "final",
    "Encounter": "finished",
    "MedicationAdministration": "completed",
    "MedicationDispense": "completed",
    "MedicationRequest": "active",
    "MedicationStatement": "active",
    "Observation": "final",
}
OWNER = {"AllergyIntolerance": "patient", "FamilyMemberHistory": "patient", "Immunization": "patient"}
SYSTEMS = {
    "clinicalStatus": ("http://terminology.hl7.org/CodeSystem/condition-clinical", "active"),
    "verificationStatus": ("http://terminology.hl7.org/CodeSystem/condition-ver-status", "confirmed"),
    "severity": (URIS["snomed"], "24484000"),
}
DAYS = {"h": 1 / 24, "d": 1.0, "wk": 7.0}


def concept_of(url: str, to: Publication) -> Concept:
    """The concept whose ValueSet the URL names."""
    return next(c for c in to.terminology.concepts.values() if value_set_url(c.name, to) == url)


def days_of(asked: Json, on: dt.date) -> tuple[dt.date | None, dt.date]:
    """The first and last day that count."""
    for one in asked.get("dateFilter", ()):
        if "valuePeriod" in one:
            start, end = one["valuePeriod"].get("start"), one["valuePeriod"]["end"]
            return (dt.date.fromisoformat(start) if start else None), dt.date.fromisoformat(end)
        length = one["valueDuration"]
        if length["unit"] in DAYS:
            return on - dt.timedelta(days=length["value"] * DAYS[length["unit"]]), on
        months = on.year * 12 + on.month - 1 - round(length["value"] * (12 if length["unit"] == "a" else 1))
        return dt.date(months // 12, months % 12 + 1, on.day), on
    return None, on


def resource(asked: Json, day: dt.date, to: Publication, value: Json | None = None) -> Json:
    """One resource that gives what is asked, on that day; `value` is what a result says."""
    kind = asked["type"]
    made: Json = {"resourceType": kind, OWNER.get(kind, "subject"): {"reference": "Patient/p"}}
    for path in asked["mustSupport"]:
        _fill(made, kind, path, day)
    for one in asked.get("codeFilter", ()):
        name = one["path"]
        if "code" in one:
            coding = one["code"][0]
            _put_code(made, name, coding)
        else:
            _put(made, name, _concept(concept_of(one["valueSet"], to), to))
    return {**made, **(value or {})}


def _concept(concept: Concept, to: Publication) -> Json:
    """A code of the ValueSet, of a system in which it is complete where there is one."""
    codes = sorted(to.terminology.value_set(concept.name))
    code = next((c for c in codes if c.system in concept.complete), codes[0])
    return {"coding": [{"system": code.system, "code": code.code}]}


def _put(made: Json, path: str, concept: Json) -> None:
    match path:
        case "medication" | "value":
            made[f"{path}CodeableConcept"] = concept
        case "condition.code":
            made["condition"] = [{"code": concept}]
        case "reasonCode" | "conclusionCode":
            made[path] = [concept]
        case _:
            made[path] = concept


def _put_code(made: Json, path: str, coding: Json) -> None:
    if path.endswith(".route"):
        dosage = made[path.removesuffix(".route")]
        (dosage[0] if isinstance(dosage, list) else dosage)["route"] = {"coding": [coding]}
    elif path == "clinicalStatus":
        made[path] = {"coding": [coding]}
    else:
        made[path] = coding if path == "class" else coding["code"]


def _fill(made: Json, kind: str, path: str, day: dt.date) -> None:
    """An element that must be filled, as an ordinary record has it; codes and values come later."""
    match path:
        case "status":
            made["status"] = STATUS.get(kind, "completed")
        case "intent":
            made["intent"] = "order"
        case "whenHandedOver" | "authoredOn":
            made[path] = day.isoformat()
        case "period":
            made["period"] = {"start": day.isoformat(), "end": day.isoformat()}
        case "relationship":
            made["relationship"] = {"coding": [{"code": "MTH"}]}
        case "effective" | "onset" | "performed" | "occurrence":
            made[f"{path}DateTime"] = day.isoformat()
        case "type":
            made["type"] = "allergy"
        case "clinicalStatus" | "verificationStatus" | "severity":
            system, code = SYSTEMS[path]
            allergic = system.replace("condition-", "allergyintolerance-").replace("ver-status", "verification")
            made[path] = {"coding": [{"system": allergic if kind == "AllergyIntolerance" else system, "code": code}]}
        case "stage.summary":
            made["stage"] = [{"summary": {"text": "stage III"}}]
        case "dosage" | "dosageInstruction":
            made[path] = _dosage(kind)


def _dosage(kind: str) -> Json | list[Json]:
    quantity = {"value": 20, "unit": "mg", "system": UCUM, "code": "mg"}
    route = {"coding": [{"system": URIS["snomed"], "code": "26643006", "display": "Oral route"}]}
    timing = {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}
    if kind == "MedicationAdministration":
        return {"dose": quantity, "route": route}
    return [{"doseAndRate": [{"doseQuantity": quantity}], "route": route, "timing": timing}]


def quantity(value: float, unit: str | None) -> Json:
    known = unit or "1"
    assert units.convert(1.0, known, known) is not None
    return {"value": value, "unit": known, "system": UCUM, "code": known}
