"""Procedure → facts; https://hl7.org/fhir/R4/procedure.html."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fhirtrial.patients.codes import code_set, joined, merged
from fhirtrial.patients.dates import UNDATED, When, age_range, at_age, period, when
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
    start, end = _performed(procedure, source)
    yield source.row(
        Kind.PROCEDURE,
        meant,
        Times(start, end_of(course, start, end)),
        code=code_set(procedure.code),
        course=course,
        category=code_set(procedure.category),
        reason=source.reasons(procedure.reason_code, procedure.reason_reference),
        outcome=joined(code_set(procedure.outcome), code_set(procedure.status_reason)),
        site=merged(procedure.body_site),
    )


def _performed(procedure: Procedure, source: Source) -> tuple[When, When | None]:
    if procedure.performed_date_time:
        done = when(procedure.performed_date_time, "performedDateTime")
        return done, done if procedure.status == "completed" else None
    if procedure.performed_period is not None:
        return period(procedure.performed_period, "performedPeriod")
    low, high = age_range(procedure.performed_range)
    if procedure.performed_age is not None:
        low = high = procedure.performed_age
    done = at_age(source.patient.birth, low, high)
    return (done, done) if done != UNDATED and procedure.status == "completed" else (done, None)
