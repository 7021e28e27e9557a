"""The prefilter never drops a possible patient: whoever it drops is ineligible, and definitely so, to the matcher."""

from __future__ import annotations

import calendar
import os
from datetime import date
from random import Random
from typing import Any

import orjson
import pytest
from generated.patients import bundle, loaded
from generated.questions import QUESTIONS
from scalar.kernel import Kernel
from shipped import samples

from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.tree import Age, All, AtLeast, Condition, Node, Not, Sex
from fhirtrial.criteria.tree import Any as AnyOf
from fhirtrial.criteria.truth import Verdict
from fhirtrial.expressions.search import prefilter
from fhirtrial.matching.result import Trial
from fhirtrial.patients.completeness import ALL
from fhirtrial.patients.read import facts_of
from fhirtrial.samples import DEMO_DATE as ON
from fhirtrial.samples import sample_bundles

ADULTS = ("Patient?birthdate=le2008-11-01,gt2026-11-01", "Patient?birthdate:missing=true")
ASKED: tuple[Node, ...] = (*QUESTIONS["age"], *QUESTIONS["sex"], Condition(concept="dermatomyositis"))


def criterion(number: int, kind: str, tree: Node) -> Criterion:
    return Criterion.model_validate({"id": f"{kind[:3]}-{number}", "kind": kind, "text": "x", "tree": tree})


def days(text: str) -> tuple[date, date]:
    """The first and last day of a FHIR date, as search compares it."""
    parts = [int(part) for part in text.split("-")]
    year, month, day = (*parts, None, None)[:3]
    assert year is not None
    last_month = month or 12
    last_day = day or calendar.monthrange(year, last_month)[1]
    return date(year, month or 1, day or 1), date(year, last_month, last_day)


def born(person: dict[str, Any], value: str) -> bool:
    """R4 search 3.1.1.4.6: `le` overlaps what is up to the value, `gt` what lies above it."""
    if "birthDate" not in person:
        return False
    first, last = days(person["birthDate"])
    bound = date.fromisoformat(value[2:])
    return first <= bound if value[:2] == "le" else last > bound


def answers(person: dict[str, Any], query: str) -> bool:
    kind, _, parameters = query.partition("?")
    assert kind == "Patient"
    return all(_answers(person, *one.split("=")) for one in parameters.split("&"))


def _answers(person: dict[str, Any], name: str, values: str) -> bool:
    match name:
        case "birthdate":
            return any(born(person, value) for value in values.split(","))
        case "birthdate:missing":
            return ("birthDate" not in person) is (values == "true")
        case "gender:not":
            return person.get("gender") != values
    raise AssertionError(name)


def kept(person: dict[str, Any], queries: tuple[str, ...]) -> bool:
    return not queries or any(answers(person, query) for query in queries)


def verdict(criteria: tuple[Criterion, ...], patient: dict[str, Any], seed: int) -> Verdict:
    trial = Trial("t", "t", "RECRUITING", criteria, "", "")
    facts = facts_of(patient, loaded=loaded(seed), on=ON)
    return Kernel((trial,), ON).matches(facts)[0][0].verdict


def person_of(patient: dict[str, Any]) -> dict[str, Any]:
    return next(e["resource"] for e in patient["entry"] if e["resource"]["resourceType"] == "Patient")


@pytest.mark.parametrize(
    ("kind", "tree", "queries"),
    [
        ("inclusion", Age(low=18), ADULTS),
        ("inclusion", Age(high=75), ("Patient?birthdate=gt1950-11-01", "Patient?birthdate:missing=true")),
        ("exclusion", Age(high=18, high_op="<"), ADULTS),
        ("inclusion", Sex(value="female"), ("Patient?gender:not=male",)),
        ("exclusion", Sex(value="female"), ("Patient?gender:not=female",)),
        ("inclusion", AnyOf(nodes=(Age(low=18), Sex(value="male"))), ()),
        ("exclusion", All(nodes=(Age(low=18), Sex(value="male"))), ()),
        ("inclusion", Condition(concept="dermatomyositis"), ()),
        (
            "inclusion",
            All(nodes=(Not(node=AnyOf(nodes=(Sex(value="male"), Age(low=60)))), Condition(concept="psoriasis"))),
            ("Patient?birthdate=gt1966-11-01&gender:not=male", "Patient?birthdate:missing=true&gender:not=male"),
        ),
    ],
)  # fmt: skip
def test_what_is_asked(kind: str, tree: Node, queries: tuple[str, ...]) -> None:
    assert prefilter([criterion(1, kind, tree)], ON) == queries


@pytest.mark.parametrize("seed", range(1_000 if os.environ.get("FHIRTRIAL_LONG") else 120))
def test_age_and_sex_never_drop_a_possible_patient(seed: int) -> None:
    random = Random(f"trial {seed}")

    def node(depth: int) -> Node:
        if depth == 0 or random.random() < 0.4:
            return random.choice(ASKED)
        inner = tuple(node(depth - 1) for _ in range(random.choice((2, 3))))
        return random.choice((All(nodes=inner), AnyOf(nodes=inner), AtLeast(k=2, nodes=inner), Not(node=inner[0])))

    criteria = tuple(
        criterion(n, random.choice(("inclusion", "exclusion")), node(2)) for n in range(1, random.choice((2, 3, 4)))
    )
    queries = prefilter(criteria, ON)
    for patient in (bundle(1000 * seed + n, criteria, ON) for n in range(8)):
        if not kept(person_of(patient), queries):
            assert verdict(criteria, patient, seed) is Verdict.INELIGIBLE


def test_the_sample_patients() -> None:
    dropped = 0
    files = sorted((sample_bundles() / "patients").glob("*.json"))
    people = [orjson.loads(path.read_bytes()) for path in files]
    for record in samples():
        queries = prefilter(record.criteria, ON)
        kernel = Kernel((Trial(record.id, "", "RECRUITING", record.criteria, "", ""),), ON)
        for patient in people:
            if not kept(person_of(patient), queries):
                dropped += 1
                facts = facts_of(patient, loaded=ALL, on=ON)
                assert kernel.matches(facts)[0][0].verdict is Verdict.INELIGIBLE
    assert dropped > 0
