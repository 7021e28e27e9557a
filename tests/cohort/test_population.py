"""A run over a population: whole or resumed, in one process or several, the same folder; troubles are named."""

from __future__ import annotations

import errno
import os
import pickle
import random
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import orjson
import pytest
from cohort import deadly
from generated.questions import criteria
from patients import deadly_reading

from fhirtrial.cohort import local
from fhirtrial.cohort.parts import Part
from fhirtrial.criteria.truth import Verdict
from fhirtrial.errors import ConfigError, PatientError
from fhirtrial.job.cohort import Population, match_population
from fhirtrial.job.matching import match
from fhirtrial.matching.attrition import Attrition, attrition
from fhirtrial.matching.result import Trial
from fhirtrial.patients import cache as caching
from fhirtrial.patients import slices, stored
from fhirtrial.patients.cache import cached_patients
from fhirtrial.samples import DEMO_DATE, sample_bundles

pq = pytest.importorskip("pyarrow.parquet", reason="the extra `parquet` is not installed")

LONG = bool(os.environ.get("FHIRTRIAL_LONG"))
ALL = frozenset(Verdict)
CHUNK = 3
PATIENTS = 14

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trials() -> tuple[Trial, ...]:
    """Small ones, so that a run is quick."""
    asked = {"NCT1": ("age", "condition"), "NCT2": ("sex",)}
    return tuple(
        Trial(name, name, "RECRUITING", tuple(c for kind in kinds for c in criteria(kind)[:2]), "", "")
        for name, kinds in asked.items()
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Some sample patients, and one who stands in two Bundles."""
    folder = tmp_path / "patients"
    folder.mkdir()
    for path in sorted((sample_bundles() / "patients").glob("*.json"))[::10][:PATIENTS]:
        (folder / path.name).write_bytes(path.read_bytes())
    first = min(folder.iterdir())
    (folder / "z-again.json").write_bytes(first.read_bytes())
    return folder


@pytest.fixture
def cache(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Their facts in several parts, files apart from each other."""
    monkeypatch.setattr(slices, "neighbours", lambda files: (files[i : i + CHUNK] for i in range(0, 99, CHUNK)))
    for _ in cached_patients(source, tmp_path / "cache", on=DEMO_DATE):
        pass
    return tmp_path / "cache"


def run(trials: Any, patients: Path, out: Path, **more: Any) -> Population:
    terms: dict[str, Any] = {"processes": 1, "wanted": ALL} | more
    return match_population(trials, patients, DEMO_DATE, out, **terms)


def content(out: Path) -> dict[str, bytes]:
    """All files of a run but the lock and the facts."""
    files = [path for path in out.rglob("*") if path.is_file() and "facts" not in path.parts]
    return {str(path.relative_to(out)): path.read_bytes() for path in files if path.name != "run.lock"}


def pairs(out: Path) -> list[tuple[Any, ...]]:
    """The rows of all parts, whatever their format."""
    found: list[tuple[Any, ...]] = []
    for path in (out / "rows").iterdir():
        if path.suffix == ".parquet":
            some = pq.read_table(path).to_pylist()
            found += [(r["patient"], r["trial"], r["on"].isoformat(), r["verdict"], *r["set_aside"]) for r in some]
        else:
            some = [orjson.loads(line) for line in path.read_bytes().splitlines()]
            found += [(r["patient"], r["trial"], r["on"], r["verdict"], *r.get("set_aside", ())) for r in some]
    return sorted(found)


def test_a_folder_holds_what_matching_says(trials: tuple[Trial, ...], source: Path, tmp_path: Path) -> None:
    matching = match(trials, source, DEMO_DATE)
    matches = list(matching)
    done = run(trials, source, tmp_path / "out")
    expected = [(m.patient.reference, m.trial.id, "2026-11-01", m.verdict.label, *m.set_aside) for m in matches]
    assert pairs(tmp_path / "out") == sorted(expected)
    assert sorted(map(str, done.problems)) == sorted(map(str, matching.failures))
    assert done.exit_code == 1, "one patient stands in two Bundles"
    of = {t.id: attrition(t, DEMO_DATE, [m for m in matches if m.trial is t]) for t in trials}
    assert {one.trial: one for one in done.attritions} == of
    said = [Attrition.model_validate(one) for one in orjson.loads((tmp_path / "out" / "attrition.json").read_bytes())]
    assert said == done.attritions
    assert done.patients == PATIENTS + 1


def test_formats_agree(trials: tuple[Trial, ...], cache: Path, tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    run(trials, cache, tmp_path / "columns", seen=lambda done, of: heard.append((done, of)))
    run(trials, cache, tmp_path / "lines", form="ndjson")
    assert pairs(tmp_path / "lines") == pairs(tmp_path / "columns")
    assert len(list((tmp_path / "columns" / "rows").iterdir())) == 5
    assert heard == [(0, 15), (3, 15), (6, 15), (9, 15), (12, 15), (15, 15)]


def test_only_ineligible_pairs_have_no_row_unless_they_are_asked_for(
    trials: tuple[Trial, ...], cache: Path, tmp_path: Path
) -> None:
    match_population(trials, cache, DEMO_DATE, tmp_path / "out", processes=1)
    run(trials, cache, tmp_path / "all")
    assert pairs(tmp_path / "out") == [row for row in pairs(tmp_path / "all") if row[3] != "ineligible"]
    assert len(pairs(tmp_path / "all")) == (PATIENTS + 1) * len(trials)


# --- a run that goes on


@pytest.fixture
def matched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The parts that were matched, in their order."""
    names: list[str] = []
    original = local.match_part

    def noted(order: Any, shape: Any, part: Part) -> Any:
        names.append(part.name)
        return original(order, shape, part)

    monkeypatch.setattr(local, "match_part", noted)
    return names


def test_what_is_done_is_not_done_again(
    trials: tuple[Trial, ...], cache: Path, tmp_path: Path, matched: list[str]
) -> None:
    first = run(trials, cache, tmp_path / "out")
    whole = content(tmp_path / "out")
    matched.clear()
    again = run(trials, cache, tmp_path / "out")
    assert (matched, content(tmp_path / "out")) == ([], whole)
    assert again == first, "with the problems that were met before"
    some = sorted((tmp_path / "out" / "rows").iterdir())
    some[0].unlink()
    (tmp_path / "out" / "attrition" / f"{some[1].stem}.counts").unlink()
    (tmp_path / "out" / "rows" / "half.parquet.part").write_bytes(b"PAR1")
    run(trials, cache, tmp_path / "out")
    assert sorted(matched) == [some[0].stem, some[1].stem]
    assert content(tmp_path / "out") == whole


CHANGES = {"a patient more": 1, "a patient less": 0, "another record": 1}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changed_alone_is_matched_again(
    change: str, trials: tuple[Trial, ...], source: Path, tmp_path: Path, matched: list[str], cache: Path
) -> None:
    (source / "z-again.json").unlink()
    run(trials, source, tmp_path / "out", cache=cache)
    matched.clear()
    other = (sample_bundles() / "patients" / "cadm-classic.json").read_bytes()
    last = max(source.iterdir())
    if change == "a patient more":
        (source / "zz.json").write_bytes(other.replace(b"cadm-classic", b"zz"))
    elif change == "a patient less":
        last.unlink()
    else:
        last.write_bytes(last.read_bytes().replace(b"birthDate", b"birthdate"))
    run(trials, source, tmp_path / "out", cache=cache)
    assert len(matched) <= 1
    run(trials, source, tmp_path / "anew")
    assert pairs(tmp_path / "out") == pairs(tmp_path / "anew")
    assert (tmp_path / "out" / "attrition.json").read_bytes() == (tmp_path / "anew" / "attrition.json").read_bytes()


def test_who_is_in_another_place_now_is_partial_here(trials: tuple[Trial, ...], source: Path, tmp_path: Path) -> None:
    """The part of the second Bundle did not change, but what it means did."""
    (source / "z-again.json").rename(source / "0-again.json")
    run(trials, source, tmp_path / "out")
    (source / "0-again.json").unlink()
    done = run(trials, source, tmp_path / "out")
    run(trials, source, tmp_path / "anew")
    assert done.problems == []
    assert pairs(tmp_path / "out") == pairs(tmp_path / "anew")


OTHERS: dict[str, dict[str, Any]] = {
    "verdicts": {"wanted": frozenset({Verdict.ELIGIBLE})},
    "format": {"form": "ndjson"},
    "horizon": {"horizon": 3},
}


@pytest.mark.parametrize("name", [*OTHERS, "trials", "on"])
def test_another_run_is_refused(name: str, trials: tuple[Trial, ...], cache: Path, tmp_path: Path) -> None:
    run(trials, cache, tmp_path / "out")
    whole = content(tmp_path / "out")
    other = (replace(trials[0], tree_hash="another"), trials[1]) if name == "trials" else trials
    day = DEMO_DATE.replace(day=2) if name == "on" else DEMO_DATE
    with pytest.raises(ConfigError, match=f"another run; different: {name}; name another folder"):
        match_population(other, cache, day, tmp_path / "out", **{"wanted": ALL, **OTHERS.get(name, {})})
    assert content(tmp_path / "out") == whole


SCRIPT = """
import pickle
import sys
from pathlib import Path
from fhirtrial.criteria.truth import Verdict
from fhirtrial.job.cohort import match_population
from fhirtrial.patients import slices
from fhirtrial.samples import DEMO_DATE

if __name__ == "__main__":
    slices.neighbours = lambda files: (files[i : i + 3] for i in range(0, len(files), 3))
    trials = pickle.loads(Path(sys.argv[4]).read_bytes())
    seen = lambda done, of: print(done, flush=True)
    source, out, processes = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    reading = lambda read: print(read, flush=True)
    how = {"processes": processes, "seen": seen, "reading": reading}
    match_population(trials, source, DEMO_DATE, out, wanted=frozenset(Verdict), **how)
"""


@pytest.mark.parametrize("given", ["source", "cache"])
@pytest.mark.parametrize("seed", range(120 if LONG else 1))
def test_killed_at_any_moment_it_goes_on(
    seed: int, given: str, trials: tuple[Trial, ...], source: Path, cache: Path, tmp_path: Path
) -> None:
    run(trials, cache, tmp_path / "whole")
    patients = {"source": source, "cache": cache}[given]
    chance = random.Random(seed)
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    (tmp_path / "trials").write_bytes(pickle.dumps(trials))
    names = (script, patients, tmp_path / "out", 1 + (seed + (given == "source")) % 2, tmp_path / "trials")
    call = [sys.executable, *map(str, names)]
    for _ in range(3 if LONG else 1):
        with subprocess.Popen(call, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(chance.random() * (2.5 if seed % 2 else 0.15))
            process.send_signal(signal.SIGKILL)
    done = run(trials, patients, tmp_path / "out")
    assert content(tmp_path / "out") == content(tmp_path / "whole")
    assert done.patients == PATIENTS + 1


class Killed(BaseException):
    """Stands for a signal that nobody can catch."""


@pytest.mark.parametrize("moment", ["before", "half", "after"] if LONG else ["half"])
def test_killed_at_each_write_it_goes_on(
    moment: str, trials: tuple[Trial, ...], cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(trials, cache, tmp_path / "whole")
    whole, original = content(tmp_path / "whole"), stored.replace
    for number in range(len(whole)):
        written = iter(range(len(whole)))

        def replacing(path: Path, write_to: Any, number: int = number, written: Iterator[int] = written) -> None:
            last = next(written) == number
            if last and moment == "half":
                path.with_name(path.name + ".part").write_bytes(b"half")
            if not last or moment == "after":
                original(path, write_to)
            if last:
                raise Killed

        out = tmp_path / f"{number}"
        monkeypatch.setattr(stored, "replace", replacing)
        with pytest.raises(Killed):
            run(trials, cache, out)
        monkeypatch.setattr(stored, "replace", original)
        assert not set(content(out).values()) - {*whole.values(), b"half"}
        done = run(trials, cache, out)
        assert (content(out) == whole, done.patients) == (True, PATIENTS + 1), number


# --- troubles


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
