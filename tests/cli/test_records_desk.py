"""`read`, `check` and `map` at the desk: registry documents and records."""

from __future__ import annotations

import json
from pathlib import Path

import small_trial
from desk import Desk
from small_trial import patient_file


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
