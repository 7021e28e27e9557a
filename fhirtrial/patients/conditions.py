"""Condition → facts: onset, abatement and the two statuses, https://hl7.org/fhir/R4/condition.html.

`recordedDate` is not the onset: it only bounds it from above.
"""

from __future__ import annotations

from collections.abc import Iterator

from fhirtrial.patients.codes import code_set, merged
from fhirtrial.patients.dates import UNDATED, BadValueError, When, age_range, at_age, between, period, up_to, when
from fhirtrial.patients.facts import CEIL, Course, Fact, Kind, Standing
from fhirtrial.patients.resources import AllergyIntolerance, Condition
from fhirtrial.patients.source import Source, Times, concept_standing, end_of, open_end

_CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
_VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
COURSES = {
    "active": Course.NOW,
    "recurrence": Course.RECURRENT,
    "relapse": Course.RECURRENT,
    "remission": Course.PAUSED,
    "inactive": Course.OVER,
    "resolved": Course.OVER,
    "unknown": Course.OPEN,
}
STANDINGS = {
    "confirmed": Standing.ASSERTED,
    "unconfirmed": Standing.UNCONFIRMED,
    "provisional": Standing.UNCONFIRMED,
    "differential": Standing.UNCONFIRMED,
    "refuted": Standing.DENIED,
    "entered-in-error": None,
}


def facts(condition: Condition, source: Source) -> Iterator[Fact]:
    verified = concept_standing(
        STANDINGS, condition.verification_status, _VERIFICATION, "verificationStatus", Standing.ASSERTED
    )
    course = _course(condition)
    if verified is None:
        return
    yield source.row(
        Kind.CONDITION,
        verified,
        times(condition, source),
        code=code_set(condition.code),
        course=course,
        severity=code_set(condition.severity),
        stage=merged(stage.summary for stage in condition.stage),
        category=merged(condition.category),
        site=merged(condition.body_site),
    )


def times(condition: Condition, source: Source) -> Times:
    start = onset(condition, source)
    end = _abatement(condition, source, start)
    return Times(start, end_of(_course(condition), start, end), when(condition.recorded_date, "recordedDate").low)


def _course(condition: Condition) -> Course:
    return concept_standing(COURSES, condition.clinical_status, _CLINICAL, "clinicalStatus", Course.OPEN)


def onset(resource: Condition | AllergyIntolerance, source: Source) -> When:
    """When it began; known only by the day it was written down, it began some time up to that day."""
    if resource.onset_date_time:
        return when(resource.onset_date_time, "onsetDateTime")
    if resource.onset_period is not None and resource.onset_period.start:
        return period(resource.onset_period, "onsetPeriod")[0]
    written = when(resource.recorded_date, "recordedDate")
    low, high = (resource.onset_age,) * 2 if resource.onset_age is not None else age_range(resource.onset_range)
    aged = at_age(source.patient.birth, low, high)
    if aged != UNDATED:
        return aged
    ended = period(resource.onset_period, "onsetPeriod")[0]
    return min(ended, up_to(written), key=lambda bound: bound.high)


def _abatement(condition: Condition, source: Source, start: When) -> When | None:
    if condition.abatement_date_time:
        end = when(condition.abatement_date_time, "abatementDateTime")
    elif condition.abatement_age is not None or condition.abatement_range is not None:
        span = age_range(condition.abatement_range)
        low, high = (condition.abatement_age,) * 2 if condition.abatement_age is not None else span
        end = at_age(source.patient.birth, low, high)
    elif condition.abatement_period is not None:
        # The time in which it went away: over at its end, unknown when that is open.
        first, last = period(condition.abatement_period, "abatementPeriod")
        end = between(first.low, CEIL if last is None else last.high)
    elif condition.abatement_string:
        return open_end(start)
    else:
        return None
    if end.high < start.low:
        raise BadValueError("abatement[x]", "an abatement before the onset", "correct one of the two dates")
    return between(max(end.low, start.low), end.high)
