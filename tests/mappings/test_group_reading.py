"""A Group alone says what its trial says, or that it cannot tell: R4 and R5 alike, ours and other people's."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from criteria.trees import nodes
from hypothesis import given, settings
from mappings.publishing import SHIPPED, SHIPPED_R5, TO_R5, samples
from mappings.trials import RECORDS, TERMS, TO

from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.lower import Lowered, lower
from fhirtrial.criteria.tree import (
    Age,
    All,
    AtLeast,
    Condition,
    Measurement,
    Node,
    Not,
    NotComputable,
    Sex,
)
from fhirtrial.criteria.tree import (
    Any as AnyOf,
)
from fhirtrial.errors import ArtifactError
from fhirtrial.plugins import Publication, Resource
from fhirtrial.records.record import TrialRecord
from fhirtrial_mappings.artifacts import group
from fhirtrial_mappings.artifacts.characteristics import characteristic
from fhirtrial_mappings.artifacts.group_reading import criteria

CORPUS = os.environ.get("FHIRTRIAL_CORPUS")
EXAMPLES = sorted((Path(CORPUS or "/nowhere") / "data/fhir/ebm_r6_examples").glob("Group-*.json"))
SETS = [
    *((record, to) for record in RECORDS.values() for to in (TO, TO_R5)),
    *((record, to) for record in samples() for to in (SHIPPED, SHIPPED_R5)),
]
LOINC_AGE = {"coding": [{"system": "http://loinc.org", "code": "30525-0"}]}
YEARS = {"system": "http://unitsofmeasure.org", "code": "a"}
DM = {"coding": [{"system": "http://snomed.info/sct", "code": "396230008"}]}
DISEASE = {"coding": [{"system": "http://snomed.info/sct", "code": "64572001"}]}
SEX = {"coding": [{"system": "http://loinc.org", "code": "46098-0"}]}
GENDER = "http://hl7.org/fhir/administrative-gender"


def groups(record: TrialRecord, to: Publication) -> tuple[Resource, Resource]:
    listed, computed = (draft.resource for draft in (group.r4 if to.fhir == "R4" else group.r5)(record, to))
    return listed, computed


def below(node: Node | Lowered) -> Node | Lowered:
    """Completed years: at most 75 is below 76."""
    if isinstance(node, Age) and node.low is None and node.high is not None and node.high_op == "<=":
        return Age(high=node.high + 1, high_op="<", unit=node.unit)
    return node


@pytest.mark.parametrize(("record", "to"), SETS, ids=[f"{record.id}-{to.fhir}" for record, to in SETS])
def test_a_group_alone_says_the_same_or_that_it_cannot_tell(record: TrialRecord, to: Publication) -> None:
    read = criteria(groups(record, to)[0], to.terminology)
    assert [(c.id, c.kind) for c in read] == [(c.id, c.kind) for c in record.criteria]
    for own, alone in zip(record.criteria, read, strict=True):
        assert isinstance(alone.tree, NotComputable) or below(alone.tree) == below(lower(own.tree))
        if isinstance(alone.tree, NotComputable) and own.text:
            assert alone.text == alone.tree.text


def test_some_of_it_is_read_as_atoms() -> None:
    read = [c for record, to in SETS for c in criteria(groups(record, to)[0], to.terminology)]
    assert {type(c.tree) for c in read} >= {Age, Sex, NotComputable}


@pytest.mark.parametrize("record", [*RECORDS.values()], ids=RECORDS)
def test_r4_and_r5_groups_read_alike(record: TrialRecord) -> None:
    r4, r5 = (criteria(groups(record, to)[0], TERMS) for to in (TO, TO_R5))
    assert r4 == r5


@given(nodes())
@settings(max_examples=60)
def test_no_tree_is_read_as_another(tree: Node) -> None:
    item = Criterion(id="inc-1", kind="inclusion", text="as written", tree=tree)
    one = characteristic(item, "NCT01234567", SHIPPED)
    (read,) = criteria({"resourceType": "Group", "actual": False, "characteristic": [one]}, SHIPPED.terminology)
    assert isinstance(read.tree, NotComputable) or below(read.tree) == below(lower(tree))


def test_the_expression_alone_cannot_be_read() -> None:
    (read,) = criteria(groups(RECORDS["registered"], TO)[1], TERMS)
    assert isinstance(read.tree, NotComputable)


def quantity(value: float, comparator: str = "", unit: str = "a") -> Resource:
    bound = {"value": value, **YEARS, "code": unit}
    return {"valueQuantity": {**bound, "comparator": comparator} if comparator else bound}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"code": LOINC_AGE, "valueRange": {"low": {"value": 18, **YEARS}}}, Age(low=18)),
        ({"code": LOINC_AGE, **quantity(18, ">=")}, Age(low=18)),
        ({"code": LOINC_AGE, **quantity(18, "<")}, Age(high=18, high_op="<")),
        ({"code": LOINC_AGE, **quantity(6, ">=", "mo")}, Age(low=6, unit="mo")),
        # whether the year that has begun counts is not said
        ({"code": LOINC_AGE, "valueRange": {"high": {"value": 75, **YEARS}}}, None),
        ({"code": LOINC_AGE, "valueRange": {"low": {"value": 18, **YEARS}, "high": {"value": 75, **YEARS}}}, None),
        ({"code": LOINC_AGE, **quantity(18, ">")}, None),
        ({"code": LOINC_AGE, **quantity(18)}, None),
        ({"code": LOINC_AGE, "valueQuantity": {"value": 18, "comparator": ">=", "unit": "years"}}, None),
        (
            {"code": SEX, "valueCodeableConcept": {"coding": [{"system": GENDER, "code": "female"}]}},
            Sex(value="female"),
        ),
        ({"code": SEX, "valueCodeableConcept": {"coding": [{"system": GENDER, "code": "other"}]}}, None),
        ({"code": SEX, "valueCodeableConcept": {"coding": [{"code": "female"}]}}, None),
        ({"code": DISEASE, "valueCodeableConcept": DM}, Condition(concept="dermatomyositis")),
        ({"code": DISEASE, "valueCodeableConcept": {"coding": [{"system": "urn:x", "code": "1"}]}}, None),
        (
            {"code": DISEASE, "valueCodeableConcept": {"coding": [*DM["coding"], {"system": "urn:x", "code": "1"}]}},
            None,
        ),
        ({"code": DISEASE, "valueCodeableConcept": {"text": "Dermatomyositis"}}, None),
        ({"code": {"text": "Defined by CodeableConcept"}, "valueCodeableConcept": DM}, None),
        ({"code": LOINC_AGE, **quantity(18, ">="), "period": {"start": "2020"}}, None),
        ({"code": LOINC_AGE, **quantity(18, ">="), "extension": [{"url": "urn:x", "valueBoolean": True}]}, None),
        ({"code": LOINC_AGE, **quantity(18, ">="), "modifierExtension": [{"url": "urn:x"}]}, None),
        ({"code": LOINC_AGE, "valueBoolean": True}, None),
        ({"code": LOINC_AGE, "valueReference": {"display": "adults"}}, None),
    ],
)
def test_what_others_say(said: Resource, expected: Node | None) -> None:
    others: dict[str, Any] = {"resourceType": "Group", "membership": "definitional", "characteristic": [said]}
    (read,) = criteria(others, TERMS)
    assert (read.id, read.kind) == ("inc-1", "inclusion")
    assert read.tree == expected if expected else isinstance(read.tree, NotComputable)
    (excluded,) = criteria({**others, "characteristic": [{**said, "exclude": True}]}, TERMS)
    assert (excluded.id, excluded.kind, excluded.tree) == ("exc-1", "exclusion", read.tree)


def test_a_measurement_between_two_bounds() -> None:
    ends = {end: {"value": value, **YEARS, "code": "g/dL"} for end, value in (("low", 3), ("high", 5))}
    one = {"code": {"coding": [{"system": "http://loinc.org", "code": "1751-7"}]}, "valueRange": ends}
    (read,) = criteria({"resourceType": "Group", "actual": False, "characteristic": [one]}, SHIPPED.terminology)
    low, high = (
        Measurement(concept="albumin", op=">=", value=3, unit="g/dL"),
        Measurement(concept="albumin", op="<=", value=5, unit="g/dL"),
    )
    assert read.tree == All(nodes=(low, high))


@pytest.mark.parametrize(
    ("method", "threshold", "kind"),
    [
        ("any-of", None, AnyOf),
        ("at-least", 1, AtLeast),
        ("at-least", None, NotComputable),
        ("except-subset", None, NotComputable),
    ],
)
def test_r6_combinations(method: str, threshold: int | None, kind: type[Node]) -> None:
    two = [{"code": LOINC_AGE, **quantity(18, ">=")}, {"code": DISEASE, "valueCodeableConcept": DM, "exclude": True}]
    combined = {"combinationMethod": method, **({"combinationThreshold": threshold} if threshold else {})}
    (read,) = criteria({"resourceType": "Group", **combined, "characteristic": two}, TERMS)
    assert isinstance(read.tree, kind)
    if isinstance(read.tree, AnyOf | AtLeast):
        assert read.tree.nodes == (Age(low=18), Not(node=Condition(concept="dermatomyositis")))


@pytest.mark.parametrize("said", [{"actual": True}, {"membership": "enumerated"}])
def test_members_are_no_definition(said: Resource) -> None:
    with pytest.raises(ArtifactError, match="Group/x: a list of members"):
        criteria({"resourceType": "Group", "id": "x", **said}, TERMS)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: str(p.stem))
def test_nothing_of_a_foreign_group_is_dropped(path: Path) -> None:
    foreign = json.loads(path.read_bytes())
    if foreign.get("membership") == "enumerated":
        pytest.skip("a list of members")
    read = criteria(foreign, SHIPPED.terminology)
    given = foreign.get("characteristic", [])
    branches = read[0].tree.nodes if len(read) == 1 and isinstance(read[0].tree, AnyOf | AtLeast) else read
    assert len(branches) in {len(given), 1}
    assert all(c.text for c in read)
    assert len({c.id for c in read}) == len(read)
