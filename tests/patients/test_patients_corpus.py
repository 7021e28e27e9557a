"""Synthetic patients and HL7's own examples of the shared corpus (FHIRTRIAL_CORPUS) are read without a fault."""

from __future__ import annotations

import gzip
from collections import Counter
from typing import Any

import orjson
from corpus import ROOT, SYNTHEA, needs_corpus
from patients.fact_cases import PERSON

from fhirtrial.patients import facts_of, read_patients
from fhirtrial.patients.completeness import FAMILIES

pytestmark = needs_corpus
EXAMPLES = ROOT / "data/fhir/r4_examples.ndjson.gz"


def test_the_synthetic_patients_have_no_problems() -> None:
    chunks = list(read_patients(SYNTHEA))
    assert sum(len(facts.patients) for facts in chunks) == 200
    assert [str(problem) for facts in chunks for problem in facts.problems] == []
    kinds: Counter[int] = Counter()
    for facts in chunks:
        kinds.update(facts.columns["kind"].tolist())
    with gzip.open(SYNTHEA) as lines:
        resources = Counter(e["resource"]["resourceType"] for line in lines for e in orjson.loads(line)["entry"])
    assert kinds[0] == resources["Condition"]
    assert kinds[1] >= resources["Observation"]
    assert kinds[3] == resources["MedicationRequest"]


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


def test_the_examples_are_read() -> None:
    with gzip.open(EXAMPLES) as lines:
        resources = [orjson.loads(line) for line in lines]
    assert resources
    for resource in resources:
        facts, kind = facts_of(about(resource)), resource["resourceType"]
        assert kind in FAMILIES or kind in {"QuestionnaireResponse", "Patient"} or not len(facts), resource["id"]
        unreadable = [p for p in facts.problems if "left out" in p.todo and "subject" not in p.path]
        assert unreadable == [], (kind, resource["id"])
