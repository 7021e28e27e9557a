"""Small patients for the CQL engine: one Bundle each, of resources that a test writes in a line."""

from __future__ import annotations

from typing import Any

from expressions.terms import ICD10CM, LOINC, RXNORM, SNOMED

Resource = dict[str, Any]
UCUM = "http://unitsofmeasure.org"
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
VERIFIED = "http://terminology.hl7.org/CodeSystem/condition-ver-status"


def coded(system: str, code: str) -> Resource:
    return {"coding": [{"system": system, "code": code}]}


def patient(*resources: Resource, **fields: Any) -> Resource:
    born = {"resourceType": "Patient", "id": "p", "gender": "female", "birthDate": "1980-06-15", **fields}
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in (born, *resources)]}


def condition(
    code: Resource | None = None, *, verified: str = "confirmed", clinical: str = "active", **fields: Any
) -> Resource:
    return {
        "resourceType": "Condition",
        "code": coded(SNOMED, "1") if code is None else code,
        "clinicalStatus": coded(CLINICAL, clinical),
        "verificationStatus": coded(VERIFIED, verified),
        "subject": {"reference": "Patient/p"},
        **fields,
    }


def lab(code: str, value: float | None, unit: str, day: str, **fields: Any) -> Resource:
    comparator = fields.pop("comparator", None)
    quantity = {"value": value, "unit": unit, "system": UCUM, "code": unit}
    if comparator:
        quantity["comparator"] = comparator
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": coded(LOINC, code),
        "subject": {"reference": "Patient/p"},
        "effectiveDateTime": day,
        **({"valueQuantity": quantity} if value is not None else {}),
        **fields,
    }


def upper(value: float, unit: str) -> list[Resource]:
    return [{"high": {"value": value, "unit": unit, "system": UCUM, "code": unit}}]


def mark(code: str) -> list[Resource]:
    return [coded("http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation", code)]


def order(code: str = "11", **fields: Any) -> Resource:
    return {
        "resourceType": "MedicationRequest",
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": coded(RXNORM, code),
        "subject": {"reference": "Patient/p"},
        "authoredOn": "2026-09-01",
        **fields,
    }


def statement(code: str = "11", **fields: Any) -> Resource:
    return {
        "resourceType": "MedicationStatement",
        "status": "active",
        "medicationCodeableConcept": coded(RXNORM, code),
        "subject": {"reference": "Patient/p"},
        "effectiveDateTime": "2026-09-01",
        **fields,
    }


__all__ = [
    "ICD10CM",
    "LOINC",
    "RXNORM",
    "SNOMED",
    "coded",
    "condition",
    "lab",
    "mark",
    "order",
    "patient",
    "statement",
    "upper",
]
