"""Writes field-map.md from field_map.csv: `python docs/field_map.py`; a test holds the table against mapped records."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
TABLE, PAGE = HERE / "field_map.csv", HERE / "field-map.md"
HEAD = """# Where each field of a ClinicalTrials.gov record goes

Every field of the API v2 and its home in what `fhirtrial map` writes, in R4 and in R5. Written by
`python docs/field_map.py` from `docs/field_map.csv`; `tests/mappings/test_field_map.py` makes a study of the examples,
maps it and finds each value at its home, and does the same for the records of the corpus, whose every field must stand
here.

`{}` is the value, yes or no for a boolean, inside the words that stand around it. `actual` is true for ACTUAL and false
for ESTIMATED; `decides` is a value that chooses where others go; `base64` is the whole text inside an Attachment.
`contained[Location]` is the contained resource of that type; `extension[label]` is the extension whose URL ends so,
R5's element under its cross-version URL (`http://hl7.org/fhir/5.0/StructureDefinition/extension-ResearchStudy.label`).
`?` means that the element itself says it. Codes stand beside the registry's own word, which is what is looked for.

Text is trimmed, and loses the characters that FHIR forbids. A URL with white space and a date that is none are no FHIR
values and are left out. A field that is not in this table is none of the API: `read` names it in the record's notes.
"""


class Row(NamedTuple):
    field: str
    example: str
    how: str
    r4: str
    r5: str
    note: str


def rows() -> list[Row]:
    with TABLE.open(encoding="utf-8", newline="") as table:
        return [Row(*line) for line in list(csv.reader(table))[1:]]


def page() -> str:
    return HEAD + "".join(_section(name, list(found)) for name, found in groupby(rows(), key=_module))


def _module(row: Row) -> str:
    section, module, *rest = [*row.field.removesuffix(".*").split("."), ""]
    if row.how == "none":
        return "Not published"
    return module if section == "protocolSection" and rest else section


def _section(name: str, found: list[Row]) -> str:
    return f"\n## {name}\n\n| field | as | R4 | R5 | |\n|---|---|---|---|---|\n" + "".join(_lines(found))


def _lines(found: list[Row]) -> Iterator[str]:
    for row in found:
        field = row.field.removeprefix("protocolSection.").removeprefix(f"{_module(row)}.")
        r4, r5 = (_code(row.r4), _code(row.r5) if row.r5 != row.r4 else "as R4")
        yield f"| `{field}` | {_code(row.how)} | {r4} | {r5} | {row.note} |\n"


def _code(text: str) -> str:
    return " or ".join(f"`{part.removeprefix('ResearchStudy.')}`" for part in text.split(" or ")) if text else ""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
