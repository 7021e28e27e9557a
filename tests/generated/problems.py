"""Conditions, allergies, relatives: lists of what is, was, may be or is not."""

from __future__ import annotations

from collections.abc import Iterator

from generated.chance import Chance, Json, concept_of

from fhirtrial.criteria.tree import Allergy, Condition, OtherExperiencer

CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
ALLERGY_CLINICAL = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
ALLERGY_VERIFICATION = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"
SNOMED = "http://snomed.info/sct"
SEVERITIES = {"255604002": "Mild", "6736007": "Moderate", "24484000": "Severe"}
OVER = ("resolved", "inactive", "remission")


def condition(chance: Chance, atom: Condition) -> Iterator[Json]:
    day = chance.day(atom)
    verification = chance.one(
        ["", "", "confirmed", "confirmed", "provisional", "differential", "refuted", "entered-in-error"]
    )
    refuted = chance.first(atom.concept) if verification == "refuted" and chance.may(0.7) else None
    found: Json = {
        "resourceType": "Condition",
        "code": refuted or chance.coded(atom.concept, near=atom.unless),
        **_status(chance, verification),
        **_times(chance, day, verification),
    }
    if verification:
        found["verificationStatus"] = concept_of(VERIFICATION, verification)
    if atom.severity is not None and chance.may(0.7):
        code = chance.one(list(SEVERITIES))
        found["severity"] = chance.one([concept_of(SNOMED, code), {"text": SEVERITIES[code]}])
    if atom.stage is not None and chance.may(0.7):
        found["stage"] = [{"summary": {"text": chance.one([atom.stage, f"Stage {atom.stage}"])}}]
    yield found


def _status(chance: Chance, verification: str) -> Json:
    if verification == "entered-in-error":
        return {}
    status = chance.one(["", "active", "active", "active", "recurrence", "relapse", *OVER])
    return {"clinicalStatus": concept_of(CLINICAL, status)} if status else {}


def _times(chance: Chance, day: int, verification: str) -> Json:
    found: Json = {}
    match chance.one(["dateTime", "dateTime", "dateTime", "period", "age", "string", "none"]):
        case "dateTime":
            found["onsetDateTime"] = chance.stamp(day)
        case "period":
            found["onsetPeriod"] = chance.period(day)
        case "age":
            found["onsetAge"] = {"value": chance.one((20, 40)), "system": "http://unitsofmeasure.org", "code": "a"}
        case "string":
            found["onsetString"] = "some time ago"
    if chance.may(0.5):
        found["recordedDate"] = chance.stamp(max(day, min(day + chance.one((0, 0, 5, 400)), chance.today + 2)))
    return found


def ended(chance: Chance, resource: Json, day: int) -> Json:
    """The resource with an end, where its status allows one (con-4) and its onset is not after it."""
    status = resource.get("clinicalStatus", {}).get("coding", [{}])[0].get("code")
    if status not in OVER or "onsetAge" in resource or "onsetPeriod" in resource:
        return resource
    onset = resource.get("onsetDateTime", "")
    end = chance.plain(day) if chance.may(0.7) else chance.plain(day)[:7]
    return resource if onset[: len(end)] > end[: len(onset)] else resource | {"abatementDateTime": end}


def conditions(chance: Chance, atom: Condition) -> Iterator[Json]:
    for _ in range(chance.one((1, 1, 2, 3))):
        for found in condition(chance, atom):
            yield ended(chance, found, chance.day(atom)) if chance.may(0.6) else found


def allergies(chance: Chance, atom: Allergy) -> Iterator[Json]:
    for _ in range(chance.one((1, 1, 2))):
        verification = chance.one(["", "confirmed", "confirmed", "unconfirmed", "refuted", "entered-in-error"])
        code = chance.one([
            chance.coded(atom.concept), chance.coded(atom.concept), chance.first(atom.concept) or {"text": "dust"},
            concept_of(SNOMED, "716186003"), concept_of(SNOMED, "409137002"), concept_of(SNOMED, "91936005"),
            {"text": "no known allergies"},
        ])  # fmt: skip
        found: Json = {"resourceType": "AllergyIntolerance", "code": code}
        if verification:
            found["verificationStatus"] = concept_of(ALLERGY_VERIFICATION, verification)
        if verification != "entered-in-error":
            status = chance.one(["active", "active", "inactive", "resolved"])
            found["clinicalStatus"] = concept_of(ALLERGY_CLINICAL, status)
        if chance.may(0.6):
            found["type"] = chance.one(["allergy", "intolerance"])
        if chance.may(0.5):
            found["onsetDateTime"] = chance.stamp(chance.day(atom))
        if chance.may(0.4):
            found["recordedDate"] = chance.stamp(chance.today - chance.one((0, 400)))
        yield found


def relatives(chance: Chance, atom: OtherExperiencer) -> Iterator[Json]:
    if atom.condition is None:
        return
    yield {
        "resourceType": "FamilyMemberHistory",
        "status": chance.one(["completed", "partial", "health-unknown", "entered-in-error"]),
        "relationship": concept_of("http://terminology.hl7.org/CodeSystem/v3-RoleCode", chance.one(["MTH", "FTH"])),
        "condition": [{"code": chance.coded(atom.condition)} for _ in range(chance.one((1, 2)))],
    }
