"""`match`, `explain`, `ask` and `schema` at the desk."""

from __future__ import annotations

import io
import json
import stat
import sys
from pathlib import Path

import jsonschema
import orjson
import pytest
from desk import Desk
from shipped import RECORDS
from small_trial import bundle, condition, person

ON = ("--on", "2026-11-01")


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
    said = cli("match", "--trials", RECORDS / "NCT03192657.json", "--patients", "-", *ON, *more)
    (line,) = said.lines
    assert line["patient"] == "Patient/ada"
    cancer = next(c for c in line["criteria"] if c["id"] == "exc-6")
    assert (cancer["truth"], cancer["reasons"]) == (
        ("unknown", ["partial"]) if level == "partial" else ("presumed-no", [])
    )


def test_explain_tells_truth_evidence_and_what_is_missing(cli: Desk, patients: Path) -> None:
    one = ("--trial", "nct03192657", "--patient", "ada")
    said = cli("explain", "--trials", RECORDS / "NCT03192657.json", "--patients", patients, *one, *ON)
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
    asked = ("ask", "--trials", RECORDS / "NCT03192657.json", "--patients", patients, *ON, "--by", by)
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
