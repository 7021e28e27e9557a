"""Text → tree, chapter by chapter, in the compact notation; the tables are read by a person before they are kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from criteria.notation import notation
from yaml_tables import read_table

from fhirtrial.criteria.criterion import Kind
from fhirtrial.criteria.text.parse import parse_criterion
from fhirtrial.terminology import load

CASES = Path(__file__).parent / "cases"


def rows() -> list[tuple[str, Kind, str, str]]:
    found: list[tuple[str, Kind, str, str]] = []
    kinds: tuple[Kind, ...] = ("inclusion", "exclusion")
    for path in sorted(CASES.glob("*.yaml")):
        for row in read_table(path):
            kind = next(k for k in kinds if k in row)
            found.append((path.stem, kind, row[kind], row["tree"]))
    return found


@pytest.mark.parametrize(("chapter", "kind", "text", "tree"), rows())
def test_tree(chapter: str, kind: Kind, text: str, tree: str) -> None:
    assert notation(parse_criterion(text, kind, load()).tree) == tree, chapter
