"""Every column of a fact, for every resource type: the tables in tests/cases/facts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from patients.fact_cases import bundle, cases, facts_in_case, shown

from fhirtrial.patients import facts_of
from fhirtrial.patients.facts import Fact

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


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in cases("versions.yaml")])
def test_what_r4_and_r5_say_alike_gives_the_same_facts(case: Mapping[str, Any]) -> None:
    r4, r5 = (facts_of(bundle(*case[version])) for version in ("r4", "r5"))
    columns = [name for name in Fact._fields if name not in {"path", "patient"}]
    assert [shown(r5, columns, i) for i in range(len(r5))] == [shown(r4, columns, i) for i in range(len(r4))]
    assert len(r4) > 0
    assert ([str(p) for p in r4.problems], [str(p) for p in r5.problems]) == ([], [])
    if "path" in case:
        assert [facts.vocabulary.strings.values[facts.row(len(facts) - 1).path] for facts in (r4, r5)] == case["path"]
