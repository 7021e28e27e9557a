"""Bundles taken apart into what a bulk export gives: files by type, lines in any order, and what goes wrong there."""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

Resource = dict[str, Any]


def resources_of(bundles: Iterable[Resource]) -> list[Resource]:
    """All entries, their references as a server gives them: Type/id."""
    found = []
    for bundle in bundles:
        entries = [entry["resource"] for entry in bundle.get("entry", ()) if isinstance(entry.get("resource"), dict)]
        kinds = {one["id"]: one["resourceType"] for one in entries if "id" in one}
        named = re.compile(r'"urn:uuid:([0-9a-f-]+)"')
        text = named.sub(lambda m: f'"{kinds[m[1]]}/{m[1]}"' if m[1] in kinds else m[0], json.dumps(entries))  # noqa: B023
        found += json.loads(text)
    return found


def write(folder: Path, resources: Iterable[Resource | bytes], seed: int, files: int = 3) -> None:
    """Files by type, unsorted: the lines of the larger types over several files, some compressed."""
    chance = random.Random(seed)
    by_type: dict[str, list[bytes]] = {}
    for one in resources:
        kind = "Unknown" if isinstance(one, bytes) else one["resourceType"]
        by_type.setdefault(kind, []).append(one if isinstance(one, bytes) else json.dumps(one).encode())
    folder.mkdir(parents=True, exist_ok=True)
    for kind, lines in by_type.items():
        chance.shuffle(lines)
        count = files if len(lines) > 20 else 1
        for number in range(count):
            data = b"".join(line + b"\n" for line in lines[number::count])
            path = folder / f"{kind}.{number}.ndjson"
            if chance.random() < 0.5:
                path.with_name(path.name + ".gz").write_bytes(gzip.compress(data))
            else:
                path.write_bytes(data)


def person(name: str, **fields: Any) -> Resource:
    return {"resourceType": "Patient", "id": name, "gender": "female", "birthDate": "1970-05-05", **fields}


def condition(name: str, subject: Resource, **fields: Any) -> Resource:
    code = {"coding": [{"system": "http://snomed.info/sct", "code": "396230008"}]}
    return {"resourceType": "Condition", "id": name, "subject": subject, "code": code, **fields}


def about(patient: str) -> Resource:
    return {"reference": f"Patient/{patient}"}


def intricate() -> list[Resource | bytes]:
    """What an export may hold: other names of a patient, newer versions elsewhere, shared resources, what is gone."""
    mine = {"system": "urn:oid:1.2.3", "value": "7"}
    medication = {"resourceType": "Medication", "id": "m", "code": {"text": "prednisone"}}
    statement = {
        "resourceType": "MedicationStatement",
        "id": "s",
        "status": "active",
        "subject": about("one"),
        "medicationReference": {"reference": "Medication/m"},
        "effectiveDateTime": "2026-10-30",
    }
    moved = condition("moves", about("one"), meta={"versionId": "1"})
    tied = condition("tied", about("one"))
    gone = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [{"request": {"method": "DELETE", "url": name}} for name in ("Condition/gone", "Patient/left")],
    }
    return [
        person("one", identifier=[mine]),
        person("two"),
        person("left"),
        person("alone"),
        condition("by-identifier", {"identifier": mine}),
        condition("by-query", {"reference": "Patient?identifier=urn:oid:1.2.3|7"}),
        condition("by-version", {"reference": "Patient/two/_history/3"}),
        condition("by-url", {"reference": "https://hospital.example/fhir/Patient/two"}),
        condition("gone", about("two")),
        condition("of-left", about("left")),
        condition("of-nobody", about("missing")),
        condition("of-no-identifier", {"identifier": {"system": "urn:oid:1.2.3", "value": "8"}}),
        {**moved, "subject": about("two"), "meta": {"versionId": "2"}},
        moved,
        tied,
        {**tied, "subject": about("two")},
        condition("twice", about("one")),
        condition("twice", about("one")),
        medication,
        medication,
        {"resourceType": "Organization", "id": "o", "name": "ward"},
        {"resourceType": "Observation", "id": "d", "status": "final", "subject": {"reference": "Device/1"}},
        statement,
        json.dumps(gone).encode(),
    ]


def damaged(folder: Path) -> None:
    """Adds what a transfer breaks: a gzip cut short, a line that is no JSON, a resource that is nobody's, no FHIR."""
    lines = b"".join(json.dumps(condition(f"cut-{i}", about("one"))).encode() + b"\n" for i in range(300))
    packed = gzip.compress(lines)
    (folder / "cut.ndjson.gz").write_bytes(packed[: len(packed) // 2])
    bad = [b'{"resourceType": "Condition", "id": "torn', json.dumps(condition("own", {})).encode(), b"\xff\xfe"]
    bad += [b'{"resourceType": "Spaceship", "id": "x"}', b'{"resourceType": "Condition", "subject": 7}', b"[1, 2]"]
    (folder / "bad.ndjson").write_bytes(b"\n".join([*bad, json.dumps(condition("fine", about("two"))).encode()]))
    (folder / "empty.json").write_bytes(b"")
