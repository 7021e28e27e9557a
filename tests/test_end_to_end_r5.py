"""The main job against a real R5 server that validates every write: accepted whole, idempotent, read back as it was."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fhirtrial.client import FhirSession, Server
from fhirtrial.criteria.truth import Verdict
from fhirtrial.job.outcome import Outcome
from fhirtrial.job.run import Job, to_server
from fhirtrial.job.trials import load_trials
from fhirtrial.samples import DEMO_DATE, sample_bundles
from fhirtrial.site import Site

pytestmark = [pytest.mark.java, pytest.mark.xdist_group("hapi-r5")]

TRIALS, PATIENTS = sample_bundles() / "trials", sample_bundles() / "patients"
SITE = Site(candidates_when_not_recruiting=True)
ARTIFACTS = ("ResearchStudy", "PlanDefinition", "Library", "Group", "EvidenceVariable", "Questionnaire", "Measure")
RESULTS = ("GuidanceResponse", "Provenance", "MeasureReport", "List", "Device", "ResearchSubject")


@pytest.fixture(scope="module")
def server(hapi_r5: str) -> Server:
    return Server(hapi_r5)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("few")
    for file in sorted(PATIENTS.glob("*.json"))[::12]:
        shutil.copy(file, folder)
    shutil.copy(PATIENTS / "dm-classic.json", folder)
    return folder


def run(server: Server, patients: Path, folder: Path) -> Outcome:
    job = Job(str(TRIALS), patients, DEMO_DATE, SITE, "R5")
    outcome = to_server(job, server, journal=folder / "journal", with_patients=True)
    assert outcome.receipt is not None
    assert not outcome.receipt.rejected, "\n".join(str(r) for r in outcome.receipt.rejected)
    assert outcome.receipt.complete
    return outcome


@pytest.fixture(scope="module")
def outcome(server: Server, few: Path, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return run(server, few, tmp_path_factory.mktemp("first"))


def held(server: Server, *kinds: str) -> dict[str, str]:
    """Every resource of these types with its version."""
    with FhirSession(server) as session:
        return {
            f"{kind}/{r['id']}": r["meta"]["versionId"]
            for kind in kinds
            for r in session.search(kind, {"_count": "200"})
        }


def test_trials_read_back_from_the_server_are_those_of_the_records(server: Server, outcome: Outcome) -> None:
    assert load_trials(server.url, SITE) == load_trials(str(TRIALS), SITE)
    assert {name.split("/")[0] for name in held(server, *ARTIFACTS)} == set(ARTIFACTS)


def test_a_second_run_changes_nothing(server: Server, few: Path, outcome: Outcome, tmp_path: Path) -> None:
    before = held(server, *ARTIFACTS, *RESULTS)
    assert set(before.values()) == {"1"}
    asked = [row for row in outcome.rows if row.verdict is not Verdict.INELIGIBLE]
    assert sum(name.startswith("GuidanceResponse/") for name in before) == len(asked) < len(outcome.rows)
    run(server, few, tmp_path)
    assert held(server, *ARTIFACTS, *RESULTS) == before


def test_candidates_are_subjects_in_that_state(server: Server, outcome: Outcome) -> None:
    candidates = {m.patient.reference for m in outcome.rows if m.candidate and m.trial.reviewed}
    with FhirSession(server) as session:
        subjects = list(session.search("ResearchSubject"))
    assert {s["subject"]["reference"] for s in subjects} == candidates
    states = [coding["code"] for s in subjects for p in s["progress"] for coding in p["subjectState"]["coding"]]
    assert set(states) == {"candidate"}
    assert len(states) == len(subjects) > 0
