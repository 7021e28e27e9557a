"""`fhirtrial review` at the desk: the sheet, the record that comes of it, and what a person reads of a mistake."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest
import small_trial
from desk import Desk

from fhirtrial.records.read import read_trials

WHO = ("--reviewer", "Ada Lovelace", "--date", "2026-11-22")


@pytest.fixture
def records(cli: Desk, tmp_path: Path) -> Path:
    """What `read` makes of the registry's document: nobody has reviewed it."""
    assert cli("read", small_trial.study_file(tmp_path), "-o", tmp_path / "records").code == 0
    return tmp_path / "records"


@pytest.fixture
def sheet(cli: Desk, records: Path, tmp_path: Path) -> Path:
    said = cli("review", records / "NCT00000001.json", "-o", tmp_path / "desk")
    path = tmp_path / "desk" / "NCT00000001.review.yaml"
    assert (said.code, said.out, said.err) == (0, "", f"NCT00000001: 2 of 2 criteria to review in {path}\n")
    return path


def mark(sheet: Path, *edits: tuple[str, str]) -> None:
    text = sheet.read_text(encoding="utf-8")
    for old, new in (("reviewed: false", "reviewed: true"), *edits):
        assert old in text
        text = text.replace(old, new)
    sheet.write_text(text, encoding="utf-8")


def test_the_loop(cli: Desk, records: Path, sheet: Path, tmp_path: Path) -> None:
    """Read, write the sheet, mark it, read it back, and read the document again: the reviewed trees are joined."""
    assert "tree: |\n    age >= 18 years\n" in sheet.read_text(encoding="utf-8")
    mark(sheet, ("age > 90 years", "age >= 90 years"))
    said = cli("review", records, "--from", sheet, *WHO, "-o", tmp_path / "reviewed")
    path = tmp_path / "reviewed" / "NCT00000001.json"
    assert (said.code, said.err) == (0, f"NCT00000001: 2 newly reviewed, 2 of 2 in all, in {path}\n")
    assert cli("read", tmp_path / "study.json", "-o", tmp_path / "out", "--reviewed", tmp_path / "reviewed").code == 0
    (joined,) = read_trials(tmp_path / "out").records
    assert [(c.id, c.review.reviewer, c.review.date) for c in joined.criteria if c.review] == [
        ("inc-1", "Ada Lovelace", "2026-11-22"),
        ("exc-1", "Ada Lovelace", "2026-11-22"),
    ]
    assert json.loads(path.read_bytes())["criteria"][1]["tree"] == {"kind": "age", "low": 90.0}
    assert cli("map", tmp_path / "out", "-o", tmp_path / "artifacts").code == 0


def test_the_day_is_today_if_none_is_given(cli: Desk, records: Path, sheet: Path, tmp_path: Path) -> None:
    mark(sheet)
    before = dt.datetime.now().astimezone().date().isoformat()
    assert cli("review", records, "--from", sheet, "--reviewer", "A", "-o", tmp_path / "reviewed").code == 0
    after = dt.datetime.now().astimezone().date().isoformat()
    (record,) = read_trials(tmp_path / "reviewed").records
    assert {c.review.date for c in record.criteria if c.review} <= {before, after}


def test_every_mistake_is_listed_and_nothing_is_written(cli: Desk, records: Path, sheet: Path, tmp_path: Path) -> None:
    mark(sheet, ("age >= 18 years", "aged 18"), ("more than 90", "more than 80"))
    said = cli("review", records, "--from", sheet, *WHO, "-o", tmp_path / "reviewed")
    assert said.code == 1
    where = "NCT00000001.review.yaml: line"
    first, second = (p.split(": ", 1)[1] for p in said.problems)
    expected = "expected the name of a concept of the terminology"
    assert first == f'{where} 14, inc-1: tree: no concept is called "aged 18"; {expected}'
    assert second.startswith(f'{where} 19, exc-1: not the record\'s words ("80 years of" where it had "90 years of")')
    assert not (tmp_path / "reviewed").exists()


def test_a_sheet_is_never_written_over(cli: Desk, records: Path, sheet: Path, tmp_path: Path) -> None:
    mark(sheet)
    kept = sheet.read_bytes()
    said = cli("review", records, "-o", tmp_path / "desk")
    assert said.code == 1
    assert "a sheet is there already" in said.problems[0]
    assert sheet.read_bytes() == kept


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--from", "SHEET"), "--reviewer: nobody is named"),
        (("--from", "SHEET", "--reviewer", " "), "--reviewer: nobody is named"),
        (("--from", "SHEET.no", "--reviewer", "A"), "cannot be read"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_done(
    cli: Desk, records: Path, sheet: Path, tmp_path: Path, arguments: tuple[str, ...], reason: str
) -> None:
    given = [a.replace("SHEET", str(sheet)) for a in arguments]
    said = cli("review", records, *given, "-o", tmp_path / "reviewed")
    assert said.code == 2
    assert reason in said.err
    assert not (tmp_path / "reviewed").exists()
