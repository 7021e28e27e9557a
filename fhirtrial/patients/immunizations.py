"""Immunization → facts; a subpotent dose is not a confirmed one, and an occurrence in words is undated."""

from __future__ import annotations

from collections.abc import Iterator

from fhirtrial.patients.codes import code_set
from fhirtrial.patients.dates import up_to, when
from fhirtrial.patients.facts import Course, Fact, Kind, Standing, ValueKind
from fhirtrial.patients.quantities import Value
from fhirtrial.patients.resources import Immunization
from fhirtrial.patients.source import Source, Times, standing

STANDINGS = {"completed": Standing.ASSERTED, "not-done": Standing.DENIED, "entered-in-error": None}


def facts(immunization: Immunization, source: Source) -> Iterator[Fact]:
    meant = standing(STANDINGS, immunization.status)
    if meant is None:
        return
    yield source.row(
        Kind.IMMUNIZATION,
        Standing.UNCONFIRMED if immunization.is_subpotent else meant,
        times(immunization, source),
        code=code_set(immunization.vaccine_code),
        course=Course.OVER if meant is Standing.ASSERTED else Course.OPEN,
        value=Value(ValueKind.NONE, "vaccineCode"),
        reason=source.reasons(immunization.reason_code, immunization.reason_reference, immunization.reason),
        outcome=code_set(immunization.status_reason),
        route=code_set(immunization.route),
        site=code_set(immunization.site),
    )


def times(immunization: Immunization, _: Source) -> Times:
    recorded = when(immunization.recorded, "recorded")
    given = when(immunization.occurrence_date_time, "occurrenceDateTime")
    if not immunization.occurrence_date_time:
        given = up_to(recorded)
    return Times(given, given, recorded.low)
