"""Elements that R5's ResearchStudy has and R4's has not, as R5 writes them; R4 carries the same ones as extensions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from fhirtrial.plugins import Resource
from fhirtrial.records.fields import Outcome, PartialDate
from fhirtrial.records.record import TrialRecord
from fhirtrial_mappings.artifacts import study_codes as codes
from fhirtrial_mappings.artifacts.primitives import coded, date, filled, present, string

WHOLE = "overall-study"
_ACTUAL: Mapping[str, bool] = {"ACTUAL": True, "ESTIMATED": False}


def registry_page(record: TrialRecord) -> str | None:
    return f"https://clinicaltrials.gov/study/{record.nct_id}" if record.nct_id else None


def updated(record: TrialRecord) -> str | None:
    return date(record.last_update_post_date.date) if record.last_update_post_date else None


def labels(record: TrialRecord) -> Iterator[Resource]:
    for kind, title in (("official", record.official_title), ("acronym", record.acronym)):
        if words := string(title):
            yield {"type": coded(codes.TITLE_SYSTEM, kind), "value": words}


def progress(record: TrialRecord, known: Mapping[str, str | None]) -> Iterator[Resource]:
    """The registry's status in its own word, coded by `known`; then the edges of the whole study."""
    if record.overall_status:
        yield {"state": coded(codes.STATUS_SYSTEM, known.get(record.overall_status), record.overall_status)}
    for edge, day in (("start", record.start_date), ("end", record.completion_date)):
        if day and date(day.date):
            state = coded(codes.STATUS_SYSTEM, known.get(WHOLE), WHOLE)
            yield {"state": state, **actual(day), "period": {edge: day.date}}


def actual(day: PartialDate) -> Resource:
    known = _ACTUAL.get(day.type or "")
    return {} if known is None else {"actual": known}


def numbers(record: TrialRecord) -> Resource:
    """How many are to be recruited, or were."""
    if record.enrollment is None:
        return {}
    reached = record.enrollment.type == "ACTUAL"
    return {"actualNumber" if reached else "targetNumber": record.enrollment.count}


def classifiers(record: TrialRecord) -> Iterator[Resource]:
    oversight = record.oversight
    for code, holds in (
        ("fda-regulated-drug", oversight.is_fda_regulated_drug),
        ("fda-regulated-device", oversight.is_fda_regulated_device),
    ):
        if holds:
            yield {"coding": [{"system": codes.CLASSIFIER_SYSTEM, "code": code}]}


def outcomes(record: TrialRecord, system: str) -> Iterator[Resource]:
    ranked: tuple[tuple[str, Sequence[Outcome]], ...] = (
        ("primary", record.primary_outcomes),
        ("secondary", record.secondary_outcomes),
        ("other", record.other_outcomes),
        ("unranked", record.unranked_outcomes),
    )
    for rank, found in ranked:
        for outcome in found:
            frame = string(outcome.time_frame)
            told = present([string(outcome.description), frame and f"Time frame: {frame}"])
            yield filled(
                {
                    "name": string(outcome.measure),
                    "type": [coded(system, codes.OUTCOME[rank], rank)],
                    "description": "\n\n".join(told),
                }
            )
