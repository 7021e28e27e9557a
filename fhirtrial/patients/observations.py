"""Observation, DiagnosticReport and ImagingStudy → facts; a component is a result of its own at the same time.

`issued` is when a result was published, not when it was measured: it only bounds the clinical time from above.
"""

from __future__ import annotations

from collections.abc import Iterator

from fhirtrial.patients.codes import NOTHING, code_set, joined, merged
from fhirtrial.patients.dates import UNDATED, When, period, timing, up_to, when
from fhirtrial.patients.facts import CodeSet, Fact, Kind, Standing, ValueKind
from fhirtrial.patients.quantities import Value, reference_ranges, value_of
from fhirtrial.patients.resources import DiagnosticReport, ImagingStudy, Measured, Observation
from fhirtrial.patients.source import Source, Times, standing

STANDINGS = {
    "final": Standing.ASSERTED,
    "amended": Standing.ASSERTED,
    "corrected": Standing.ASSERTED,
    "preliminary": Standing.UNCONFIRMED,
    "registered": Standing.UNCONFIRMED,
    "unknown": Standing.UNCONFIRMED,
    "cancelled": None,
    "entered-in-error": None,
}
REPORT_STANDINGS = STANDINGS | {
    "appended": Standing.ASSERTED,
    "modified": Standing.ASSERTED,
    "partial": Standing.UNCONFIRMED,
}
STUDY_STANDINGS = {
    "available": Standing.ASSERTED,
    "registered": Standing.UNCONFIRMED,
    "unknown": Standing.UNCONFIRMED,
    "cancelled": None,
    "entered-in-error": None,
}


def facts(observation: Observation, source: Source) -> Iterator[Fact]:
    status = standing(STANDINGS, observation.status)
    if status is None:
        return
    if observation.focus and not _about_patient(observation, source):
        status = Standing.UNCONFIRMED
    at = times(observation, source)
    category = merged(observation.category) if observation.category else NOTHING
    site = code_set(observation.body_site)
    yield _measured(observation, "", status, at, category, site, source)
    for i, component in enumerate(observation.component):
        own = Standing.UNCONFIRMED if component.modifier_extension else status
        yield _measured(component, f"component[{i}].", own, at, category, site, source)


def _measured(
    node: Measured, prefix: str, status: Standing, at: Times, category: CodeSet, site: CodeSet, source: Source
) -> Fact:
    value = value_of(node, prefix)
    return source.row(
        Kind.OBSERVATION,
        status,
        at,
        code=code_set(node.code),
        value=value,
        interpretation=merged(node.interpretation) if node.interpretation else NOTHING,
        ranges=reference_ranges(node.reference_range, value.unit) if node.reference_range else (),
        category=category,
        site=site,
    )


def _about_patient(observation: Observation, source: Source) -> bool:
    """A focus elsewhere (a fetus, a donor, a device) makes it doubtful whether the result is the patient's own."""
    subject = source.references.find(observation.subject, observation, source.url)
    return all(source.references.find(one, observation, source.url) is subject for one in observation.focus)


def times(observation: Observation, _: Source) -> Times:
    issued = when(observation.issued, "issued")
    if observation.effective_date_time or observation.effective_period is not None:
        return _times(*_effective(observation), issued)
    if observation.effective_instant:
        return _times(when(observation.effective_instant, "effectiveInstant"), None, issued)
    if observation.effective_timing is not None:
        return _times(*timing(observation.effective_timing, "effectiveTiming"), issued)
    return _times(UNDATED, None, issued)


def report_times(report: DiagnosticReport, _: Source) -> Times:
    issued = when(report.issued, "issued")
    return _times(*_effective(report), issued)


def _effective(resource: Observation | DiagnosticReport) -> tuple[When, When | None]:
    if resource.effective_date_time:
        return when(resource.effective_date_time, "effectiveDateTime"), None
    return period(resource.effective_period, "effectivePeriod")


def _times(start: When, end: When | None, issued: When) -> Times:
    if start == UNDATED:
        start = up_to(issued)
    if end is None:
        return Times(start, start, issued.low)
    latest = When(start.low, start.high, end.instant, end.instant - start.instant + start.blur)
    return Times(latest, end, issued.low)


def report_facts(report: DiagnosticReport, source: Source) -> Iterator[Fact]:
    status = standing(REPORT_STANDINGS, report.status)
    if status is None:
        return
    conclusion = merged(report.conclusion_code)
    words = CodeSet((), report.conclusion) if report.conclusion else NOTHING
    value = Value(ValueKind.NONE, "code")
    if conclusion.codings:
        value = Value(ValueKind.CODED, "conclusionCode", coded=joined(conclusion, words))
    elif report.conclusion or conclusion.text:
        path = "conclusion" if report.conclusion else "conclusionCode"
        value = Value(ValueKind.TEXT, path, coded=joined(conclusion, words))
    yield source.row(
        Kind.REPORT,
        status,
        report_times(report, source),
        code=code_set(report.code),
        value=value,
        category=merged(report.category),
    )


def study_facts(study: ImagingStudy, source: Source) -> Iterator[Fact]:
    """An imaging study says that it was done, of what and how; its findings are in reports and observations."""
    status = standing(STUDY_STANDINGS, study.status)
    if status is None:
        return
    started = when(study.started, "started")
    words = CodeSet((), study.description) if study.description else NOTHING
    path = "procedureCode" if study.procedure_code else "procedure" if study.procedure else "modality"
    procedures = [source.coded(one, f"procedure[{i}]") for i, one in enumerate(study.procedure)]
    sites = [(series.body_site, f"series[{i}].bodySite") for i, series in enumerate(study.series)]
    yield source.row(
        Kind.REPORT,
        status,
        Times(started, started),
        code=joined(merged(study.procedure_code), *procedures, words),
        value=Value(ValueKind.NONE, path),
        category=joined(*(source.coded(one, f"modality[{i}]") for i, one in enumerate(study.modality))),
        reason=source.reasons(study.reason_code, study.reason_reference, study.reason),
        site=joined(*(source.coded(site, path) for site, path in sites if site is not None)),
    )
