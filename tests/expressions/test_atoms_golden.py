"""Each kind of atom, with each of its fields, becomes exactly the CQL in atoms.yaml.

FHIRTRIAL_WRITE_GOLDEN=1 writes the CQL anew below the trees that stand there, for a person to compare.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from expressions.terms import TERMS
from yaml_tables import read_table

from fhirtrial.criteria.document import node_from_json
from fhirtrial.criteria.tree import Atom
from fhirtrial.expressions.cql.atoms import atom_piece

TABLE = Path(__file__).parent / "atoms.yaml"
CASES: list[dict[str, Any]] = read_table(TABLE)


class _Block(yaml.SafeDumper):
    """Text of several lines as a block, so that it reads as CQL."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Block.add_representer(str, _text)


def _cql(tree: dict[str, Any]) -> str:
    piece = atom_piece(node_from_json(tree, "atoms.yaml"), TERMS)  # type: ignore[arg-type]
    return f"no CQL: {piece.why}" if piece.why else "\n".join(line.rstrip() for line in piece.truth.splitlines())


if os.environ.get("FHIRTRIAL_WRITE_GOLDEN"):
    for case in CASES:
        case["cql"] = _cql(case["tree"])
    TABLE.write_text(yaml.dump(CASES, Dumper=_Block, sort_keys=False, width=200), encoding="utf-8")


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_golden(case: dict[str, Any]) -> None:
    assert _cql(case["tree"]) == case["cql"]


def test_every_kind_has_a_case() -> None:
    kinds = {kind.model_fields["kind"].default for kind in get_args(Atom)}
    assert {case["tree"]["kind"] for case in CASES} == kinds
