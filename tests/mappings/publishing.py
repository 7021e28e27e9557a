"""What the tests of artifacts share: everything a record is published as."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from mappings.trials import TO

from fhirtrial.plugins import Publication, Resource
from fhirtrial.records.record import TrialRecord
from fhirtrial.terminology import load
from fhirtrial_mappings.artifacts import ARTIFACTS

SHIPPED = Publication(base="https://hospital.example/fhir", fhir="R4", terminology=load(), software_version="0.1.0")
SHIPPED_R5 = replace(SHIPPED, fhir="R5")
TO_R5 = replace(TO, fhir="R5")


def published(record: TrialRecord, to: Publication = TO, kind: str | None = None) -> list[Resource]:
    """All of it, or what is of that type."""
    chosen = (m for m in ARTIFACTS if m.fhir == to.fhir and kind in (None, m.resource))
    return [draft.resource for mapping in chosen for draft in mapping.build(record, to)]


def only(kind: str, record: TrialRecord, to: Publication = TO) -> Resource:
    """The record's one resource of that type (the first, of Groups the criteria)."""
    return published(record, to, kind)[0]


def text(resource: Resource) -> str:
    return json.dumps(resource, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def inside(node: Any) -> Iterator[Any]:
    """Every value at any depth."""
    yield node
    if isinstance(node, dict | list):
        for value in node.values() if isinstance(node, dict) else node:
            yield from inside(value)
