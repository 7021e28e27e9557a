"""Procedures, encounters, immunizations."""

from __future__ import annotations

from collections.abc import Iterator

from generated.chance import Chance, Json

from fhirtrial.criteria.tree import Encounter, Immunization, Procedure

ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"


def procedures(chance: Chance, atom: Procedure) -> Iterator[Json]:
    for _ in range(chance.one((1, 1, 2))):
        day = chance.day(atom)
        found: Json = {
            "resourceType": chance.one(["Procedure", "Procedure", "Procedure", "Condition"]),
            "code": chance.coded(atom.concept, near=atom.unless),
        }
        if found["resourceType"] == "Condition":
            yield found | ({"recordedDate": chance.stamp(day)} if chance.may(0.7) else {})
            continue
        found["status"] = chance.one(
            [
                "completed",
                "completed",
                "completed",
                "in-progress",
                "not-done",
                "stopped",
                "preparation",
                "on-hold",
                "unknown",
                "entered-in-error",
            ]
        )
        if found["status"] == "not-done" and chance.may(0.6) and (whole := chance.first(atom.concept)):
            start = chance.plain(chance.one([-30_000, *chance.edges(atom), day]))
            yield found | {"code": whole, "performedPeriod": {"start": start, "end": chance.plain(chance.today)}}
            continue
        match chance.one(["dateTime", "dateTime", "period", "none"]):
            case "dateTime":
                found["performedDateTime"] = chance.stamp(day)
            case "period":
                found["performedPeriod"] = chance.period(day)
        yield found


def encounters(chance: Chance, atom: Encounter) -> Iterator[Json]:
    for _ in range(chance.one((1, 2))):
        found: Json = {
            "resourceType": "Encounter",
            "status": chance.one(["finished", "finished", "in-progress", "onleave", "planned", "cancelled", "unknown"]),
            "class": {"system": ACT, "code": chance.one(["IMP", "IMP", "ACUTE", "EMER", "AMB", "OBSENC"])},
        }
        if chance.may(0.9):
            found["period"] = chance.period(chance.day(atom))
        if atom.reason is not None and chance.may(0.8):
            found["reasonCode"] = [chance.coded(atom.reason) for _ in range(chance.one((1, 1, 2)))]
        yield found


def immunizations(chance: Chance, atom: Immunization) -> Iterator[Json]:
    for _ in range(chance.one((1, 2))):
        found: Json = {
            "resourceType": "Immunization",
            "status": chance.one(["completed", "completed", "not-done", "entered-in-error"]),
            "vaccineCode": chance.coded(atom.concept),
        }
        if chance.may(0.85):
            found["occurrenceDateTime"] = chance.stamp(chance.day(atom))
        else:
            found["occurrenceString"] = "in childhood"
        if chance.may(0.1):
            found["isSubpotent"] = True
        yield found
