"""Patient, Consent and ResearchSubject: tests/cases/facts/subject.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest
from patients.fact_cases import bundle, cases, day, facts_in_case

from fhirtrial.patients import facts_of
from fhirtrial.patients.facts import Patient


def said(patient: Patient, name: str) -> Any:
    value = getattr(patient, name)
    if name in {"birth", "died"}:
        return None if value is None else [day(value[0]), day(value[1])]
    if name == "research_refused":
        return None if value is None else day(value)
    if name == "identifiers":
        return ["|".join(pair) for pair in value]
    if name == "enrolments":
        return [[one.study, ["|".join(i) for i in one.identifiers], one.state, day(one.since)] for one in value]
    return value


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in cases("subject.yaml")])
def test_subject(case: Mapping[str, Any]) -> None:
    facts = facts_in_case(case)
    assert {name: said(facts.patients[0], name) for name in case["expect"]} == case["expect"]
    problems = [str(problem) for problem in facts.problems]
    wanted = case.get("problems", [])
    assert len(problems) == len(wanted), problems
    assert all(piece in problem for piece, problem in zip(wanted, problems, strict=True)), problems


def test_a_birth_after_the_index_date_is_in_the_future() -> None:
    data = bundle({"resourceType": "Patient", "id": "p", "birthDate": "2025-06-01"})
    assert facts_of(data, on=date(2025, 6, 1)).patients[0].birth is not None
    early = facts_of(data, on=date(2025, 5, 31))
    assert early.patients[0].birth is None
    assert "in the future" in str(early.problems[0])


def test_the_data_are_as_of_their_latest_update() -> None:
    person = {
        "resourceType": "Patient",
        "id": "p",
        "birthDate": "1980",
        "meta": {"lastUpdated": "2026-01-02T00:00:00Z"},
    }
    later = {"resourceType": "Condition", "meta": {"lastUpdated": "2026-01-01T23:00:00-05:00"}}
    assert facts_of(bundle(person, later)).patients[0].as_of == "2026-01-01T23:00:00-05:00"
    assert facts_of(bundle(person)).patients[0].as_of == "2026-01-02T00:00:00Z"
    assert facts_of(bundle(person, timestamp="2026-03-04T00:00:00Z")).patients[0].as_of == "2026-03-04T00:00:00Z"
