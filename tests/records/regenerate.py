"""Writes the golden records from the sources beside them; run it after a wanted change, then read the difference."""

from __future__ import annotations

from pathlib import Path

from fhirtrial.records.read import read_trials
from fhirtrial.records.record import record_to_bytes

DATA = Path(__file__).parent / "data"


def regenerate() -> None:
    for source in sorted((DATA / "sources").iterdir()):
        (record,) = read_trials(source).records
        (DATA / "golden" / f"{source.stem}.json").write_bytes(record_to_bytes(record))


if __name__ == "__main__":
    regenerate()
