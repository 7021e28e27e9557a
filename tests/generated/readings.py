"""Observations and reports with words: classes, positive and negative, findings, and results that are missing."""

from __future__ import annotations

from collections.abc import Iterator

from generated.chance import Chance, Json, concept_of
from generated.results import ABSENT, STATUSES, as_ratio, interpretation, number, observation, reference_ranges

from fhirtrial.criteria.tree import DataAvailability, Finding, Ordinal, Result

WORDS = (
    "positive",
    "Negative",
    "not detected",
    "reactive",
    "weak positive",
    "1:80",
    "elevated",
    "normal",
    "see comment",
)


def ordinals(chance: Chance, atom: Ordinal) -> Iterator[Json]:
    answers = list(chance.terminology.concept(atom.concept).ordinals)
    for _ in range(chance.one((1, 2))):
        key = chance.one(answers)
        words: Json = {"text": key} if isinstance(key, str) else concept_of(*key)
        coded: Json = {"valueCodeableConcept": words}
        value = coded if chance.may(0.8) else {"valueString": "class unclear"}
        yield observation(chance, atom, atom.concept) | value


def qualitative(chance: Chance, atom: Result) -> Iterator[Json]:
    concept = chance.terminology.concept(atom.concept)
    for _ in range(chance.one((1, 1, 2, 3))):
        found = observation(chance, atom, atom.concept)
        match chance.one(["text", "text", "code", "boolean", "number", "interpretation", "absent"]):
            case "text":
                found["valueString"] = chance.one(WORDS)
            case "code":
                found["valueCodeableConcept"] = concept_of(
                    "http://snomed.info/sct", chance.one(["10828004", "260385009", "82334004", "17621005"])
                )
            case "boolean":
                found["valueBoolean"] = chance.may(0.5)
            case "number":
                told = number(chance, 40.0, concept.unit, concept.molar_mass)
                if ranges := reference_ranges(chance, told["valueQuantity"], 1.0):
                    found["referenceRange"] = ranges
                found |= as_ratio(chance, told)
            case "absent":
                found["dataAbsentReason"] = concept_of(ABSENT, "not-performed")
        yield found | interpretation(chance, "POS", "NEG", "H", "N", "IND", "A", "L")


def findings(chance: Chance, atom: Finding) -> Iterator[Json]:
    for _ in range(chance.one((1, 2))):
        report: Json = {
            "resourceType": "DiagnosticReport",
            "status": chance.one([s for s in STATUSES if s != "unknown"]),
            "code": chance.coded(atom.modality),
        }
        if chance.may(0.9):
            report["effectiveDateTime"] = chance.stamp(chance.day(atom))
        if chance.may(0.7):
            report["conclusionCode"] = [chance.coded(atom.finding)]
        elif chance.may(0.5):
            report["conclusion"] = chance.one([chance.terminology.concept(atom.finding).label, "unremarkable"])
        yield report


def data(chance: Chance, atom: DataAvailability) -> Iterator[Json]:
    if atom.concept is None:
        return
    found = observation(chance, atom, atom.concept)
    if chance.may(0.4):
        report = {key: value for key, value in found.items() if key != "issued"}
        yield report | {"resourceType": "DiagnosticReport"}
        return
    yield found | (
        {"valueQuantity": {"value": 7}} if chance.may(0.7) else {"dataAbsentReason": concept_of(ABSENT, "masked")}
    )
