"""`run`, `post` and `demo` at the desk: the main job, into a folder or to a server."""

from __future__ import annotations

import json
import socket
import stat
from functools import partial
from pathlib import Path

import pytest
from client.fake_fhir import FakeFhir, LiteralFhir, Refused
from desk import Desk
from pytest_httpserver import HTTPServer
from rich.console import Console
from small_trial import patient_file, person

from fhirtrial import console
from fhirtrial.client import Retry, Server
from fhirtrial.samples import sample_bundles

ON = ("--on", "2026-11-01")


def test_run_writes_what_it_would_post(cli: Desk, tmp_path: Path, trials: Path, patients: Path) -> None:
    said = cli("run", "--trials", trials, "--patients", patients, *ON, "--out", tmp_path / "out")
    assert said.code == 0
    posted = json.loads((tmp_path / "out" / "results" / "nct00000001.bundle.json").read_bytes())
    kinds = [e["resource"]["resourceType"] for e in posted["entry"]]
    assert kinds.count("ResearchSubject") == 1
    assert kinds.count("GuidanceResponse") == 1  # none of the child, who is ineligible
    assert (kinds.count("MeasureReport"), kinds.count("List")) == (1, 1)
    assert (tmp_path / "out" / "trials" / "nct00000001.bundle.json").exists()


@pytest.mark.parametrize(("option", "site", "made"), [("all", "", 2), ("all", "candidates", 2), (None, "all", 2)])
def test_which_pairs_get_results_is_the_sites_word_or_the_commands(
    cli: Desk, tmp_path: Path, trials: Path, patients: Path, option: str | None, site: str, made: int
) -> None:
    words = ["run", "--trials", trials, "--patients", patients, *ON, "--out", tmp_path / "out"]
    if site:
        (tmp_path / "site.toml").write_text(f'results = "{site}"\n')
        words += ["--site", tmp_path / "site.toml"]
    assert cli(*words, *(["--results", option] if option else [])).code == 0
    posted = json.loads((tmp_path / "out" / "results" / "nct00000001.bundle.json").read_bytes())
    assert [e["resource"]["resourceType"] for e in posted["entry"]].count("GuidanceResponse") == made


def test_demo_is_the_main_job_on_the_samples(cli: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("fhirtrial.console.out", Console(width=console.WIDE))
    said = cli("demo")
    assert said.code == 0, said.err
    people = {p.stem for p in (sample_bundles() / "patients").glob("*.json")}
    assert people <= set(said.out.split())
    written = [p.relative_to("fhirtrial-demo").parts for p in Path("fhirtrial-demo").rglob("*.bundle.json")]
    assert sorted(kind for kind, _ in written) == ["results"] * 5 + ["trials"] * 5


@pytest.fixture
def fake(httpserver: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeFhir:
    """A server in memory, and a command line that does not wait for one that is away."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("fhirtrial.job.servers.Server", partial(Server, retry=Retry(attempts=1)))
    server = LiteralFhir()
    server.on(httpserver)
    return server


def test_run_twice_leaves_the_server_as_once(cli: Desk, trials: Path, patients: Path, fake: FakeFhir) -> None:
    job = ("run", "--trials", trials, "--patients", patients, *ON, "--with-patients", "--server", fake.base)
    said = cli(*job)
    assert said.code == 0, said.err
    once = fake.contents()
    assert any("ResearchSubject" in text for text in once)
    assert cli(*job).code == 0
    assert fake.contents() == once


def test_patients_whom_the_server_does_not_know_are_reported(
    cli: Desk, trials: Path, patients: Path, fake: FakeFhir
) -> None:
    said = cli("run", "--trials", trials, "--patients", patients, *ON, "--server", fake.base)
    assert said.code == 1
    assert len(said.problems) == 2
    assert not any("GuidanceResponse" in key for key in fake.state)


def test_what_a_server_out_of_reach_did_not_take_is_what_post_takes(
    cli: Desk, trials: Path, tmp_path: Path, fake: FakeFhir
) -> None:
    cli("map", trials, "-o", tmp_path / "out")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody answers there
        nowhere = f"http://127.0.0.1:{taken.getsockname()[1]}/fhir"
        away = cli("post", tmp_path / "out" / "nct00000001.bundle.json", "--server", nowhere)
    assert away.code == 3
    unsent = tmp_path / "fhirtrial-unsent.ndjson"
    assert stat.S_IMODE(unsent.stat().st_mode) == 0o600
    assert "post fhirtrial-unsent.ndjson" in away.problems[0]
    again = cli("post", unsent, "--server", fake.base, "--journal", "another.journal")
    assert again.code == 0, again.err
    assert "ResearchStudy/nct00000001" in fake.state
    assert not unsent.exists()


def test_a_refused_entry_is_in_the_dead_letters(cli: Desk, tmp_path: Path, fake: FakeFhir) -> None:
    entries = [
        {"resource": r, "request": {"method": "PUT", "url": f"Patient/{r['id']}"}} for r in (person(), person("bea"))
    ]
    file = patient_file(tmp_path, {"resourceType": "Bundle", "type": "transaction", "entry": entries})
    fake.rule = lambda r: Refused(422, "invariant", "Patient.name") if r["id"] == "bea" else None
    said = cli("post", file, "--server", fake.base)
    assert said.code == 3
    (line,) = said.problems
    assert "Patient/bea" in line
    assert "422" in line
    assert "fhirtrial-dead-letters.ndjson" in line
    assert set(fake.state) == {"Patient/ada"}


def test_a_server_of_another_release_is_refused(cli: Desk, trials: Path, patients: Path, fake: FakeFhir) -> None:
    fake.documents["/metadata"] = {"resourceType": "CapabilityStatement", "fhirVersion": "5.0.0"}
    said = cli("run", "--trials", trials, "--patients", patients, *ON, "--server", fake.base)
    assert (said.code, fake.transactions) == (3, 0)
    assert "5.0.0" in said.err


def test_the_site_file_may_name_the_server(cli: Desk, trials: Path, patients: Path, fake: FakeFhir) -> None:
    site = Path("site.toml")
    site.write_text(f'[server]\nurl = "{fake.base}"\n')
    said = cli("run", "--trials", trials, "--patients", patients, *ON, "--with-patients", "--site", site)
    assert said.code == 0, said.err
    assert any(key.startswith("GuidanceResponse/") for key in fake.state)
