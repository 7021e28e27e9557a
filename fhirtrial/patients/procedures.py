"""Procedure → facts; https://hl7.org/fhir/R4/procedure.html, and https://hl7.org/fhir/R5/procedure.html."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fhirtrial.patients.codes import code_set, joined, listed, merged
from fhirtrial.patients.dates import UNDATED, When, age_range, at_age, period, timing, when
from fhirtrial.patients.facts import Course, Fact, Kind, Standing
from fhirtrial.patients.resources import Procedure
from fhirtrial.patients.source import Source, Times, end_of, standing

STANDINGS: Mapping[str, tuple[Standing, Course] | None] = {
    "completed": (Standing.ASSERTED, Course.OVER),
    "in-progress": (Standing.ASSERTED, Course.NOW),
    "stopped": (Standing.UNCONFIRMED, Course.OVER),
    "preparation": (Standing.UNCONFIRMED, Course.OPEN),
    "on-hold": (Standing.UNCONFIRMED, Course.PAUSED),
    "unknown": (Standing.UNCONFIRMED, Course.OPEN),
    "not-done": (Standing.DENIED, Course.OPEN),
    "entered-in-error": None,
}


def facts(procedure: Procedure, source: Source) -> Iterator[Fact]:
    status = standing(STANDINGS, procedure.status)
    if status is None:
        return
    meant, course = status
    yield source.row(
        Kind.PROCEDURE,
        meant,
        times(procedure, source),
        code=code_set(procedure.code),
        course=course,
        category=listed(procedure.category),
        reason=source.reasons(procedure.reason_code, procedure.reason_reference, procedure.reason),
        outcome=joined(code_set(procedure.outcome), code_set(procedure.status_reason)),
        site=merged(procedure.body_site),
    )


def times(procedure: Procedure, source: Source) -> Times:
    status = standing(STANDINGS, procedure.status)
    course = status[1] if status is not None else Course.OPEN
    start, end = _performed(procedure, source)
    return Times(start, end_of(course, start, end), when(procedure.recorded, "recorded").low)


def _performed(procedure: Procedure, source: Source) -> tuple[When, When | None]:
    """R4's `performed` and R5's `occurrence` are one element."""
    for moment, path in (
        (procedure.performed_date_time, "performedDateTime"),
        (procedure.occurrence_date_time, "occurrenceDateTime"),
    ):
        if moment:
            done = when(moment, path)
            return done, done if procedure.status == "completed" else None
    if procedure.performed_period is not None:
        return period(procedure.performed_period, "performedPeriod")
    if procedure.occurrence_period is not None:
        return period(procedure.occurrence_period, "occurrencePeriod")
    if procedure.occurrence_timing is not None:
        return timing(procedure.occurrence_timing, "occurrenceTiming")
    low, high = age_range(procedure.performed_range or procedure.occurrence_range)
    if (age := procedure.performed_age or procedure.occurrence_age) is not None:
        low = high = age
    done = at_age(source.patient.birth, low, high)
    return (done, done) if done != UNDATED and procedure.status == "completed" else (done, None)
