"""Bad and hostile eligibility text through the record reader: criteria and named defects, every character kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from yaml_tables import read_table

from fhirtrial.criteria.lower import lower
from fhirtrial.records.read import read_trials
from fhirtrial.records.record import TrialRecord

CASES = read_table(Path(__file__).parents[1] / "cases" / "texts" / "bad.yaml")
HEADING = "Inclusion Criteria:\n\n* "
# A document of one item repeats it a million times; one of many items stays a list.
HOSTILE = {
    "brackets": "(", "closed brackets": "()", "commas": ",", "or": "or ", "digits": "1", "one word": "a",
    "newlines": "\n", "not": "not ", "spaces": " ", "comparators": ">=", "ampersands": "&", "entities": "&gt;",
    "escapes": "\\", "equals": "=", "null bytes": "\0", "marks": "\u0301", "windows": "within 6 months ",
    "numbers of a list": "1. ", "colons": "all of the following:\n",
}  # fmt: skip
SIZE = 1_000_000

pytestmark = pytest.mark.slow


def read(folder: Path, text: str, fields: dict[str, Any] | None = None) -> TrialRecord:
    module = {"eligibilityCriteria": text, "sex": "ALL", "minimumAge": "18 Years", **(fields or {})}
    identification = {"nctId": "NCT00000001", "briefTitle": "A trial"}
    sections = {"identificationModule": identification, "eligibilityModule": module}
    file = folder / "study.json"
    file.write_text(json.dumps({"protocolSection": sections}), encoding="utf-8")
    result = read_trials(file)
    assert not result.failures
    (record,) = result.records
    return record


def keeps_every_character(record: TrialRecord) -> None:
    text = record.eligibility_text or ""
    taken = bytearray(len(text))
    for span in (*(c.span for c in record.criteria if c.span), *record.eligibility_headings, *record.eligibility_notes):
        assert not any(taken[span.start : span.end])
        taken[span.start : span.end] = b"\1" * (span.end - span.start)
    assert all(place or character.isspace() for place, character in zip(taken, text, strict=True))


@pytest.mark.parametrize("case", CASES, ids=[c["name"] for c in CASES])
def test_bad_text(case: dict[str, Any], tmp_path: Path) -> None:
    record = read(tmp_path, case["text"], case.get("fields"))
    keeps_every_character(record)
    items = [c for c in record.criteria if c.span is not None]
    for item in items:
        lower(item.tree)
    if case["criteria"] != "any":
        assert sorted(c.id for c in items) == case["criteria"]
    if case["defects"] != "any":
        assert sorted({d.code for d in record.defects}) == sorted(case["defects"])
    assert set(case.get("reasons", ())) <= {r for c in items for r in c.defects}


@pytest.mark.parametrize("shape", sorted(HOSTILE))
def test_a_megabyte_is_one_item_that_a_person_reads(shape: str, tmp_path: Path) -> None:
    unit = HOSTILE[shape]
    record = read(tmp_path, (HEADING + unit * (SIZE // len(unit)))[:SIZE])
    keeps_every_character(record)
    assert "missing_section" in {d.code for d in record.defects}
