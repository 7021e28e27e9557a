"""Whatever a Bundle holds, reading it raises nothing but PatientError, and one broken resource costs no other."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from patients.fact_cases import bundle, cell, table

from fhirtrial.errors import PatientError
from fhirtrial.patients import facts_of

TABLES = ("conditions.yaml", "observations.yaml", "medications.yaml", "events.yaml", "relatives_and_answers.yaml")
WHOLE = bundle(
    *(
        {**resource, "id": f"{name[:3]}{i}-{j}"}
        for name in TABLES
        for i, case in enumerate(table(name))
        for j, resource in enumerate(case["given"] if isinstance(case["given"], list) else [case["given"]])
        if resource["resourceType"] not in {"Patient", "Medication", "Substance"}
    )
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
    | st.sampled_from(["2020-02-30", "active", "", "Patient/p", "#r", "9999-12-31T23:59:59Z", "urn:uuid:1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip

pytestmark = pytest.mark.slow


def rows_by_resource(data: Any) -> dict[str, list[tuple[Any, ...]]]:
    facts = facts_of(data)
    found: dict[str, list[tuple[Any, ...]]] = {}
    for row in range(len(facts)):
        shown = tuple(cell(facts, name, row) for name in ("kind", "standing", "code", "start_low", "low", "value"))
        found.setdefault(cell(facts, "resource", row), []).append(shown)
    return found


SOUND = rows_by_resource(WHOLE)


def mutate(draw: st.DrawFn, node: Any) -> Any:
    """`node` with one value inside it replaced, removed or doubled."""
    if not isinstance(node, dict | list) or not node or draw(st.integers(0, 5)) == 0:
        return draw(JSON)
    changed = copy.copy(node)
    keys = sorted(node) if isinstance(node, dict) else range(len(node))
    key = draw(st.sampled_from(keys))
    if draw(st.integers(0, 7)) == 0:
        del changed[key]
    else:
        changed[key] = mutate(draw, node[key])
    return changed


@st.composite
def broken_resources(draw: st.DrawFn) -> tuple[int, Any]:
    entry = draw(st.integers(1, len(WHOLE["entry"]) - 1))
    return entry, mutate(draw, WHOLE["entry"][entry]["resource"])


@given(broken_resources())
@settings(max_examples=100)
def test_a_broken_resource_costs_no_other(broken: tuple[int, Any]) -> None:
    number, resource = broken
    entries = list(WHOLE["entry"])
    label = f"{entries[number]['resource']['resourceType']}/{entries[number]['resource']['id']}"
    entries[number] = {"resource": resource}
    found = rows_by_resource({**WHOLE, "entry": entries})
    assert {name: rows for name, rows in SOUND.items() if name != label}.items() <= found.items()


@st.composite
def broken_bundles(draw: st.DrawFn) -> Any:
    few = {**WHOLE, "entry": WHOLE["entry"][:4]}
    for _ in range(draw(st.integers(1, 3))):
        few = mutate(draw, few)
    return few


@given(broken_bundles())
@settings(max_examples=100)
def test_a_broken_bundle_raises_nothing_else(broken: Any) -> None:
    try:
        facts = facts_of(json.dumps(broken).encode())
    except PatientError as error:
        assert error.where  # noqa: PT017 - either outcome is right
    else:
        assert facts.patients


SMALL = json.dumps({**WHOLE, "entry": WHOLE["entry"][:3]}).encode()


@given(st.lists(st.tuples(st.integers(0, len(SMALL) - 1), st.integers(0, 255)), min_size=1, max_size=4), st.booleans())
@settings(max_examples=100)
def test_broken_bytes_raise_nothing_else(changes: list[tuple[int, int]], cut: bool) -> None:
    data = bytearray(SMALL)
    for place, byte in changes:
        data[place] = byte
    try:
        facts = facts_of(bytes(data[: changes[0][0]] if cut else data))
    except PatientError as error:
        assert error.where  # noqa: PT017 - either outcome is right
    else:
        assert facts.patients
