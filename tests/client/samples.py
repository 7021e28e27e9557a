"""Entries and Bundles to send, short to write in a test."""

from __future__ import annotations

from typing import Any

SYSTEM = "https://example.org/ids"


def put(kind: str, name: str, **elements: Any) -> dict[str, Any]:
    return {
        "resource": {"resourceType": kind, "id": name, **elements},
        "request": {"method": "PUT", "url": f"{kind}/{name}"},
    }


def guarded(kind: str, name: str, version: str, **elements: Any) -> dict[str, Any]:
    entry = put(kind, name, **elements)
    return {**entry, "request": {**entry["request"], "ifMatch": f'W/"{version}"'}}


def _identified(kind: str, value: str, elements: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": kind, "identifier": [{"system": SYSTEM, "value": value}], **elements}


def create(kind: str, value: str, urn: str | None = None, **elements: Any) -> dict[str, Any]:
    request = {"method": "POST", "url": kind, "ifNoneExist": f"identifier={SYSTEM}|{value}"}
    entry = {"resource": _identified(kind, value, elements), "request": request}
    return {"fullUrl": uuid(urn), **entry} if urn else entry


def conditional_put(kind: str, value: str, urn: str | None = None, **elements: Any) -> dict[str, Any]:
    request = {"method": "PUT", "url": f"{kind}?identifier={SYSTEM}|{value}"}
    entry = {"resource": _identified(kind, value, elements), "request": request}
    return {"fullUrl": uuid(urn), **entry} if urn else entry


def uuid(name: str) -> str:
    return f"urn:uuid:{name:0>8}-0000-4000-8000-000000000000"


def refer(name: str) -> dict[str, str]:
    return {"reference": name}


def bundle(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}


STUDY = bundle(
    put("ResearchStudy", "NCT1", title="one"),
    put("Group", "NCT1", title="eligibility"),
    conditional_put("Device", "engine", version=[{"value": "1"}]),
    create("ResearchSubject", "p1-NCT1", "1", study=refer("ResearchStudy/NCT1"), status="candidate"),
    create("Provenance", "pr1", "2", target=[refer(uuid("1"))]),
)
