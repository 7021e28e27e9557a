"""The main job against a real FHIR server: accepted whole, idempotent, and never over a person's decision."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson
import pytest

import fhirtrial
from fhirtrial.client import FhirSession, Server, post
from fhirtrial.job.publish import transaction
from fhirtrial.job.run import Job, Outcome, to_server
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


def run(server: Server, folder: Path, trials: str | Path = TRIALS) -> Outcome:
    job = Job(trials if isinstance(trials, str) else str(trials), PATIENTS, DEMO_DATE, SITE)
    outcome = to_server(job, server, journal=folder / "journal")
    assert outcome.receipt is not None
    assert not outcome.receipt.rejected, "\n".join(str(r) for r in outcome.receipt.rejected)
    assert outcome.receipt.complete
    return outcome


@pytest.fixture(scope="module")
def first(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return run(server, tmp_path_factory.mktemp("first"))


def test_everything_is_accepted(first: Outcome) -> None:
    assert first.matches
    assert first.receipt is not None
    assert first.receipt.created > len(first.matches)


def test_a_second_run_leaves_the_server_as_the_first_did(first: Outcome, server: Server, tmp_path: Path) -> None:
    before = snapshot(server)
    again = run(server, tmp_path)
    assert snapshot(server) == before
    assert again.receipt is not None
    assert again.receipt.created == again.receipt.updated == 0


def test_only_candidates_are_proposed(first: Outcome, server: Server) -> None:
    proposed = {k: r["status"] for k, r in snapshot(server).items() if k.startswith("ResearchSubject/")}
    expected = [m for m in first.matches if m.candidate and m.trial.reviewed]
    assert len(proposed) == len(expected) > 0
    assert set(proposed.values()) == {"candidate"}


def test_a_persons_decision_survives(first: Outcome, server: Server, tmp_path: Path) -> None:
    with FhirSession(server) as session:
        subject = next(session.search("ResearchSubject"))
        session.update({**subject, "status": "withdrawn"})
        run(server, tmp_path)
        kept = session.read("ResearchSubject", subject["id"])
        assert kept is not None
        assert kept["status"] == "withdrawn"
        session.update({**kept, "status": "candidate"})


def lines(trials: Any) -> list[bytes]:
    matches = fhirtrial.match(trials, PATIENTS, on=DEMO_DATE, site=SITE)
    return [orjson.dumps(m.to_json()) for m in matches]


def test_records_bundles_and_server_give_the_same_bytes(first: Outcome, server: Server, tmp_path: Path) -> None:
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
    pages: Path, server: Server, first: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
        ["run", "--trials", "published", "--patients", str(PATIENTS), "--server", server.url, *DESK],
    ):
        result = desk.invoke(app, words)
        assert result.exit_code == 0, result.output
    chained = fhirtrial.match(load_trials(tmp_path / "published", SITE), PATIENTS, on=DEMO_DATE, site=SITE)
    known = {(m.patient.reference, m.trial.id): m.verdict for m in first.matches}
    assert {(m.patient.reference, m.trial.id): m.verdict for m in chained} == known
    run(server, tmp_path)  # the other tests expect what the normalized records say
