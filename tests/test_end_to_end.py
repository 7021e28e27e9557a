"""The main job against a real FHIR server: accepted whole, idempotent, and never over a person's decision."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

import fhirtrial
from fhirtrial.client import FhirSession, Server, post
from fhirtrial.criteria.truth import Verdict
from fhirtrial.job.outcome import Outcome
from fhirtrial.job.publish import transaction
from fhirtrial.job.run import Job, to_server
from fhirtrial.job.trials import load_trials
from fhirtrial.patients.people import patient_resources
from fhirtrial.plugins import Draft
from fhirtrial.samples import DEMO_DATE, sample_bundles
from fhirtrial.site import Site

pytestmark = [pytest.mark.java, pytest.mark.xdist_group("hapi")]

TRIALS, PATIENTS = sample_bundles() / "trials", sample_bundles() / "patients"
DESK = ("--on", DEMO_DATE.isoformat(), "--site", "site.toml")
SITE = Site(candidates_when_not_recruiting=True)
WRITTEN = (
    *("ResearchStudy", "PlanDefinition", "Library", "Group", "ValueSet", "Measure", "ActivityDefinition"),
    *("Questionnaire", "GuidanceResponse", "MeasureReport", "List", "Device", "Provenance", "ResearchSubject"),
    "Patient",
)


def snapshot(server: Server) -> dict[str, Any]:
    """Everything on the server with its version, apart from the time of writing."""
    held: dict[str, Any] = {}
    with FhirSession(server) as session:
        for kind in WRITTEN:
            for resource in session.search(kind, {"_count": "200"}):
                meta = {k: v for k, v in resource["meta"].items() if k != "lastUpdated"}
                held[f"{kind}/{resource['id']}"] = {**resource, "meta": meta}
    return held


@pytest.fixture(scope="module")
def server(hapi: str, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """The server, already holding the patients, as a hospital's does."""
    target = Server(hapi)
    people = transaction((Draft(p) for p in patient_resources(PATIENTS)), SITE.canonical_base)
    folder = tmp_path_factory.mktemp("patients")
    receipt = post([people], target, dead_letters=folder / "dead", unsent=folder / "unsent")
    assert receipt.complete, receipt.rejected
    return target


def run(server: Server, folder: Path, patients: Path, trials: Path = TRIALS) -> Outcome:
    outcome = to_server(Job(str(trials), patients, DEMO_DATE, SITE), server, journal=folder / "journal")
    assert outcome.receipt is not None
    assert not outcome.receipt.rejected, "\n".join(str(r) for r in outcome.receipt.rejected)
    assert outcome.receipt.complete
    return outcome


@dataclass(frozen=True)
class Twice:
    """The whole job, run twice, and what the server held after each."""

    first: Outcome
    after_first: dict[str, Any]
    second: Outcome
    after_second: dict[str, Any]


