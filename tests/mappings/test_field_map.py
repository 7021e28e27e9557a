"""docs/field-map.md: each field of a study is at the home that the table names, in R4 and R5, and all is in shape."""

from __future__ import annotations

import base64
import importlib.util
import json
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from corpus import each_study, needs_corpus, read, together
from fhir_shapes import faults
from mappings.publishing import SHIPPED, SHIPPED_R5, published

from fhirtrial.plugins import Publication, Resource
from fhirtrial.records.api_v2 import OMITTED, record_from_study
from fhirtrial.records.record import TrialRecord
from fhirtrial_mappings.artifacts.primitives import string, uri

ROOT = Path(__file__).parent.parent.parent
STEP = re.compile(r"(\w+)(?:\[([\w=-]+)\])?(\??)")
versions = pytest.mark.parametrize("to", [SHIPPED, SHIPPED_R5], ids=lambda to: str(to.fhir))


def _field_map() -> Any:
    spec = importlib.util.spec_from_file_location("field_map", ROOT / "docs" / "field_map.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FIELD_MAP = _field_map()
ROWS = {row.field: row for row in FIELD_MAP.rows()}


def leaves(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of a study with its field in the words of the table."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from leaves(value, f"{path}.{key}" if path else key)
    elif isinstance(node, list):
        for value in node:
            yield from leaves(value, f"{path}[]")
    else:
        yield path, node


def row_of(field: str) -> Any:
    """The row of the field, or the one that leaves it out with all around it."""
    if field in ROWS:
        return ROWS[field]
    parents = field.replace("[]", "").split(".")
    prefixes = (f"{'.'.join(parents[:n])}.*" for n in range(len(parents), 0, -1))
    return next((ROWS[prefix] for prefix in prefixes if prefix in ROWS), None)


def lost(data: Resource, resources: list[Resource], fhir: str) -> list[str]:
    """Fields whose value is not at the home that the table names."""

    @cache
    def at(home: str) -> list[Any]:
        return [scalar for node in walk(resources, home) for _, scalar in leaves(node)]

    return [
        f"{field}: {value!r}"
        for field, value in leaves(data)
        if (row := row_of(field)) is not None and not _home_holds(row, value, at, fhir)
    ]


def _home_holds(row: Any, value: Any, at: Callable[[str], list[Any]], fhir: str) -> bool:
    home = row.r4 if fhir == "R4" else row.r5
    if row.how in {"none", "decides"} or _no_fhir_value(row, value):
        return True
    homes = home.split(" or ")
    if any(one.endswith("?") and at(one) for one in homes):
        return True
    found = [scalar for one in homes for scalar in at(one)]
    if row.how == "actual":
        return {"ACTUAL": True, "ESTIMATED": False}[value] in found
    if row.how == "base64":
        return any(base64.b64decode(one).decode() == value for one in found)
    if isinstance(value, int | float) and not isinstance(value, bool) and row.how == "{}":
        return value in found
    words = {True: "yes", False: "no"}[value] if isinstance(value, bool) else string(str(value))
    if row.example in {"true", "false"} and words is not None:
        words = words.lower()  # older records say Yes and No
    shown = row.how.replace("{}", words or "")
    return any(shown in one for one in found if isinstance(one, str))


def _no_fhir_value(row: Any, value: Any) -> bool:
    """Null, no text at all, and a URL that is none have no FHIR value."""
    if not isinstance(value, str):
        return value is None
    is_url = row.field.endswith((".url", ".link"))
    return string(value) is None or (is_url and uri(value) is None)


def walk(resources: Iterable[Resource], home: str) -> Iterator[Any]:
    """The elements at `ResearchStudy.extension[label].value`."""
    kind, *steps = home.split(".")
    nodes: list[Any] = [r for r in resources if r["resourceType"] == kind]
    for step in steps:
        found = STEP.fullmatch(step)
        assert found is not None, step
        name, chosen = found[1], found[2]
        nodes = [one for node in nodes for one in _inside(node, name) if not chosen or _is(one, chosen)]
    yield from nodes


def _inside(node: Any, name: str) -> Iterator[Any]:
    if not isinstance(node, dict):
        return
    if "url" in node and name != "extension":
        parts = [e for e in node.get("extension", ()) if e.get("url") == name]
        yield from (value for part in parts for key, value in part.items() if key.startswith("value"))
    value = node.get(name, [])
    yield from value if isinstance(value, list) else [value]


def _is(node: Any, chosen: str) -> bool:
    if "=" in chosen:
        key, _, value = chosen.partition("=")
        return bool(node.get(key) == value)
    return chosen in (node.get("resourceType"), re.split(r"[.-]|/", node.get("url", ""))[-1])


def example() -> Resource:
    """A study that has every field of the table, each with its example."""
    study: Resource = {}
    for row in FIELD_MAP.rows():
        if not row.example:
            continue
        node = study
        *parents, last = row.field.split(".")
        for parent in parents:
            name = parent.removesuffix("[]")
            node = node.setdefault(name, [{}] if parent.endswith("[]") else {})
            node = node[0] if isinstance(node, list) else node
        value = _typed(row)
        node[last.removesuffix("[]")] = [value] if last.endswith("[]") else value
    return study


def _typed(row: Any) -> Any:
    if row.example in {"true", "false"} or row.field.endswith((".count", "AccNctId", ".lat", ".lon")):
        return json.loads(row.example)
    return row.example


def record_of(study: Resource) -> TrialRecord:
    return record_from_study(study, "study.json", "study.json")


def test_the_page_is_the_table() -> None:
    assert FIELD_MAP.page() == FIELD_MAP.PAGE.read_text(encoding="utf-8")


def test_what_is_left_out_is_what_the_reader_leaves_out() -> None:
    assert {row.field.removesuffix(".*"): row.note for row in FIELD_MAP.rows() if row.how == "none"} == dict(OMITTED)


def test_the_example_has_every_field_and_nothing_in_it_is_unknown() -> None:
    study = example()
    assert {field for field, _ in leaves(study)} == {field for field, row in ROWS.items() if row.example}
    assert record_of(study).notes == ()


@versions
def test_every_value_of_the_example_is_at_its_home(to: Publication) -> None:
    study = example()
    assert lost(study, published(record_of(study), to), to.fhir) == []


@versions
@pytest.mark.parametrize("field", ["oldNameTitle", "oldOrganization"])
def test_the_older_fields_of_a_responsible_party(to: Publication, field: str) -> None:
    study = example()
    party = {"type": "SPONSOR", "oldNameTitle": "Director of it all", "oldOrganization": "Clinic Q"}
    study["protocolSection"]["sponsorCollaboratorsModule"]["responsibleParty"] = party
    assert lost(study, published(record_of(study), to), to.fhir) == []


@versions
def test_a_value_that_is_not_at_its_home_is_noticed(to: Publication) -> None:
    study = example()
    resources = published(record_of(study), to)
    study["protocolSection"]["conditionsModule"]["keywords"] = ["elsewhere"]
    study["protocolSection"]["oversightModule"]["oversightHasDmc"] = False
    assert [field.split(":")[0].rsplit(".", 1)[-1] for field in lost(study, resources, to.fhir)] == [
        "oversightHasDmc",
        "keywords[]",
    ]


@needs_corpus
@together
@each_study
def test_every_field_of_a_study_is_in_the_table_its_value_at_its_home_and_everything_in_shape(path: Path) -> None:
    study, record = json.loads(path.read_bytes()), read(path)
    told = {note.path for note in record.notes if note.code == "unknown-field"}
    unlisted = {field for field, _ in leaves(study) if row_of(field) is None}
    assert {field for field in unlisted if not any(field.replace("[]", "").startswith(t) for t in told)} == set()
    for to in (SHIPPED, SHIPPED_R5):
        resources = published(record, to)
        assert faults(resources, to.fhir) == {}, to.fhir
        assert lost(study, resources, to.fhir) == [], to.fhir
