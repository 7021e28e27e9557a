"""Every command at the desk: what it writes, where it writes it, and which exit code it leaves."""

from __future__ import annotations

import io
import json
import os
import socket
import stat
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest
import small_trial
from client.fake_fhir import FakeFhir, LiteralFhir, Refused
from desk import Desk, desk
from pytest_httpserver import HTTPServer
from rich.console import Console
from small_trial import bundle, patient_file, person

from fhirtrial import console
from fhirtrial.client import Retry, Server
from fhirtrial.samples import sample_bundles

ON = ("--on", "2026-11-01")
COMMANDS = ("read", "check", "review", "map", "match", "explain", "ask", "attrition", "post", "run", "schema", "demo")

run_desk = pytest.fixture(desk, name="cli")


@pytest.fixture
def trials(tmp_path: Path) -> Path:
    return small_trial.record_file(tmp_path / "trials")


@pytest.fixture
def patients(tmp_path: Path) -> Path:
    """An adult and a child."""
    folder = tmp_path / "patients"
    patient_file(folder, bundle(person("ada", "1980-02-03")), "ada.json")
    patient_file(folder, bundle(person("bea", "2020-02-03")), "bea.json")
    return folder


# --- what a person reads first


def test_help_names_every_command(cli: Desk) -> None:
    said = cli("--help")
    assert said.code == 0
    assert [name for name in COMMANDS if f"  {name} " in said.out] == list(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(cli: Desk, command: str) -> None:
    said = cli(command, "--help")
    assert said.code == 0
    assert f"fhirtrial {command}" in said.out


def test_version(cli: Desk) -> None:
    said = cli("--version")
    assert (said.code, said.out.split()[0]) == (0, "fhirtrial")


# --- registry documents and records


def test_read_writes_a_record_per_trial_with_executable_criteria(cli: Desk, tmp_path: Path) -> None:
    said = cli("read", small_trial.study_file(tmp_path), "-o", tmp_path / "out")
    assert said.code == 0
    record = json.loads((tmp_path / "out" / "NCT00000001.json").read_bytes())
    assert [c["id"] for c in record["criteria"]] == ["inc-1", "exc-1", "age"]
    assert record["criteria"][0]["tree"] == {"kind": "age", "low": 18.0}
    assert "review" not in record["criteria"][0]


def test_read_tells_how_much_of_each_trial_is_computed(cli: Desk, tmp_path: Path) -> None:
    """Exact, with residue, attestation, not computable, reviewed: per trial, and together."""
    study = json.loads(json.dumps(small_trial.STUDY))
    study["protocolSection"]["identificationModule"]["nctId"] = "NCT00000002"
    items = "* Aged 18 to 64 years\n* Able to give written informed consent\n* Zyzzogeton syndrome of the elbow"
    study["protocolSection"]["eligibilityModule"]["eligibilityCriteria"] = f"Inclusion Criteria:\n\n{items}\n"
    patient_file(tmp_path, study, "other.json")
    small_trial.study_file(tmp_path)
    said = cli("read", tmp_path, "-o", tmp_path / "out")
    rows = [line.split() for line in said.out.splitlines()]
    (first,) = (row for row in rows if row[:1] == ["NCT00000001"])
    (other,) = (row for row in rows if row[:1] == ["NCT00000002"])
    (both,) = (row for row in rows if row[:1] == ["all"])
    numbers = [[word for word in row if word.isdigit()] for row in (first, other, both)]
    assert numbers == [list("220000"), list("310110"), list("530110")]


def test_check_names_what_is_left_to_a_person(cli: Desk, tmp_path: Path) -> None:
    study = json.loads(json.dumps(small_trial.STUDY))
    lines = (
        "Inclusion Criteria:",
        "* Zyzzogeton of the elbow",
        "Exclusion Criteria:",
        "* Asthma that would preclude it",
    )
    text = "\n\n".join(lines)
    study["protocolSection"]["eligibilityModule"]["eligibilityCriteria"] = text
    said = cli("check", patient_file(tmp_path, study, "study.json"))
    for words in ("not", "computable", "(not_encoded)", "Zyzzogeton", "left", "person", "preclude"):
        assert words in said.out


def test_read_joins_reviewed_trees(cli: Desk, tmp_path: Path, trials: Path) -> None:
    said = cli("read", small_trial.study_file(tmp_path), "-o", tmp_path / "out", "--reviewed", trials)
    assert said.code == 0
    record = json.loads((tmp_path / "out" / "NCT00000001.json").read_bytes())
    assert record["criteria"][0]["tree"] == {"kind": "age", "low": 18.0}
    assert record["criteria"][0]["review"]["reviewer"] == "A. Reviewer"


def test_a_document_that_is_none_costs_only_itself(cli: Desk, tmp_path: Path) -> None:
    small_trial.study_file(tmp_path / "in")
    patient_file(tmp_path / "in", b'{"protocolSection": ', "cut.json")
    said = cli("read", tmp_path / "in", "-o", tmp_path / "out")
    assert said.code == 1
    assert [p.split(":")[1].strip() for p in said.problems] == ["cut.json"]
    assert (tmp_path / "out" / "NCT00000001.json").exists()


def test_check_is_silent_about_a_sound_record_and_fails_on_an_error(cli: Desk, tmp_path: Path, trials: Path) -> None:
    assert cli("check", trials).code == 0
    hollow = json.loads(json.dumps(small_trial.STUDY))
    hollow["protocolSection"]["eligibilityModule"] = {"minimumAge": "18 Years"}
    said = cli("check", patient_file(tmp_path, hollow, "hollow.json"))
    assert said.code == 1
    assert "missing_section" in said.out.replace("\n", "")


def test_map_writes_resources_and_one_transaction(cli: Desk, tmp_path: Path, trials: Path) -> None:
    said = cli("map", trials, "-o", tmp_path / "out")
    assert (said.code, said.out) == (0, "")
    posted = json.loads((tmp_path / "out" / "nct00000001.bundle.json").read_bytes())
    single = {f"{e['resource']['resourceType']}-{e['resource']['id']}.json" for e in posted["entry"]}
    assert {p.name for p in (tmp_path / "out" / "nct00000001").iterdir()} == single
    assert all(e["fullUrl"] for e in posted["entry"])


# --- matching


def test_match_gives_a_line_per_pair_that_its_schema_allows(cli: Desk, trials: Path, patients: Path) -> None:
    said = cli("match", "--trials", trials, "--patients", patients, *ON)
    assert (said.code, said.err) == (0, "")
    verdicts = {line["patient"]: line["verdict"] for line in said.lines}
    assert verdicts == {"Patient/ada": "eligible", "Patient/bea": "ineligible"}
    schema = json.loads(cli("schema", "match").out)
    for line in said.lines:
        jsonschema.validate(line, schema)


@pytest.mark.parametrize(
    ("detail", "keys"),
    [
        ("verdict", None),
        ("criteria", {"id", "kind", "truth", "reasons"}),
        ("evidence", {"id", "kind", "truth", "reasons", "text", "evidence", "needs"}),
    ],
)
def test_detail(cli: Desk, trials: Path, patients: Path, detail: str, keys: set[str] | None) -> None:
    said = cli("match", "--trials", trials, "--patients", patients, *ON, "--detail", detail)
    criteria = said.lines[0].get("criteria")
    assert (set(criteria[0]) if criteria else None) == keys


def test_records_published_bundles_and_both_forms_give_the_same_bytes(
    cli: Desk, tmp_path: Path, trials: Path, patients: Path
) -> None:
    cli("map", trials, "-o", tmp_path / "out")
    from_record, from_folder, from_bundle = (
        cli("match", "--trials", source, "--patients", patients, *ON).out
        for source in (trials, tmp_path / "out", tmp_path / "out" / "nct00000001.bundle.json")
    )
    assert from_record == from_folder == from_bundle != ""


def test_what_names_patients_is_readable_by_its_owner_alone(
    cli: Desk, tmp_path: Path, trials: Path, patients: Path
) -> None:
    both = ("--trials", trials, "--patients", patients, *ON)
    assert cli("match", *both, "-o", tmp_path / "m.ndjson").code == 0
    assert cli("run", *both, "--out", tmp_path / "out").code == 0
    written = [tmp_path / "m.ndjson", *(tmp_path / "out" / "results").iterdir()]
    assert [stat.S_IMODE(p.stat().st_mode) for p in written] == [0o600] * len(written)


def test_parquet_holds_the_same_lines(cli: Desk, tmp_path: Path, trials: Path, patients: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    both = ("--trials", trials, "--patients", patients, *ON)
    assert cli("match", *both, "-o", tmp_path / "m.parquet").code == 0
    rows = parquet.read_table(tmp_path / "m.parquet").to_pylist()
    lines = cli("match", *both).lines
    assert [(r["patient"], r["verdict"]) for r in rows] == [(x["patient"], x["verdict"]) for x in lines]
    assert json.loads(rows[0]["criteria"]) == lines[0]["criteria"]


@pytest.mark.parametrize(("more", "level"), [((), "partial"), (("--loaded", "all"), "complete")])
def test_standard_input_is_partial_unless_the_caller_says_otherwise(
    cli: Desk, tmp_path: Path, trials: Path, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...], level: str
) -> None:
    given = orjson.dumps(bundle(person(), condition())) + b"\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
    said = cli("match", "--trials", sample("NCT03192657"), "--patients", "-", *ON, *more)
    (line,) = said.lines
    assert line["patient"] == "Patient/ada"
    cancer = next(c for c in line["criteria"] if c["id"] == "exc-6")
    assert (cancer["truth"], cancer["reasons"]) == (
        ("unknown", ["partial"]) if level == "partial" else ("presumed-no", [])
    )


def test_explain_tells_truth_evidence_and_what_is_missing(cli: Desk, patients: Path) -> None:
    one = ("--trial", "nct03192657", "--patient", "ada")
    said = cli("explain", "--trials", sample("NCT03192657"), "--patients", patients, *one, *ON)
    assert said.code == 0
    for words in ("Patient/ada", "NCT03192657", "inc-3", "unknown", "would settle it"):
        assert words in said.out


@pytest.mark.parametrize("one", [("--trial", "NCT9", "--patient", "ada"), ("--trial", "NCT00000001", "--patient", "x")])
def test_explain_names_what_is_not_there(cli: Desk, trials: Path, patients: Path, one: tuple[str, ...]) -> None:
    said = cli("explain", "--trials", trials, "--patients", patients, *one, *ON)
    assert (said.code, said.out) == (2, "")
    assert "no such" in said.err


@pytest.mark.parametrize(("by", "about"), [("patient", "Patient/ada"), ("trial", "NCT03192657")])
def test_ask_lists_what_would_settle_most(cli: Desk, tmp_path: Path, patients: Path, by: str, about: str) -> None:
    asked = ("ask", "--trials", sample("NCT03192657"), "--patients", patients, *ON, "--by", by)
    said = cli(*asked, "--most", 1)
    assert said.code == 0
    for words in ("settles", "perhaps", about.removeprefix("Patient/")):
        assert words in said.out
    file = tmp_path / "next.ndjson"
    assert cli(*asked, "--only", about, "-o", file).code == 0
    lines = [orjson.loads(line) for line in file.read_bytes().splitlines()]
    assert [line[by] for line in lines] == [about]
    assert lines[0]["next"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert cli(*asked, "--only", "nobody", "-o", file).code == 0
    assert file.read_bytes() == b""


@pytest.mark.parametrize("name", ["record", "criteria", "match"])
def test_schemas_are_json_schemas(cli: Desk, name: str) -> None:
    schema = json.loads(cli("schema", name).out)
    jsonschema.validators.validator_for(schema).check_schema(schema)


# --- the main job


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


# --- exit codes of wrong use


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("fly",), "fly"),
        (("match", "--trials", "{trials}"), "--patients"),
        (("match", "--trials", "{trials}", "--patients", "{patients}", "--on", "1 May"), "--on"),
        (("match", "--trials", "{trials}", "--patients", "{patients}", "--loaded", "labs"), "observations"),
        (("match", "--trials", "nowhere", "--patients", "{patients}"), "nowhere"),
        (("match", "--trials", "{trials}", "--patients", "{patients}", "--site", "nowhere.toml"), "nowhere.toml"),
        (("run", "--trials", "{trials}", "--patients", "{patients}"), "--server"),
        (("run", "--trials", "{trials}", "--patients", "{patients}", "--out", "o", "--server", "http://x/y"), "either"),
        (("post", "{trials}"), "--server"),
        (("--log-format", "xml", "check", "{trials}"), "json"),
        (("schema", "patient"), "patient"),
    ],
    ids=lambda value: " ".join(value[:1]) if isinstance(value, tuple) else value,
)
def test_wrong_use(cli: Desk, trials: Path, patients: Path, arguments: tuple[str, ...], says: str) -> None:
    said = cli(*(a.format(trials=trials, patients=patients) for a in arguments))
    assert (said.code, said.out) == (2, "")
    assert says in said.err


