"""Every column of a fact, for every resource type: the tables in tests/cases/facts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from patients.fact_cases import cases, facts_in_case, shown

TABLES = (
    "conditions.yaml",
    "observations.yaml",
    "medications.yaml",
    "dosage.yaml",
    "events.yaml",
    "relatives_and_answers.yaml",
    "references.yaml",
)


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in cases(*TABLES)])
def test_facts(case: Mapping[str, Any]) -> None:
    facts = facts_in_case(case)
    expected = case["expect"] if isinstance(case["expect"], list) else [case["expect"]]
    found = [shown(facts, list(row), i) for i, row in enumerate(expected[: len(facts)])]
    assert found == expected
    assert len(facts) == len(expected)
    problems = [str(problem) for problem in facts.problems]
    wanted = case.get("problems", [])
    assert len(problems) == len(wanted), problems
    assert all(piece in problem for piece, problem in zip(wanted, problems, strict=True)), problems
