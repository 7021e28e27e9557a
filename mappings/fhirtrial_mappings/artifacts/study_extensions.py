"""The R5 content of a ResearchStudy in R4, element by element; and the registration's dates, in both versions."""

from __future__ import annotations

from collections.abc import Iterator

from fhirtrial.plugins import Resource
from fhirtrial.records.fields import PartialDate
from fhirtrial.records.record import TrialRecord
from fhirtrial_mappings.artifacts import study_codes as codes
from fhirtrial_mappings.artifacts import study_elements as elements
from fhirtrial_mappings.artifacts.extensions import STUDY_REGISTRATION, complex_, r5, simple
from fhirtrial_mappings.artifacts.primitives import coded, date, period, present, string
from fhirtrial_mappings.artifacts.study_texts import designs

PROGRESS = r5("ResearchStudy.progressStatus")
# R4's code system, which R5 extended under one URL: what it has no code for stays the registry's word.
_R4_STATES = {
    registry: code if code in codes.STATUS_R4.values() else None for registry, code in codes.STATUS_R5.items()
}
# The type of each part of these elements.
_TYPES = {
    "actual": "valueBoolean",
    "actualNumber": "valueUnsignedInt",
    "description": "valueMarkdown",
    "name": "valueString",
    "period": "valuePeriod",
    "state": "valueCodeableConcept",
    "targetNumber": "valueUnsignedInt",
    "type": "valueCodeableConcept",
    "value": "valueString",
}


def all_of(record: TrialRecord, version: str) -> list[Resource]:
    """Every extension but the parties', in a fixed order."""
    return present(
        [
            simple(r5("ResearchStudy.url"), valueUri=elements.registry_page(record)),
            simple(r5("ResearchStudy.version"), valueString=version),
            simple(r5("ResearchStudy.date"), valueDateTime=elements.updated(record)),
            *(_extension("ResearchStudy.label", label) for label in elements.labels(record)),
            *(_extension("ResearchStudy.progressStatus", p) for p in elements.progress(record, _R4_STATES)),
            simple(r5("ResearchStudy.descriptionSummary"), valueMarkdown=string(record.brief_summary)),
            _extension("ResearchStudy.recruitment", elements.numbers(record)),
            *(simple(r5("ResearchStudy.studyDesign"), valueCodeableConcept=design) for design in designs(record)),
            *(simple(r5("ResearchStudy.classifier"), valueCodeableConcept=c) for c in elements.classifiers(record)),
            *(_extension("ResearchStudy.outcomeMeasure", o) for o in elements.outcomes(record, codes.OBJECTIVE_SYSTEM)),
            *registration(record),
        ]
    )


def registration(record: TrialRecord) -> Iterator[Resource | None]:
    for field, activity in codes.REGISTRATION.items():
        value: PartialDate | str | None = getattr(record, field)
        day = PartialDate(date=value) if isinstance(value, str) else value
        if day and date(day.date):
            yield complex_(
                STUDY_REGISTRATION,
                simple("activity", valueCodeableConcept=coded(codes.ACTIVITY_SYSTEM, activity)),
                *_parts(elements.actual(day)),
                simple("period", valuePeriod=period(day.date, day.date)),
            )


def registry_status(resource: Resource) -> str:
    """The exact registry status that R5's element or R4's extension holds; "" where the record had none."""
    for state in _states(resource):
        if (named := str(state.get("text", elements.WHOLE))) != elements.WHOLE:
            return named
    return ""


def _states(resource: Resource) -> Iterator[Resource]:
    yield from (progress.get("state", {}) for progress in resource.get("progressStatus", ()))
    for extension in resource.get("extension", ()):
        if extension.get("url") == PROGRESS:
            parts = extension.get("extension", ())
            yield from (p.get("valueCodeableConcept", {}) for p in parts if p.get("url") == "state")


def _extension(path: str, element: Resource) -> Resource | None:
    return complex_(r5(path), *_parts(element))


def _parts(element: Resource) -> Iterator[Resource | None]:
    for name, value in element.items():
        for one in value if isinstance(value, list) else [value]:
            yield {"url": name, _TYPES[name]: one}
