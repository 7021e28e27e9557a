"""What the reading of a family covers: tests/cases/facts/completeness.yaml, and what the caller says beside it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest
from patients.fact_cases import bundle, cases, day, facts_in_case

from fhirtrial.errors import ConfigError
from fhirtrial.patients import ALL, facts_of, loaded_families
from fhirtrial.patients.facts import Facts, Family, Level

NEXT = {"type": "searchset", "link": [{"relation": "next", "url": "http://example.org/2"}]}


def levels(facts: Facts, patient: int = 0) -> dict[str, str]:
    covered = facts.patients[patient].coverage
    return {family: one.level.name for family, one in covered.items() if one.level is not Level.NOT_LOADED}


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in cases("completeness.yaml")])
def test_what_a_bundle_covers(case: Mapping[str, Any]) -> None:
    facts = facts_in_case(case)
    assert levels(facts) == case["expect"]
    problems = [str(problem) for problem in facts.problems]
    wanted = case.get("problems", [])
    assert len(problems) == len(wanted), problems
    assert all(piece in problem for piece, problem in zip(wanted, problems, strict=True)), problems


def test_the_caller_may_say_more() -> None:
    data = bundle({"resourceType": "Condition"})
    assert levels(facts_of(data, loaded=ALL)) == dict.fromkeys(Family, "COMPLETE")
    said = levels(facts_of(data, loaded=frozenset({Family.ALLERGIES})))
    assert said == {"conditions": "COMPLETE", "allergies": "COMPLETE"}


def test_the_caller_may_say_partial() -> None:
    data = bundle({"resourceType": "Condition"})
    assert levels(facts_of(data, partial=True)) == {"conditions": "PARTIAL"}
    said = levels(facts_of(data, partial=True, loaded=frozenset({Family.ALLERGIES})))
    assert said == {"conditions": "PARTIAL", "allergies": "COMPLETE"}


def test_the_caller_never_outweighs_a_sign_in_the_data() -> None:
    said = levels(facts_of(bundle({"resourceType": "Condition"}, **NEXT), loaded=ALL))
    assert said == dict.fromkeys(Family, "PARTIAL")


def test_the_record_starts_on_a_day() -> None:
    data = bundle({"resourceType": "Condition"})
    facts = facts_of(data, record_start=date(2010, 1, 1))
    assert {day(one.since) for one in facts.patients[0].coverage.values()} == {"2010-01-01"}
    assert {day(one.since) for one in facts_of(data).patients[0].coverage.values()} == {"floor"}


def test_families_by_name() -> None:
    assert loaded_families("all") == ALL
    assert loaded_families(" conditions,family-history ") == {Family.CONDITIONS, Family.FAMILY_HISTORY}
    with pytest.raises(ConfigError, match="use all, or some of conditions"):
        loaded_families("conditions,labs")


INCLUDED = {"fullUrl": "http://s/Encounter/e", "search": {"mode": "include"}}


@pytest.mark.parametrize(
    ("query", "level"),
    [
        ("Condition?patient=p&_include=Condition:encounter", "PARTIAL"),
        ("Patient?_id=p&_revinclude=Encounter:subject", "COMPLETE"),
        ("Patient/p/$everything", "COMPLETE"),
    ],
)
def test_what_a_search_merely_includes(query: str, level: str) -> None:
    data = bundle(type="searchset", link=[{"relation": "self", "url": f"http://s/{query}"}])
    encounter = {"resourceType": "Encounter", "id": "e", "status": "finished", "subject": {"reference": "Patient/p"}}
    data["entry"].append({**INCLUDED, "resource": encounter})
    assert levels(facts_of(data))["encounters"] == level


def test_a_batch_of_searches_is_as_partial_as_its_answers() -> None:
    inner = bundle({"resourceType": "Condition"}, type="searchset")
    outer: dict[str, Any] = {"resourceType": "Bundle", "type": "batch-response", "entry": [{"resource": inner}]}
    assert levels(facts_of(outer)) == {"conditions": "COMPLETE"}
    refused = {"response": {"status": "403 Forbidden"}}
    assert levels(facts_of({**outer, "entry": [*outer["entry"], refused]})) == {"conditions": "PARTIAL"}
