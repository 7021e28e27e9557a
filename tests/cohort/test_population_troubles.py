"""Troubles of a run: dying processes, a full disk, spoilt parts, two runs at once; each is named, the rest is done."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from cohort import deadly
from cohort.populations import PATIENTS, content, run
from patients import deadly_reading

from fhirtrial.cohort import local
from fhirtrial.errors import ConfigError, PatientError
from fhirtrial.job.cohort import match_population
from fhirtrial.matching.result import Trial
from fhirtrial.patients import cache as caching
from fhirtrial.patients import slices, stored
from fhirtrial.samples import DEMO_DATE

pytest.importorskip("pyarrow.parquet", reason="the extra `parquet` is not installed")

pytestmark = pytest.mark.slow


def test_processes_agree_with_one_and_one_that_dies_is_named(
    trials: tuple[Trial, ...], source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One part kills every process that matches it: it alone is missing, and the next run makes up for it."""
    monkeypatch.setattr(slices, "neighbours", lambda files: (files[:8], files[8:]))
    run(trials, source, tmp_path / "whole", cache=tmp_path / "cache")
    whole, heard = content(tmp_path / "whole"), list[tuple[int, int]]()
    bad = next(path.stem for path in (tmp_path / "whole" / "rows").iterdir() if "-" not in path.stem)
    with monkeypatch.context() as patched:
        patched.setenv(deadly.NAME, bad)
        patched.setattr(local, "_match_part", deadly.match_part)
        out, seen = tmp_path / "out", lambda done, of: heard.append((done, of))
        done = run(trials, tmp_path / "cache", out, processes=2, seen=seen)
    assert (heard[0], heard[-1], sorted(heard)) == ((0, 15), (15, 15), heard)
    died = [problem for problem in done.problems if "died" in problem.got]
    assert [Path(problem.where).name for problem in died] == [bad]
    missing = {f"rows/{bad}.parquet", f"attrition/{bad}.counts", "attrition.json"}
    left = content(out)
    del left["attrition.json"]
    assert left == {name: data for name, data in whole.items() if name not in missing}
    assert {one.screened for one in done.attritions} == {7}
    files = [path for path in out.rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    run(trials, tmp_path / "cache", out)
    assert content(out) == whole


def test_files_at_which_a_process_dies_are_named_and_read_by_the_next_run(
    trials: tuple[Trial, ...], source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slices, "neighbours", lambda files: ([file] for file in files))
    run(trials, source, tmp_path / "whole")
    lost = sorted(source.iterdir())[5]
    with monkeypatch.context() as patched:
        patched.setenv(deadly_reading.NAME, lost.name)
        patched.setattr(caching, "read_files", deadly_reading.read_files)
        done = run(trials, source, tmp_path / "out", processes=2)
    assert [one.where for one in done.problems if "died twice while it read" in one.got] == [str(lost)]
    assert (done.patients, done.exit_code) == (PATIENTS, 1)
    again = run(trials, source, tmp_path / "out")
    assert again.patients == PATIENTS + 1
    assert content(tmp_path / "out") == content(tmp_path / "whole")


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """A disk with room for so many files."""
    room = [10**9]
    original = stored.replace

    def replacing(path: Path, write_to: Any) -> None:
        def write(file: BinaryIO) -> None:
            room[0] -= 1
            if room[0] < 0:
                file.write(b"half")
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
            write_to(file)

        original(path, write)

    monkeypatch.setattr(stored, "replace", replacing)
    yield room
    room[0] = 10**9


@pytest.mark.parametrize("room", [2, 5])
def test_a_full_disk_is_named_and_ends_the_run(
    room: int, trials: tuple[Trial, ...], cache: Path, tmp_path: Path, full: list[int], matched: list[str]
) -> None:
    run(trials, cache, tmp_path / "whole")
    matched.clear()
    full[0] = room
    done = run(trials, cache, tmp_path / "out")
    last = done.problems[-1]
    assert (last.where, last.got) == (
        str(tmp_path / "out" / "rows" / f"{matched[-1]}.parquet"),
        "cannot be written (No space left on device)",
    )
    assert (len(matched), done.attrition, done.attritions) == ((room + 1) // 2, None, [])
    assert not list((tmp_path / "out").rglob("*.part"))
    full[0] = 10**9
    run(trials, cache, tmp_path / "out")
    assert content(tmp_path / "out") == content(tmp_path / "whole")


def test_no_room_for_the_facts(trials: tuple[Trial, ...], source: Path, tmp_path: Path, full: list[int]) -> None:
    full[0] = 2
    with pytest.raises(ConfigError, match=r"facts: the cache cannot be written.*make room"):
        run(trials, source, tmp_path / "out")


def test_a_spoilt_part_is_named_and_the_rest_is_done(trials: tuple[Trial, ...], cache: Path, tmp_path: Path) -> None:
    spoilt = sorted(cache.glob("*.facts.parquet"))[1]
    spoilt.write_bytes(spoilt.read_bytes()[:100])
    done = run(trials, cache, tmp_path / "out")
    assert [problem.where for problem in done.problems if "cache" in problem.got] == [str(spoilt)]
    assert len(list((tmp_path / "out" / "rows").iterdir())) == 4


def test_two_runs_at_once(trials: tuple[Trial, ...], cache: Path, tmp_path: Path) -> None:
    def other(done: int, of: int) -> None:
        with pytest.raises(ConfigError, match="in use by another run"):
            run(trials, cache, tmp_path / "out")

    run(trials, cache, tmp_path / "out", seen=other)


@pytest.mark.parametrize(
    ("patients", "error", "said"),
    [
        ("-", ConfigError, "come from no file"),
        ("nowhere", PatientError, "no such file"),
        ("empty", PatientError, "without FHIR JSON"),
    ],
)
def test_no_patients(patients: str, error: type[Exception], said: str, tmp_path: Path, trials: Any) -> None:
    (tmp_path / "empty").mkdir()
    source = patients if patients == "-" else str(tmp_path / patients)
    with pytest.raises(error, match=said):
        match_population(trials, source, DEMO_DATE, tmp_path / "out")