def test_an_unknown_key_of_the_site_file_is_named(cli: Desk, tmp_path: Path, trials: Path, patients: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text("[server]\npassword = 'x'\n")
    said = cli("match", "--trials", trials, "--patients", patients, "--site", site)
    assert said.code == 2
    assert "server.password" in said.err


def test_a_bug_is_exit_code_4_without_its_message(
    cli: Desk, trials: Path, patients: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("Ada was born on 1980-02-03")

    monkeypatch.setattr("fhirtrial.job.trials.load_trials", broken)
    said = cli("match", "--trials", trials, "--patients", patients)
    assert said.code == 4
    assert "RuntimeError" in said.err
    assert "Ada" not in said.err


def test_logs_are_json_lines_on_request(cli: Desk, tmp_path: Path, trials: Path, patients: Path) -> None:
    import logging

    cli("--log-format", "json", "check", trials)
    logging.getLogger("fhirtrial.test").warning("one %s", "thing")
    handler = logging.getLogger("fhirtrial").handlers[0]
    record = logging.LogRecord("fhirtrial.test", logging.WARNING, "", 0, "one %s", ("thing",), None)
    line = json.loads(handler.format(record))
    assert (line["level"], line["logger"], line["message"]) == ("warning", "fhirtrial.test", "one thing")


# --- bad input: one clear line each, the rest goes on, nothing is guessed


def condition(name: str = "c1", **more: Any) -> dict[str, Any]:
    active = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]}
    code = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "M33.10"}]}
    own = {"resourceType": "Condition", "id": name, "clinicalStatus": active, "code": code}
    return {**own, "subject": {"reference": "Patient/ada"}, "onsetDateTime": "2025-01-01", **more}


