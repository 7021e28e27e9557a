"""A tree has one JSON form, both ways; what is not a tree never becomes one, and the error says where."""

from __future__ import annotations

from typing import get_args

import jsonschema
import orjson
import pytest
from criteria.trees import ATOMS, COMPOSITES, criteria, nodes
from hypothesis import given, settings

from fhirtrial.criteria.criterion import Criterion, text_hash
from fhirtrial.criteria.document import (
    criteria_from_bytes,
    criteria_hash,
    criteria_schema,
    criteria_to_bytes,
    node_from_json,
    node_to_json,
)
from fhirtrial.criteria.tree import Atom, Measurement, Node, Sex
from fhirtrial.errors import TreeError

VALIDATOR = jsonschema.Draft202012Validator(criteria_schema())
AGE = {"kind": "age", "low": 18}


def test_the_strategies_know_every_kind() -> None:
    union = get_args(get_args(Node)[0])
    assert {*ATOMS, *COMPOSITES} == set(union)
    assert set(ATOMS) == set(get_args(Atom))


@given(nodes())
def test_a_node_survives_json(node: Node) -> None:
    written = orjson.dumps(node_to_json(node), option=orjson.OPT_SORT_KEYS)
    again = node_from_json(orjson.loads(written), "here")
    assert again == node
    assert orjson.dumps(node_to_json(again), option=orjson.OPT_SORT_KEYS) == written


@settings(max_examples=40)
@given(criteria())
def test_criteria_survive_their_bytes_and_fit_the_schema(found: tuple[Criterion, ...]) -> None:
    content = criteria_to_bytes(found)
    assert criteria_from_bytes(content, "here") == found
    assert criteria_to_bytes(criteria_from_bytes(content, "here")) == content
    VALIDATOR.validate(orjson.loads(content)["criteria"])


def test_numbers_are_one_number_however_they_are_written() -> None:
    whole = node_from_json({"kind": "age", "low": 18}, "here")
    decimal = node_from_json({"kind": "age", "low": 18.0}, "here")
    assert node_to_json(whole) == node_to_json(decimal)
    assert orjson.dumps(node_to_json(whole)) == orjson.dumps(node_to_json(decimal))


def test_defaults_are_not_written() -> None:
    assert node_to_json(Measurement(concept="creatinine", op=">", value=300, unit="umol/L")) == {
        "kind": "measurement",
        "concept": "creatinine",
        "op": ">",
        "value": 300.0,
        "unit": "umol/L",
    }


@pytest.mark.parametrize(
    ("data", "path", "got"),
    [
        ({"kind": "agee", "low": 18}, "", "does not match any of the expected tags"),
        ({"low": 18}, "", "Unable to extract tag"),
        ({"kind": "all", "nodes": [AGE, {"kind": "mystery"}]}, "all.nodes.1", "does not match any of the expected"),
        ({"kind": "not", "node": {"kind": "any", "nodes": []}}, "not.node.any.nodes", "at least 1 item"),
        ({"kind": "at-least", "k": 2, "nodes": [AGE]}, "at-least", "2 of 1 can never hold"),
        ({"kind": "at-least", "k": 0, "nodes": [AGE]}, "at-least.k", "greater than or equal to 1"),
        ({"kind": "age"}, "age", "asks nothing"),
        ({"kind": "age", "low": "eighteen"}, "age.low", "valid number"),
        ({"kind": "sex", "value": "FEMALE"}, "sex.value", "'female' or 'male'"),
        ({"kind": "sex", "value": "female", "note": "x"}, "sex.note", "Extra inputs are not permitted"),
        ({"kind": "measurement", "concept": "creatinine", "op": "=>", "value": 1}, "measurement.op", "Input should be"),
        ({"kind": "condition", "concept": "Not A Name"}, "condition.concept", "match pattern"),
        ({"kind": "residue", "text": "x"}, "residue.reason", "Field required"),
        ("age", "", "valid dictionary"),
        (None, "", "valid dictionary"),
    ],
)
def test_what_is_no_tree_raises_with_its_path(data: object, path: str, got: str) -> None:
    with pytest.raises(TreeError) as caught:
        node_from_json(data, "record.json")
    assert caught.value.where == (f"record.json at {path}" if path else "record.json")
    assert got in caught.value.got
    assert caught.value.todo


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_none_is_refused(value: float) -> None:
    with pytest.raises(TreeError, match="finite number"):
        node_from_json({"kind": "age", "low": value}, "here")


@pytest.mark.parametrize(
    ("content", "got"),
    [
        (b"{", "no JSON"),
        (b"[]", "schema version None"),
        (b'{"schemaVersion": "2", "criteria": []}', "schema version '2'"),
        (b'{"schemaVersion": "1"}', "valid tuple"),
        (b'{"schemaVersion": "1", "criteria": [{"id": "inclusion 1"}]}', "match pattern"),
    ],
)
def test_a_document_that_is_none_raises(content: bytes, got: str) -> None:
    with pytest.raises(TreeError, match=r"published\.json") as caught:
        criteria_from_bytes(content, "published.json")
    assert got in caught.value.got


def test_the_hash_follows_the_meaning() -> None:
    one = Criterion(id="inc-1", kind="inclusion", text="women", tree=Sex(value="female"))
    other = Criterion(id="inc-1", kind="inclusion", text="women", tree=Sex(value="male"))
    assert criteria_hash([one]) != criteria_hash([other])
    assert criteria_hash([one]) == criteria_hash([one.model_copy()])


def test_rewrapping_a_text_keeps_its_hash() -> None:
    assert text_hash("age  ≥18\n years") == text_hash("age ≥18 years")
    assert text_hash("age ≥18 years") != text_hash("age ≥19 years")
