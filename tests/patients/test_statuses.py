"""Every status code of R4 and R5, and what a code that they do not have costs: tests/cases/facts/statuses.yaml."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from patients.fact_cases import bundle, shown, table

from fhirtrial.patients import facts_of
from fhirtrial.patients.completeness import FAMILIES
from fhirtrial.patients.facts import Level

GROUPS = table("statuses.yaml")


def rows() -> Iterator[Any]:
    for group in GROUPS:
        for code, expected in group["codes"].items():
            yield pytest.param(group, code, expected, id=f"{group['type']}.{group['element']} {code}")


def with_status(group: dict[str, Any], code: str) -> dict[str, Any]:
    resource = {"resourceType": group["type"], "id": "r", **group.get("with", {})}
    system = group.get("system")
    stated: Any = {"coding": [{"system": system, "code": code}]} if system else code
    return resource if code == "(absent)" else {**resource, group["element"]: stated}


@pytest.mark.parametrize(("group", "code", "expected"), list(rows()))
def test_status(group: dict[str, Any], code: str, expected: list[str]) -> None:
    facts = facts_of(bundle(with_status(group, code)))
    found = [[*shown(facts, ["standing", "course"], row).values()] for row in range(len(facts))]
    assert found == ([expected] if expected else [])
    assert not facts.problems


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: f"{group['type']}.{group['element']}")
def test_an_unknown_code_is_never_a_default(group: dict[str, Any]) -> None:
    facts = facts_of(bundle(with_status(group, "nonsense")))
    assert not len(facts)
    assert [problem.path for problem in facts.problems] == [f"entry[1].resource.{group['element']}"]
    family = FAMILIES.get(group["type"])
    assert family is None or facts.patients[0].coverage[family].level is Level.PARTIAL


@pytest.mark.parametrize("group", [g for g in GROUPS if "(absent)" not in g["codes"]], ids=lambda g: g["type"])
def test_a_missing_status_is_never_a_default(group: dict[str, Any]) -> None:
    facts = facts_of(bundle(with_status(group, "(absent)")))
    assert not len(facts)
    assert "no status" in facts.problems[0].got
