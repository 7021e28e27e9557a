"""AllergyIntolerance → facts; `no known allergy` is a code like any other here and is read when matching.

Criticality and the severities of reactions stand together as severity, manifestations as outcome.
"""

from __future__ import annotations

from collections.abc import Iterator

from fhirtrial.patients.codes import code_set, joined, merged
from fhirtrial.patients.conditions import onset
from fhirtrial.patients.dates import when
from fhirtrial.patients.elements import Concept
from fhirtrial.patients.facts import CodeSet, Course, Fact, Kind, Standing
from fhirtrial.patients.resources import AllergyIntolerance
from fhirtrial.patients.source import Source, Times, concept_standing, end_of

_CLINICAL = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
_VERIFICATION = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"
_CRITICALITY = "http://hl7.org/fhir/allergy-intolerance-criticality"
_SEVERITY = "http://hl7.org/fhir/reaction-event-severity"
_CATEGORY = "http://hl7.org/fhir/allergy-intolerance-category"
_TYPE = "http://hl7.org/fhir/allergy-intolerance-type"
COURSES = {"active": Course.NOW, "inactive": Course.OVER, "resolved": Course.OVER}
STANDINGS = {
    "confirmed": Standing.ASSERTED,
    "unconfirmed": Standing.UNCONFIRMED,
    "presumed": Standing.UNCONFIRMED,
    "refuted": Standing.DENIED,
    "entered-in-error": None,
}


def facts(allergy: AllergyIntolerance, source: Source) -> Iterator[Fact]:
    verified = concept_standing(
        STANDINGS, allergy.verification_status, _VERIFICATION, "verificationStatus", Standing.ASSERTED
    )
    course = concept_standing(COURSES, allergy.clinical_status, _CLINICAL, "clinicalStatus", Course.OPEN)
    if verified is None:
        return
    start = onset(allergy, source)
    yield source.row(
        Kind.ALLERGY,
        verified,
        Times(start, end_of(course, start, None), when(allergy.recorded_date, "recordedDate").low),
        code=joined(code_set(allergy.code), merged(reaction.substance for reaction in allergy.reaction)),
        course=course,
        severity=joined(
            _coded(_CRITICALITY, allergy.criticality),
            *(_coded(_SEVERITY, reaction.severity) for reaction in allergy.reaction),
        ),
        category=joined(_mechanism(allergy.type), *(_coded(_CATEGORY, one) for one in allergy.category)),
        outcome=_manifestations(allergy, source),
        route=merged(reaction.exposure_route for reaction in allergy.reaction),
    )


def _manifestations(allergy: AllergyIntolerance, source: Source) -> CodeSet:
    return joined(
        *(
            source.coded(sign, f"reaction[{i}].manifestation[{j}]")
            for i, reaction in enumerate(allergy.reaction)
            for j, sign in enumerate(reaction.manifestation)
        )
    )


def _mechanism(kind: str | Concept) -> CodeSet:
    """Allergy or intolerance, as code and word."""
    if isinstance(kind, Concept):
        return code_set(kind)
    return CodeSet(((_TYPE, kind),), kind) if kind else CodeSet()


def _coded(system: str, code: str) -> CodeSet:
    return CodeSet(((system, code),)) if code else CodeSet()
