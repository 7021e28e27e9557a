"""Encounter → facts: its type, class, period, and why it took place.

Reasons are the reason codes and the codes of the diagnosed conditions, unless a condition is refuted or an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fhirtrial.patients.codes import NOTHING, code_set, joined, merged, of_codings
from fhirtrial.patients.dates import period
from fhirtrial.patients.facts import CodeSet, Course, Fact, Kind, Standing
from fhirtrial.patients.resources import Diagnosis, Encounter
from fhirtrial.patients.source import Source, Times, end_of, standing

STANDINGS: Mapping[str, tuple[Standing, Course] | None] = {
    "finished": (Standing.ASSERTED, Course.OVER),
    "completed": (Standing.ASSERTED, Course.OVER),
    "discharged": (Standing.ASSERTED, Course.OVER),
    "discontinued": (Standing.UNCONFIRMED, Course.OVER),
    "in-progress": (Standing.ASSERTED, Course.NOW),
    "arrived": (Standing.ASSERTED, Course.NOW),
    "triaged": (Standing.ASSERTED, Course.NOW),
    "onleave": (Standing.ASSERTED, Course.NOW),
    "on-hold": (Standing.ASSERTED, Course.NOW),
    "planned": (Standing.UNCONFIRMED, Course.OPEN),
    "unknown": (Standing.UNCONFIRMED, Course.OPEN),
    "cancelled": None,
    "entered-in-error": None,
}


def facts(encounter: Encounter, source: Source) -> Iterator[Fact]:
    status = standing(STANDINGS, encounter.status)
    if status is None:
        return
    meant, course = status
    stay = encounter.hospitalization or encounter.admission
    yield source.row(
        Kind.ENCOUNTER,
        meant,
        times(encounter, source),
        code=merged(encounter.type),
        course=course,
        category=_class(encounter),
        reason=_reason(encounter, source),
        outcome=code_set(stay.discharge_disposition) if stay is not None else NOTHING,
    )


def times(encounter: Encounter, _: Source) -> Times:
    status = standing(STANDINGS, encounter.status)
    start, end = period(encounter.period, "period")
    if encounter.actual_period is not None:
        start, end = period(encounter.actual_period, "actualPeriod")
    return Times(start, end_of(status[1] if status is not None else Course.OPEN, start, end))


def _class(encounter: Encounter) -> CodeSet:
    """R4 has one Coding here, R5 any number of concepts."""
    given = encounter.class_
    return merged(given) if isinstance(given, tuple) else of_codings([given])


def _reason(encounter: Encounter, source: Source) -> CodeSet:
    either = [value for reason in encounter.reason for value in reason.value]
    stated = source.reasons(encounter.reason_code, encounter.reason_reference, either)
    diagnosed = [
        codes for i, one in enumerate(encounter.diagnosis) for codes in _diagnosed(one, f"diagnosis[{i}]", source)
    ]
    return joined(stated, *diagnosed) if diagnosed else stated


def _diagnosed(diagnosis: Diagnosis, path: str, source: Source) -> Iterator[CodeSet]:
    condition = diagnosis.condition
    if isinstance(condition, tuple):
        yield from (source.coded(one, f"{path}.condition[{i}]") for i, one in enumerate(condition))
    else:
        yield source.codes_behind(condition, f"{path}.condition")
