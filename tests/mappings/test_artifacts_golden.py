"""Two small records become exactly these files; FHIRTRIAL_WRITE_GOLDEN=1 writes them anew, for a person to compare."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest
from mappings.publishing import TO_R5, only, published, text
from mappings.trials import RECORDS, TO

from fhirtrial.plugins import Publication
from fhirtrial.records.record import TrialRecord, record_from_bytes, record_to_bytes

GOLDEN = Path(__file__).parent / "golden"

# What R5 writes as R4 does, but for the version, is shown once.
OF_ITS_VERSION = {"version", "dataRequirement", "content", "subjectCodeableConcept"}
SAME = ("ActivityDefinition", "Library", "Questionnaire", "ValueSet")


@pytest.mark.parametrize("to", [TO, TO_R5], ids=lambda to: str(to.fhir))
@pytest.mark.parametrize(("name", "record"), RECORDS.items(), ids=RECORDS)
def test_golden(name: str, record: TrialRecord, to: Publication) -> None:
    folder = GOLDEN / (name if to is TO else f"{name}-r5")
    made = {f"{r['resourceType']}-{r['id']}.json": text(r) for r in published(record, to)}
    if to is TO:
        made["library.cql"] = base64.b64decode(only("Library", record, to)["content"][1]["data"]).decode()
    else:
        made = {file: content for file, content in made.items() if not file.startswith(SAME)}
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


@pytest.mark.parametrize("kind", SAME)
def test_what_is_the_same_in_both_versions(kind: str) -> None:
    r4, r5 = (only(kind, RECORDS["registered"], to) for to in (TO, TO_R5))
    assert {k: v for k, v in r5.items() if k not in OF_ITS_VERSION} == {
        k: v for k, v in r4.items() if k not in OF_ITS_VERSION
    }


@pytest.mark.parametrize("to", [TO, TO_R5], ids=lambda to: str(to.fhir))
@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_the_same_record_gives_the_same_bytes(record: TrialRecord, to: Publication) -> None:
    again = record_from_bytes(record_to_bytes(record), "again")
    assert [text(r) for r in published(again, to)] == [text(r) for r in published(record, to)]
