"""Reading trials back: parts that belong together are joined, other people's are passed over, tampering raises."""

from __future__ import annotations

import copy
from typing import Any

import pytest

import fhirtrial
from fhirtrial.errors import ArtifactError
from fhirtrial.job.publish import registry
from fhirtrial.job.trials import trials_of
from fhirtrial.samples import sample_bundles
from fhirtrial.site import Site

FOREIGN: list[dict[str, Any]] = [
    {"resourceType": "Library", "id": "theirs", "status": "active", "type": {"text": "logic"}},
    {"resourceType": "ResearchStudy", "id": "their-study", "status": "active"},
    {"resourceType": "PlanDefinition", "id": "their-study", "status": "active"},
    {"resourceType": "Questionnaire", "id": "their-questions", "status": "active"},
]


@pytest.fixture(scope="module")
def published() -> list[dict[str, Any]]:
    (record,) = fhirtrial.read_trials(sample_bundles() / "trials" / "NCT03192657.json").records
    return [entry["resource"] for entry in fhirtrial.map_trial(record)["entry"]]


def load(resources: list[dict[str, Any]]) -> list[str]:
    return [trial.id for trial in trials_of(resources, registry(Site()))]


def test_a_server_holds_other_peoples_resources_too(published: list[dict[str, Any]]) -> None:
    assert load([*FOREIGN, *published]) == load(published) == ["NCT03192657"]


@pytest.mark.parametrize("kind", ["Library", "Questionnaire"])
def test_a_trial_without_a_part_is_an_error(published: list[dict[str, Any]], kind: str) -> None:
    with pytest.raises(ArtifactError, match="publish the"):
        load([r for r in published if r["resourceType"] != kind])


@pytest.mark.parametrize("kind", ["Library", "PlanDefinition", "Group"])
def test_a_part_that_states_another_tree_is_an_error(published: list[dict[str, Any]], kind: str) -> None:
    tampered = copy.deepcopy(published)
    part = next(r for r in tampered if r["resourceType"] == kind)
    stated = next(i for i in part["identifier"] if i["system"].endswith("/criteria-hash"))
    stated["value"] = "0" * 64
    with pytest.raises(ArtifactError):
        load(tampered)