def creatinine(name: str = "o1", **more: Any) -> dict[str, Any]:
    code = {"coding": [{"system": "http://loinc.org", "code": "2160-0"}]}
    own = {"resourceType": "Observation", "id": name, "status": "final", "code": code}
    return {**own, "subject": {"reference": "Patient/ada"}, "effectiveDateTime": "2026-10-20", **more}


def value(number: object, unit: str = "mg/dL") -> dict[str, Any]:
    return {"valueQuantity": {"value": number, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}}


def order(**more: Any) -> dict[str, Any]:
    own = {"resourceType": "MedicationRequest", "id": "m1", "status": "active", "intent": "order"}
    return {**own, "subject": {"reference": "Patient/ada"}, "authoredOn": "2026-10-01", **more}


def sample(trial: str) -> Path:
    return sample_bundles() / "trials" / f"{trial}.json"


DEEP = b'{"resourceType":"Bundle","type":"collection","entry":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
# content, what the one line says, and whether Ada can be judged all the same
BAD: dict[str, tuple[object, tuple[str, ...], bool]] = {
    "malformed JSON": (b'{"resourceType": "Bundle", "entry": [', ("bad.json", "truncated"), False),
    "no JSON": (b"Dear colleague,", ("bad.json", "malformed"), False),
    "an empty file": (b"", ("bad.json", "empty"), False),
    "a JSON number": (b"12", ("bad.json", "object"), False),
    "deep nesting": (DEEP, ("bad.json", "nested too deeply"), False),
    "an unknown resourceType": ({"resourceType": "Bumdle"}, ("bad.json", "resourceType"), False),
    "a Bundle without a Patient": (bundle(condition()), ("bad.json", "no Patient"), False),
    "no birth date": (bundle(person(birth=None)), ("Patient/ada", "no birth date"), True),
    "a future birth date": (bundle(person(birth="2030-01-01")), ("Patient/ada", "in the future"), True),
    "a date that does not exist": (bundle(person(birth="1980-13-45")), ("Patient/ada", "birthDate"), True),
    "a subject that is not here": (
        bundle(person(), condition(subject={"reference": "Patient/eve"})),
        ("Condition/c1", "subject that is not here"),
        True,
    ),
    "a dangling reference": (
        bundle(person(), order(medicationReference={"reference": "Medication/gone"})),
        ("MedicationRequest/m1", "medicationReference"),
        True,
    ),
    "one id twice": (
        bundle(person(), creatinine(**value(1.0)), creatinine(**value(4.0))),
        ("Observation/o1", "same id twice"),
        True,
    ),
    "a wrong type of value": (
        bundle(person(), creatinine(**value("high"))),
        ("Observation/o1", "valueQuantity.value"),
        True,
    ),
    "a wrong type of status": (bundle(person(), creatinine(status=7)), ("Observation/o1", "status"), True),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(cli: Desk, tmp_path: Path, trials: Path, name: str) -> None:
    content, says, judged = BAD[name]
    folder = tmp_path / "patients"
    patient_file(folder, content, "bad.json")
    patient_file(folder, bundle(person("zoe", "1970-01-01")), "good.json")
    said = cli("match", "--trials", trials, "--patients", folder, *ON)
    assert said.code == 1
    (line,) = said.problems
    assert all(words in line for words in ("bad.json", *says))
    assert ";" in line  # what to do about it
    verdicts = {line["patient"]: line["verdict"] for line in said.lines}
    assert verdicts.pop("Patient/zoe") == "eligible"
    assert set(verdicts) == ({"Patient/ada"} if judged else set())


@pytest.mark.parametrize("birth", [None, "2030-01-01", "1980-13-45"])
def test_an_unknown_age_is_no_age(cli: Desk, tmp_path: Path, trials: Path, birth: str | None) -> None:
    said = cli("match", "--trials", trials, "--patients", patient_file(tmp_path, bundle(person(birth=birth))), *ON)
    assert {c["id"]: c["truth"] for c in said.lines[0]["criteria"]} == dict.fromkeys(
        ("inc-1", "exc-1", "age"), "unknown"
    )


@pytest.mark.parametrize(
    ("quantity", "why"),
    [
        ({"valueQuantity": {"value": 4.0}}, "unit-not-convertible"),
        (value(4.0, "furlong"), "unit-not-convertible"),
        (value(4.0, "U/L"), "unit-not-convertible"),
    ],
    ids=["without a unit", "no unit", "another kind of unit"],
)
def test_a_value_that_cannot_be_compared_is_unknown(
    cli: Desk, tmp_path: Path, quantity: dict[str, Any], why: str
) -> None:
    file = patient_file(tmp_path, bundle(person(), creatinine(**quantity)))
    said = cli("match", "--trials", sample("NCT03192657"), "--patients", file, *ON)
    renal = next(c for c in said.lines[0]["criteria"] if c["id"] == "exc-4")
    assert renal["truth"] == "unknown"
    assert why in renal["reasons"]
    assert [e["resource"] for e in renal["evidence"]] == ["Observation/o1"]


def test_several_patients_in_a_bundle_are_told_apart(cli: Desk, tmp_path: Path, trials: Path) -> None:
    file = patient_file(tmp_path, bundle(person("ada", "1980-02-03"), person("bea", "2020-02-03")))
    said = cli("match", "--trials", trials, "--patients", file, *ON)
    assert {line["patient"]: line["verdict"] for line in said.lines} == {
        "Patient/ada": "eligible",
        "Patient/bea": "ineligible",
    }


def test_a_file_over_the_limit_is_not_read(cli: Desk, tmp_path: Path, trials: Path, patients: Path) -> None:
    with (patients / "huge.json").open("wb") as file:
        file.truncate(300 * 2**20)  # sparse: no disk is used
    said = cli("match", "--trials", trials, "--patients", patients, *ON)
    assert said.code == 1
    (line,) = said.problems
    assert "huge.json" in line
    assert "268,435,456" in line
    assert len(said.lines) == 2


def test_an_empty_folder(cli: Desk, tmp_path: Path, trials: Path) -> None:
    (tmp_path / "empty").mkdir()
    said = cli("match", "--trials", trials, "--patients", tmp_path / "empty", *ON)
    assert (said.code, said.out) == (1, "")
    assert ["empty" in line for line in said.problems] == [True]


def test_no_message_quotes_a_patient(cli: Desk, tmp_path: Path, trials: Path) -> None:
    named = person(birth="Godsday", name=[{"family": "Lovelace"}], telecom=[{"system": "phone", "value": "555-0199"}])
    bad = creatinine(**value("Lovelace"), note=[{"text": "Lovelace called from 555-0199"}])
    said = cli("match", "--trials", trials, "--patients", patient_file(tmp_path, bundle(named, bad)), *ON)
    assert said.code == 1
    for secret in ("Lovelace", "555-0199", "Godsday"):
        assert secret not in said.out + said.err


# --- as a process: what only a shell can see


def program(*arguments: object, **more: Any) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "fhirtrial.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=False, **more)


@pytest.mark.slow
def test_a_pipe_gets_results_and_nothing_else(trials: Path, patients: Path) -> None:
    done = program("match", "--trials", trials, "--patients", "-", "--loaded", "all", *ON, input=orjson.dumps(bundle()))
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["verdict"] == "eligible"
    shown = program("run", "--trials", trials, "--patients", patients, *ON, "--out", trials.parent / "out")
    assert b"\x1b" not in shown.stdout + shown.stderr


def test_a_reader_who_has_enough_may_leave(tmp_path: Path, trials: Path) -> None:
    lines = b"".join(orjson.dumps(bundle(person(f"p{n}"))) + b"\n" for n in range(400))
    file = patient_file(tmp_path, lines, "many.ndjson")
    command = [sys.executable, "-m", "fhirtrial.cli", "match", "--trials", str(trials), "--patients", str(file), *ON]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline().startswith(b'{"schemaVersion"')
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=60) == 0


def test_help_loads_no_engine() -> None:
    """What makes `--help` slow is named, not timed: a clock would measure the machine."""
    code = "import sys, fhirtrial.cli; print(*sorted(m for m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ})
    loaded = set(done.stdout.split())
    assert not loaded & {"numpy", "pydantic", "requests", "msgspec", "orjson", "fhir", "pyarrow"}
