"""Writes the golden records from the sources beside them; run it after a wanted change, then read the difference."""

from __future__ import annotations

from pathlib import Path

import orjson

from fhirtrial.records.api_v2 import record_from_study
from fhirtrial.records.pages.page import record_from_page
from fhirtrial.records.record import TrialRecord, record_to_bytes

DATA = Path(__file__).parent / "data"


def as_read(source: Path) -> TrialRecord:
    """What the reader of the format decides; no item has a tree yet, so that no golden moves with the parser."""
    if source.suffix == ".json":
        return record_from_study(orjson.loads(source.read_bytes()), source.name, "")
    return record_from_page(source.read_text(encoding="utf-8").strip(), source.name, "")


def regenerate() -> None:
    for source in sorted((DATA / "sources").iterdir()):
        (DATA / "golden" / f"{source.stem}.json").write_bytes(record_to_bytes(as_read(source)))


if __name__ == "__main__":
    regenerate()
