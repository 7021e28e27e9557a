"""Synthetic patients and HL7's own examples of the shared corpus (FHIRTRIAL_CORPUS) are read without a fault."""

from __future__ import annotations

import gzip
import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest
from patients.fact_cases import PERSON

from fhirtrial.patients import facts_of, read_patients
from fhirtrial.patients.completeness import FAMILIES

CORPUS = os.environ.get("FHIRTRIAL_CORPUS")
pytestmark = pytest.mark.skipif(CORPUS is None, reason="FHIRTRIAL_CORPUS names no corpus")
BUNDLES = Path(CORPUS or ".") / "data/patients/synthea_bundles.ndjson.gz"
EXAMPLES = Path(CORPUS or ".") / "data/fhir/r4_examples.ndjson.gz"


def test_the_synthetic_patients_have_no_problems() -> None:
    data = gzip.decompress(BUNDLES.read_bytes())
    began = time.process_time()
    chunks = list(read_patients(BUNDLES))
    took = time.process_time() - began
    count = sum(len(facts) for facts in chunks)
    began = time.process_time()
    for line in data.splitlines():
        orjson.loads(line)
    plain = time.process_time() - began
    print(
        f"\n{len(data) / took / 1e6:.0f} MB/s, {took / count * 1e6:.1f} us per fact, orjson.loads × {plain / took:.2f}"
    )
    assert sum(len(facts.patients) for facts in chunks) == 200
    assert [str(problem) for facts in chunks for problem in facts.problems] == []
    kinds: Counter[int] = Counter()
    for facts in chunks:
        kinds.update(facts.columns["kind"].tolist())
    resources = Counter(
        entry["resource"]["resourceType"] for line in data.splitlines() for entry in orjson.loads(line)["entry"]
    )
    assert kinds[0] == resources["Condition"]
    assert kinds[1] >= resources["Observation"]
    assert kinds[3] == resources["MedicationRequest"]


def examples() -> list[Any]:
    if CORPUS is None:
        return []
    with gzip.open(EXAMPLES) as file:
        return [json.loads(line) for line in file]


def about(resource: dict[str, Any]) -> dict[str, Any]:
    """The resource with its subject in one Bundle."""
    person = dict(PERSON)
    for name in ("subject", "patient", "individual"):
        reference = resource.get(name, {})
        if isinstance(reference, dict) and reference.get("reference", "").startswith("Patient/"):
            person["id"] = reference["reference"].split("/")[1]
    entries = [{"resource": resource}]
    if resource["resourceType"] != "Patient":
        entries.insert(0, {"resource": person})
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


@pytest.mark.parametrize("resource", examples(), ids=lambda r: f"{r['resourceType']}/{r.get('id')}")
def test_an_example_is_read(resource: dict[str, Any]) -> None:
    facts = facts_of(about(resource))
    kind = resource["resourceType"]
    assert kind in FAMILIES or kind in {"QuestionnaireResponse", "Patient"} or not len(facts)
    unreadable = [problem for problem in facts.problems if "left out" in problem.todo and "subject" not in problem.path]
    assert unreadable == []