@pytest.fixture(scope="module")
def twice(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Twice:
    first = run(server, tmp_path_factory.mktemp("first"), PATIENTS)
    after_first = snapshot(server)
    second = run(server, tmp_path_factory.mktemp("second"), PATIENTS)
    return Twice(first, after_first, second, snapshot(server))


@pytest.fixture(scope="module")
def few(twice: Twice, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every twelfth sample patient and the first candidate: enough for the runs that follow."""
    folder = tmp_path_factory.mktemp("few")
    names = [path.stem for path in sorted(PATIENTS.glob("*.json"))][::12]
    candidate = next(m for m in twice.first.rows if m.candidate)
    for name in {*names, candidate.patient.reference.removeprefix("Patient/")}:
        shutil.copy(PATIENTS / f"{name}.json", folder)
    return folder


def test_everything_is_accepted(twice: Twice) -> None:
    asked = [row for row in twice.first.rows if row.verdict is not Verdict.INELIGIBLE]
    assert twice.first.receipt is not None
    assert twice.first.receipt.created > 2 * len(asked) > 0


def test_results_are_written_of_all_but_the_ineligible(twice: Twice) -> None:
    trials = {row.trial.id.lower() for row in twice.first.rows}
    held = [name for name in twice.after_first if name.startswith("GuidanceResponse/")]
    mine = [name for name in held if any(name.startswith(f"GuidanceResponse/{trial}-") for trial in trials)]
    assert len(mine) == sum(row.verdict is not Verdict.INELIGIBLE for row in twice.first.rows) < len(twice.first.rows)


def test_a_second_run_leaves_the_server_as_the_first_did(twice: Twice) -> None:
    assert twice.after_second == twice.after_first
    assert twice.second.receipt is not None
    assert twice.second.receipt.created == twice.second.receipt.updated == 0


def test_only_candidates_are_proposed(twice: Twice) -> None:
    studies = {f"ResearchStudy/{m.trial.id.lower()}" for m in twice.first.rows}
    subjects = [r for k, r in twice.after_first.items() if k.startswith("ResearchSubject/")]
    mine = [r for r in subjects if r["study"]["reference"] in studies]  # other tests share the server
    proposed = {(r["individual"]["reference"], r["study"]["reference"]): r["status"] for r in mine}
    expected = [m for m in twice.first.rows if m.candidate and m.trial.reviewed]
    assert proposed == {(m.patient.reference, f"ResearchStudy/{m.trial.id.lower()}"): "candidate" for m in expected}
    assert len(proposed) == len(mine) > 0


def guidance(server: Server, patient: str) -> dict[str, str]:
    """The patient's results on the server, by id, with their verdicts."""
    with FhirSession(server) as session:
        found = list(session.search("GuidanceResponse", {"subject": patient, "_count": "200"}))
    said = {r["id"]: next(c for c in r["contained"] if c["resourceType"] == "Parameters") for r in found}
    return {name: next(p["valueCode"] for p in c["parameter"] if p["name"] == "verdict") for name, c in said.items()}


def test_a_verdict_that_turns_ineligible_corrects_the_result_and_makes_none(
    twice: Twice, server: Server, tmp_path: Path
) -> None:
    patient = next(row for row in twice.first.rows if row.candidate).patient.reference
    file = PATIENTS / f"{patient.removeprefix('Patient/')}.json"
    child = orjson.loads(file.read_bytes())
    for entry in child["entry"]:
        if entry["resource"]["resourceType"] == "Patient":
            entry["resource"]["birthDate"] = "2020-01-01"
    (tmp_path / file.name).write_bytes(orjson.dumps(child))
    before = guidance(server, patient)
    run(server, tmp_path, tmp_path / file.name)
    after = guidance(server, patient)
    run(server, tmp_path, file)  # the other tests expect what the record says
    assert after.keys() == before.keys()
    assert "ineligible" not in before.values()
    assert "ineligible" in after.values()
    assert guidance(server, patient) == before


def test_a_persons_decision_survives(twice: Twice, few: Path, server: Server, tmp_path: Path) -> None:
    candidate = next(m for m in twice.first.rows if m.candidate)
    wanted = {"individual": candidate.patient.reference, "study": f"ResearchStudy/{candidate.trial.id.lower()}"}
    with FhirSession(server) as session:
        (subject,) = session.search("ResearchSubject", wanted)
        session.update({**subject, "status": "withdrawn"})
        run(server, tmp_path, few)
        (kept,) = session.search("ResearchSubject", wanted)
        assert (kept["id"], kept["status"]) == (subject["id"], "withdrawn")


def lines(trials: Any) -> list[bytes]:
    matches = fhirtrial.match(trials, PATIENTS, on=DEMO_DATE, site=SITE)
    return [orjson.dumps(m.to_json()) for m in matches]


def test_records_bundles_and_server_give_the_same_bytes(twice: Twice, server: Server, tmp_path: Path) -> None:
    for record in fhirtrial.read_trials(TRIALS).records:
        bundle = fhirtrial.map_trial(record, site=SITE)
        (tmp_path / f"{record.id}.bundle.json").write_bytes(orjson.dumps(bundle))
    from_records = lines(load_trials(TRIALS, SITE))
    assert lines(load_trials(tmp_path, SITE)) == from_records
    assert lines(load_trials(server.url, SITE)) == from_records


@pytest.fixture
def pages() -> Path:
    corpus = os.environ.get("FHIRTRIAL_CORPUS")
    if not corpus:
        pytest.skip("the five registry pages: FHIRTRIAL_CORPUS is not set")
    return Path(corpus) / "seeds"


def test_the_chain_from_the_five_pages(
    pages: Path, server: Server, few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As typed at a desk: read --reviewed, map, run; the verdicts are those of the normalized records."""
    from typer.testing import CliRunner

    from fhirtrial.cli import app

    monkeypatch.chdir(tmp_path)
    (tmp_path / "site.toml").write_text("candidates_when_not_recruiting = true\n")
    desk = CliRunner()
    for words in (
        ["read", str(pages), "-o", "records", "--reviewed", str(TRIALS)],
        ["map", "records", "-o", "published", "--site", "site.toml"],
        ["run", "--trials", "published", "--patients", str(few), "--server", server.url, *DESK],
    ):
        result = desk.invoke(app, words)
        assert result.exit_code == 0, result.output
    chained = fhirtrial.match(load_trials(tmp_path / "published", SITE), few, on=DEMO_DATE, site=SITE)
    known = fhirtrial.match(load_trials(TRIALS, SITE), few, on=DEMO_DATE, site=SITE)
    assert [(m.patient.reference, m.trial.id, m.verdict) for m in chained] == [
        (m.patient.reference, m.trial.id, m.verdict) for m in known
    ]
    run(server, tmp_path, few)  # the other tests expect what the normalized records say
