"""The R5 content of a ResearchStudy in R4: exact status, titles, recruitment, outcomes, design, registration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from fhirtrial.plugins import Resource
from fhirtrial.records.fields import Outcome, PartialDate
from fhirtrial.records.record import TrialRecord
from fhirtrial_mappings.artifacts import study_codes as codes
from fhirtrial_mappings.artifacts.extensions import STUDY_REGISTRATION, complex_, r5, simple
from fhirtrial_mappings.artifacts.primitives import coded, date, period, present, string
from fhirtrial_mappings.artifacts.study_texts import designs

PROGRESS = r5("ResearchStudy.progressStatus")
_WHOLE = "overall-study"
_ACTUAL: Mapping[str, bool] = {"ACTUAL": True, "ESTIMATED": False}


def all_of(record: TrialRecord, version: str) -> list[Resource]:
    """Every extension but the parties', in a fixed order."""
    return present(
        [
            simple(r5("ResearchStudy.url"), valueUri=registry_page(record)),
            simple(r5("ResearchStudy.version"), valueString=version),
            simple(r5("ResearchStudy.date"), valueDateTime=_updated(record)),
            *_labels(record),
            _progress(record),
            *_whole_course(record),
            simple(r5("ResearchStudy.descriptionSummary"), valueMarkdown=string(record.brief_summary)),
            _recruitment(record),
            *(simple(r5("ResearchStudy.studyDesign"), valueCodeableConcept=design) for design in designs(record)),
            *_classifiers(record),
            *_outcomes(record),
            *_registration(record),
        ]
    )


def registry_page(record: TrialRecord) -> str | None:
    return f"https://clinicaltrials.gov/study/{record.nct_id}" if record.nct_id else None


def registry_status(resource: Resource) -> str:
    """The exact registry status that `_progress` wrote; "" where the record had none."""
    for extension in resource.get("extension", ()):
        if extension.get("url") != PROGRESS:
            continue
        states = [p.get("valueCodeableConcept", {}) for p in extension["extension"] if p.get("url") == "state"]
        named = next((str(state["text"]) for state in states if "text" in state), _WHOLE)
        if named != _WHOLE:
            return named
    return ""


def _updated(record: TrialRecord) -> str | None:
    return date(record.last_update_post_date.date) if record.last_update_post_date else None


def _labels(record: TrialRecord) -> Iterator[Resource | None]:
    for kind, title in (("official", record.official_title), ("acronym", record.acronym)):
        if words := string(title):
            label = coded(codes.TITLE_SYSTEM, kind)
            yield complex_(
                r5("ResearchStudy.label"),
                simple("type", valueCodeableConcept=label),
                simple("value", valueString=words),
            )


def _progress(record: TrialRecord) -> Resource | None:
    status = record.overall_status
    return complex_(PROGRESS, simple("state", valueCodeableConcept=_state(status))) if status else None


def _whole_course(record: TrialRecord) -> Iterator[Resource | None]:
    for edge, day in (("start", record.start_date), ("end", record.completion_date)):
        if day and date(day.date):
            yield complex_(
                PROGRESS,
                simple("state", valueCodeableConcept=_state(_WHOLE)),
                _actual(day),
                simple("period", valuePeriod={edge: day.date}),
            )


def _state(registry: str) -> Resource | None:
    """The registry's own word; coded only where R4's code system, which R5 extended under one URL, has the code."""
    code = codes.STATUS_R5.get(registry)
    return coded(codes.STATUS_SYSTEM, code if code in codes.STATUS_R4.values() else None, registry)


def _actual(day: PartialDate) -> Resource | None:
    known = _ACTUAL.get(day.type or "")
    return None if known is None else {"url": "actual", "valueBoolean": known}


def _recruitment(record: TrialRecord) -> Resource | None:
    if record.enrollment is None:
        return None
    reached = record.enrollment.type == "ACTUAL"
    return complex_(
        r5("ResearchStudy.recruitment"),
        {"url": "actualNumber" if reached else "targetNumber", "valueUnsignedInt": record.enrollment.count},
    )


def _classifiers(record: TrialRecord) -> Iterator[Resource | None]:
    oversight = record.oversight
    for code, holds in (
        ("fda-regulated-drug", oversight.is_fda_regulated_drug),
        ("fda-regulated-device", oversight.is_fda_regulated_device),
    ):
        if holds:
            classifier = coded(codes.CLASSIFIER_SYSTEM, code)
            yield simple(r5("ResearchStudy.classifier"), valueCodeableConcept=classifier)


def _outcomes(record: TrialRecord) -> Iterator[Resource | None]:
    ranked: tuple[tuple[str, Sequence[Outcome]], ...] = (
        ("primary", record.primary_outcomes),
        ("secondary", record.secondary_outcomes),
        ("other", record.other_outcomes),
        ("unranked", record.unranked_outcomes),
    )
    for rank, outcomes in ranked:
        for outcome in outcomes:
            frame = string(outcome.time_frame)
            told = present([string(outcome.description), frame and f"Time frame: {frame}"])
            yield complex_(
                r5("ResearchStudy.outcomeMeasure"),
                simple("name", valueString=string(outcome.measure)),
                simple("type", valueCodeableConcept=coded(codes.OBJECTIVE_SYSTEM, codes.OUTCOME[rank], rank)),
                simple("description", valueMarkdown="\n\n".join(told)),
            )


def _registration(record: TrialRecord) -> Iterator[Resource | None]:
    for field, activity in codes.REGISTRATION.items():
        value: PartialDate | str | None = getattr(record, field)
        day = PartialDate(date=value) if isinstance(value, str) else value
        if day and date(day.date):
            yield complex_(
                STUDY_REGISTRATION,
                simple("activity", valueCodeableConcept=coded(codes.ACTIVITY_SYSTEM, activity)),
                _actual(day),
                simple("period", valuePeriod=period(day.date, day.date)),
            )
