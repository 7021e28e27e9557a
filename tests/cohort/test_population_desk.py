"""`match` for a population at the desk: where rows go, which, and that a cache changes nothing."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
import small_trial
from desk import Desk
from small_trial import bundle, patient_file, person

pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")

ON = ("--on", "2026-11-01")


@pytest.fixture
def given(tmp_path: Path) -> tuple[object, ...]:
    """A trial, and an adult and a child."""
    folder = tmp_path / "patients"
    patient_file(folder, bundle(person("ada", "1980-02-03")), "ada.json")
    patient_file(folder, bundle(person("bea", "2020-02-03")), "bea.json")
    return "--trials", small_trial.record_file(tmp_path / "trials"), "--patients", folder, *ON


def rows(folder: Path) -> list[str]:
    lines = [line for path in sorted((folder / "rows").iterdir()) for line in path.read_bytes().splitlines()]
    return sorted(f"{row['patient']} {row['verdict']}" for row in map(orjson.loads, lines))


def test_a_folder_takes_a_population(cli: Desk, given: tuple[object, ...], tmp_path: Path) -> None:
    said = cli("match", *given, "-o", tmp_path / "out", "--format", "ndjson")
    assert said.code == 0
    assert "2 patients × 1 trials: rows in" in said.out
    assert rows(tmp_path / "out") == ["Patient/ada eligible"]
    (trial,) = orjson.loads((tmp_path / "out" / "attrition.json").read_bytes())
    assert (trial["screened"], trial["verdicts"]["ineligible"]) == (2, 1)
    again = cli("match", *given, "-o", tmp_path / "out", "--format", "ndjson", "--only", "ineligible")
    assert (again.code, "different: verdicts" in again.err) == (2, True)
    other = cli("match", *given, "-o", tmp_path / "other", "--format", "ndjson", "--only", "ineligible")
    assert (other.code, rows(tmp_path / "other")) == (0, ["Patient/bea ineligible"])


def test_what_could_not_be_read_is_told_each_time(cli: Desk, given: tuple[object, ...], tmp_path: Path) -> None:
    (tmp_path / "patients" / "broken.json").write_text("{")
    said = [cli("match", *given, "-o", tmp_path / "out") for _ in range(2)]
    assert [one.code for one in said] == [1, 1]
    assert said[0].err == said[1].err
    assert said[0].err.count("problem:") == 1


def test_only_some_verdicts_as_lines(cli: Desk, given: tuple[object, ...]) -> None:
    everything = cli("match", *given, "--detail", "verdict").out.splitlines()
    some = cli("match", *given, "--detail", "verdict", "--only", "ineligible").out.splitlines()
    assert len(everything) == 2
    assert some == [line for line in everything if '"ineligible"' in line]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("-o", "x.ndjson", "--format", "parquet"), "--format"),
        (("--processes", "2"), "--processes"),
        (("-o", "folder", "--detail", "evidence"), "--detail"),
        (("--cache", "facts", "--patients", "-"), "come from no file"),
    ],
)
def test_options_that_mean_nothing_there(
    options: tuple[str, ...], said: str, cli: Desk, given: tuple[object, ...], tmp_path: Path
) -> None:
    told = cli("match", *given, *(tmp_path / one if one in {"x.ndjson", "folder", "facts"} else one for one in options))
    assert (told.code, said in told.err) == (2, True)
    assert not (tmp_path / "folder").exists()


@pytest.mark.parametrize("command", ["match", "ask", "explain"])
def test_a_cache_changes_nothing(command: str, cli: Desk, given: tuple[object, ...], tmp_path: Path) -> None:
    about = ("--trial", "NCT00000001", "--patient", "ada") if command == "explain" else ()
    plain = cli(command, *given, *about)
    cached = [cli(command, *given, *about, "--cache", tmp_path / "facts") for _ in range(2)]
    assert [(one.code, one.out) for one in cached] == [(plain.code, plain.out)] * 2
    assert (tmp_path / "facts" / "manifest.json").exists()
