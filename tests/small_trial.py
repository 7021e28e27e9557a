"""A trial that arithmetic decides, and people of several ages: small enough to read beside the test that uses it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson

from fhirtrial.criteria.criterion import Criterion, Review, text_hash
from fhirtrial.criteria.tree import Age, Node
from fhirtrial.records.read import read_trials
from fhirtrial.records.record import TrialRecord, record_to_bytes

STUDY = {
    "protocolSection": {
        "identificationModule": {"nctId": "NCT00000001", "briefTitle": "A trial of growing older"},
        "statusModule": {"overallStatus": "RECRUITING"},
        "eligibilityModule": {
            "eligibilityCriteria": "Inclusion Criteria:\n\n1. 18 years of age or older\n\n"
            "Exclusion Criteria:\n\n1. more than 90 years of age",
            "minimumAge": "18 Years",
            "sex": "ALL",
        },
    }
}
TREES: dict[str, Node] = {"inc-1": Age(low=18), "exc-1": Age(low=90, low_op=">")}


def study_file(folder: Path) -> Path:
    """The registry's JSON of the trial."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "study.json"
    file.write_text(json.dumps(STUDY))
    return file


def record(folder: Path) -> TrialRecord:
    """The trial as read, with trees that were reviewed."""
    (found,) = read_trials(study_file(folder)).records
    return found.model_copy(update={"criteria": tuple(_reviewed(c) for c in found.criteria)})


def record_file(folder: Path) -> Path:
    own = record(folder / "source")
    file = folder / f"{own.id}.json"
    file.write_bytes(record_to_bytes(own))
    return file


def _reviewed(criterion: Criterion) -> Criterion:
    if criterion.id not in TREES:
        return criterion
    review = Review(reviewer="A. Reviewer", date="2026-10-01", text_hash=text_hash(criterion.text))
    return criterion.model_copy(update={"tree": TREES[criterion.id], "review": review})


def person(own_id: str = "ada", birth: str | None = "1980-02-03", **more: Any) -> dict[str, Any]:
    born = {} if birth is None else {"birthDate": birth}
    return {"resourceType": "Patient", "id": own_id, "gender": "female", **born, **more}


def condition(name: str = "c1", **more: Any) -> dict[str, Any]:
    active = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]}
    code = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "M33.10"}]}
    own = {"resourceType": "Condition", "id": name, "clinicalStatus": active, "code": code}
    return {**own, "subject": {"reference": "Patient/ada"}, "onsetDateTime": "2025-01-01", **more}


def bundle(*resources: dict[str, Any]) -> dict[str, Any]:
    entries = [{"resource": one} for one in (resources or (person(),))]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def patient_file(folder: Path, content: object, name: str = "patient.json") -> Path:
    """`content` as it is when it is bytes, else as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else orjson.dumps(content))
    return file
