"""Encounter → facts: its type, class, period, and why it took place.

Reasons are the reason codes and the codes of the diagnosed conditions, unless a condition is refuted or an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fhirtrial.patients.codes import NOTHING, code_set, joined, merged, of_codings
from fhirtrial.patients.dates import period
from fhirtrial.patients.facts import CodeSet, Course, Fact, Kind, Standing
from fhirtrial.patients.resources import Encounter
from fhirtrial.patients.source import Source, Times, end_of, standing

STANDINGS: Mapping[str, tuple[Standing, Course] | None] = {
    "finished": (Standing.ASSERTED, Course.OVER),
    "in-progress": (Standing.ASSERTED, Course.NOW),
    "arrived": (Standing.ASSERTED, Course.NOW),
    "triaged": (Standing.ASSERTED, Course.NOW),
    "onleave": (Standing.ASSERTED, Course.NOW),
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
    start, end = period(encounter.period, "period")
    stay = encounter.hospitalization
    yield source.row(
        Kind.ENCOUNTER,
        meant,
        Times(start, end_of(course, start, end)),
        code=merged(encounter.type),
        course=course,
        category=of_codings([encounter.class_]) if encounter.class_ is not None else NOTHING,
        reason=_reason(encounter, source),
        outcome=code_set(stay.discharge_disposition) if stay is not None else NOTHING,
    )


def _reason(encounter: Encounter, source: Source) -> CodeSet:
    stated = source.reasons(encounter.reason_code, encounter.reason_reference)
    diagnosed = [
        source.codes_behind(diagnosis.condition, f"diagnosis[{i}].condition")
        for i, diagnosis in enumerate(encounter.diagnosis)
    ]
    return joined(stated, *diagnosed) if diagnosed else stated
