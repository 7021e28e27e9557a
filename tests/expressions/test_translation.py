"""The reference translator accepts every emitted library: the five trials' and one that holds every kind of atom."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from expressions.terms import TERMS
from shipped import samples
from yaml_tables import read_table

from fhirtrial.criteria.criterion import Criterion
from fhirtrial.expressions.cql import library
from fhirtrial.terminology import load
from fhirtrial_mappings.identity import library_name

CASES: list[dict[str, Any]] = read_table(Path(__file__).parent / "atoms.yaml")


def every_atom() -> str:
    criteria = [
        Criterion.model_validate({"id": f"inc-{n}", "kind": "inclusion", "text": case["name"], "tree": case["tree"]})
        for n, case in enumerate(CASES, 1)
    ]
    return library("EveryAtom", "1", criteria, TERMS)


@pytest.mark.node
def test_no_library_has_an_error(cql_translate: Callable[..., dict[str, Any]]) -> None:
    libraries = {library_name(r.id): library(library_name(r.id), "1", r.criteria, load()) for r in samples()}
    found = cql_translate({**libraries, "EveryAtom": every_atom()})
    assert {name: translation.errors for name, translation in found.items() if translation.errors} == {}
    assert len(found) == len(samples()) + 1
