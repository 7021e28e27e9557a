"""Facts with every number spelled out, to compare readings whose vocabularies differ."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fhirtrial.patients.facts import DTYPES, Facts
from fhirtrial.patients.patterns import CODES, STRINGS


def spelled(chunks: Iterable[Facts]) -> dict[str, Any]:
    """Patients, problems and rows of all chunks, whatever their sizes."""
    patients: list[Any] = []
    problems: list[str] = []
    rows: list[Any] = []
    for facts in chunks:
        patients += facts.patients
        problems += [str(problem) for problem in facts.problems]
        columns = [_column(facts, name) for name in DTYPES if name != "patient"]
        owners = [facts.patients[i].reference for i in facts.columns["patient"].tolist()]
        rows += list(zip(owners, *columns, strict=True))
    return {"patients": patients, "problems": sorted(problems), "rows": rows}


def _column(facts: Facts, name: str) -> list[Any]:
    cells, words = facts.columns[name].tolist(), facts.vocabulary
    if name in CODES:
        return [words.codes.values[cell] for cell in cells]
    if name in (*STRINGS, "resource", "version"):
        return [words.strings.values[cell] for cell in cells]
    if name == "ranges":
        return [words.ranges.values[cell] for cell in cells]
    return [repr(cell) for cell in cells]  # NaN equals itself
