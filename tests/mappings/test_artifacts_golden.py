"""Two small records become exactly these files; FHIRTRIAL_WRITE_GOLDEN=1 writes them anew, for a person to compare."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest
from mappings.publishing import only, published, text
from mappings.trials import RECORDS, TO

from fhirtrial.records.record import TrialRecord, record_from_bytes, record_to_bytes

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize(("name", "record"), RECORDS.items(), ids=RECORDS)
def test_golden(name: str, record: TrialRecord) -> None:
    folder = GOLDEN / name
    made = {f"{r['resourceType']}-{r['id']}.json": text(r) for r in published(record)}
    made["library.cql"] = base64.b64decode(only("Library", record)["content"][1]["data"]).decode()
    if os.environ.get("FHIRTRIAL_WRITE_GOLDEN"):
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        for file, content in made.items():
            (folder / file).write_text(content, encoding="utf-8")
    kept = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}
    assert made.keys() == kept.keys()
    for file, content in made.items():
        assert content == kept[file], file


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_the_same_record_gives_the_same_bytes(record: TrialRecord) -> None:
    again = record_from_bytes(record_to_bytes(record), "again")
    assert [text(r) for r in published(again, TO)] == [text(r) for r in published(record, TO)]
