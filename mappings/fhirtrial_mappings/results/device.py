"""This software and its version as a Device: the author of every result; one per version, the same bytes each time."""

from __future__ import annotations

import re

from fhirtrial.plugins import Draft, Publication, Resource, Screening, Summary
from fhirtrial_mappings.narrative import narrative
from fhirtrial_mappings.results.pair import identifier

NAME = "fhirtrial"
KIND = "Clinical trial matching software"
INTENDED_USE = "Decision support for people: it proposes candidates and never decides eligibility."


def device_id(to: Publication) -> str:
    """A version may hold what an id may not (1.0+site)."""
    return re.sub(r"[^A-Za-z0-9\-.]", "-", f"{NAME}-{to.software_version}")[:64]


def author(to: Publication) -> dict[str, str]:
    return {"reference": f"Device/{device_id(to)}"}


def r4(of: Screening | Summary, to: Publication) -> list[Draft]:
    if isinstance(of, Screening) and not of.matches:
        return []
    resource = {
        "resourceType": "Device",
        "id": device_id(to),
        "text": narrative(f"{NAME} {to.software_version}. {INTENDED_USE}"),
        "identifier": [identifier(to, "device", device_id(to))],
        "status": "active",
        "deviceName": [{"name": NAME, "type": "user-friendly-name"}],
        "type": {"text": KIND},
        "version": [{"value": to.software_version}],
        "note": [{"text": INTENDED_USE}],
    }
    return [Draft(resource)]


def r5(of: Screening | Summary, to: Publication) -> list[Draft]:
    return [Draft(_in_r5(draft.resource)) for draft in r4(of, to)]


def merge(existing: Resource, new: Resource) -> Resource | None:
    """What a site adds to the Device of a version (owner, location, status) stays."""
    return None if existing.get("version") == new["version"] else new


def _in_r5(device: Resource) -> Resource:
    kept = {key: value for key, value in device.items() if key != "deviceName"}
    names = [{"value": one["name"], "type": one["type"]} for one in device["deviceName"]]
    return {**kept, "name": names, "type": [device["type"]]}
