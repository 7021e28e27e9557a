"""The sample patients as FHIR: valid R4, whole in themselves, marked as test data, coded from confirmed tables."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import orjson
import pytest
from corpus import ROOT, needs_corpus
from fhir_shapes import faults

from fhirtrial.samples import sample_bundles
from fhirtrial.terminology.systems import KEYS

Resource = dict[str, Any]
HTEST = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}
UCUM = "http://unitsofmeasure.org"
BUNDLES: dict[str, Resource] = {
    path.stem: orjson.loads(path.read_bytes()) for path in sorted((sample_bundles() / "patients").glob("*.json"))
}
CODE_TABLES = {
    "snomed": "codes_snomed.csv",
    "loinc": "codes_loinc.csv",
    "rxnorm": "codes_rxnorm.csv",
    "atc": "atc.csv",
    "icd10cm": "icd10cm_2026-04.csv",
    "cvx": "vsac_members.csv",
}


def resources(bundle: Resource) -> list[Resource]:
    return [entry["resource"] for entry in bundle["entry"]]


def inside(node: Any) -> Iterator[Resource]:
    """Every JSON object, the deepest last."""
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from inside(value)
    elif isinstance(node, list):
        for value in node:
            yield from inside(value)


def test_they_are_valid_r4() -> None:
    assert faults(BUNDLES.values()) == {}


def test_each_is_one_tagged_patient_named_as_its_file() -> None:
    for name, bundle in BUNDLES.items():
        found = resources(bundle)
        assert (bundle["id"], bundle["type"]) == (name, "collection")
        assert [r["id"] for r in found if r["resourceType"] == "Patient"] == [name]
        assert [r["identifier"][0]["value"] for r in found if r["resourceType"] == "Patient"] == [name]
        assert [r["id"] for r in (bundle, *found) if HTEST not in r["meta"]["tag"]] == []
        ids = [r["id"] for r in found]
        assert len(set(ids)) == len(ids), name
        assert [one for one in ids if not re.fullmatch(r"(?=.*[A-Za-z])[A-Za-z0-9.-]{1,64}", one)] == []
        assert [one for one in ids if not one.startswith(name)] == []


def test_every_reference_resolves_inside_its_bundle() -> None:
    for name, bundle in BUNDLES.items():
        urls = {entry["fullUrl"] for entry in bundle["entry"]}
        assert len(urls) == len(bundle["entry"]), name
        relative = {f"{r['resourceType']}/{r['id']}" for r in resources(bundle)}
        for resource in resources(bundle):
            contained = {f"#{one['id']}" for one in resource.get("contained", ())}
            cited = {node["reference"] for node in inside(resource) if isinstance(node.get("reference"), str)}
            assert cited <= urls | relative | contained, name


def test_every_ucum_code_is_ucum() -> None:
    from ucumvert import get_ucum_parser

    used = {node["code"] for node in inside([*BUNDLES.values()]) if node.get("system") == UCUM}
    assert used
    for code in sorted(used):  # the parser refuses what is none, and says it
        get_ucum_parser().parse(code)


@needs_corpus
def test_every_code_and_display_is_confirmed() -> None:
    for name, bundle in BUNDLES.items():
        for node in inside(bundle):
            key = KEYS.get(node.get("system", ""))
            if key in CODE_TABLES and "code" in node:
                assert node["code"] in confirmed(key), (name, node)
                assert node.get("display", confirmed(key)[node["code"]]) == confirmed(key)[node["code"]], name


@cache
def confirmed(key: str) -> dict[str, str]:
    path = ROOT / "terminology" / CODE_TABLES[key]
    with path.open(encoding="utf-8", newline="") as lines:
        # one table holds several systems, and each code's newest name last
        return {row["code"]: row["display"] for row in csv.DictReader(lines) if row.get("system", "CVX") == "CVX"}


@pytest.mark.java
def test_hl7s_validator_finds_no_error(hl7_validate: Callable[..., list[Any]]) -> None:
    found = hl7_validate(list(BUNDLES.values()), fhir="R4")
    assert {verdict.id: verdict.errors for verdict in found if verdict.errors} == {}
