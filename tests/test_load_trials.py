"""Reading trials back: parts that belong together are joined, other people's are passed over, tampering raises."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

import fhirtrial
from fhirtrial.errors import ArtifactError, ConfigError
from fhirtrial.job.publish import registry
from fhirtrial.job.run import Job, to_folder
from fhirtrial.job.trials import resources_of, trials_of, version_of
from fhirtrial.records.record import TrialRecord
from fhirtrial.samples import DEMO_DATE, sample_bundles
from fhirtrial.site import Site

FOREIGN: list[dict[str, Any]] = [
    {"resourceType": "Library", "id": "theirs", "status": "active", "type": {"text": "logic"}},
    {"resourceType": "ResearchStudy", "id": "their-study", "status": "active"},
    {"resourceType": "PlanDefinition", "id": "their-study", "status": "active"},
    {"resourceType": "Questionnaire", "id": "their-questions", "status": "active"},
]


@pytest.fixture(scope="module")
def record() -> TrialRecord:
    (record,) = fhirtrial.read_trials(sample_bundles() / "trials" / "NCT03192657.json").records
    return record


@pytest.fixture(scope="module", params=["R4", "R5"])
def published(request: pytest.FixtureRequest, record: TrialRecord) -> list[dict[str, Any]]:
    return resources_of(fhirtrial.map_trial(record, request.param))


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


def test_both_versions_give_the_same_trial(record: TrialRecord) -> None:
    r4, r5 = (resources_of(fhirtrial.map_trial(record, fhir)) for fhir in ("R4", "R5"))
    assert (version_of(r4), version_of(r5)) == ("R4", "R5")
    assert list(trials_of(r4, registry(Site()))) == list(trials_of(r5, registry(Site())))


def test_a_run_writes_the_version_that_was_asked_for(record: TrialRecord, tmp_path: Path) -> None:
    job = Job([record], sample_bundles() / "patients" / "dm-classic.json", DEMO_DATE, Site(), "R5")
    written = [json.loads(path.read_bytes()) for path in to_folder(job, tmp_path).written]
    trial, results = (resources_of(bundle) for bundle in written)
    assert version_of(trial) == "R5"
    assert [r["name"] for r in results if r["resourceType"] == "Device"] == [
        [{"value": "fhirtrial", "type": "user-friendly-name"}]
    ]


def test_published_bundles_of_another_version_are_refused(record: TrialRecord, tmp_path: Path) -> None:
    (tmp_path / "x.bundle.json").write_text(json.dumps(fhirtrial.map_trial(record, "R4")))
    job = Job(tmp_path, sample_bundles() / "patients" / "dm-classic.json", DEMO_DATE, Site(), "R5")
    with pytest.raises(ConfigError, match="Bundles published in FHIR R4, and R5 is to be written"):
        to_folder(job, tmp_path / "out")
