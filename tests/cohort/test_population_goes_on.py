"""A run that goes on: what is done is not done again, what changed alone is, and a killed one ends as any other."""

from __future__ import annotations

import os
import pickle
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cohort.populations import ALL, PATIENTS, content, pairs, run

from fhirtrial.criteria.truth import Verdict
from fhirtrial.errors import ConfigError
from fhirtrial.job.cohort import match_population
from fhirtrial.matching.result import Trial
from fhirtrial.patients import stored
from fhirtrial.samples import DEMO_DATE, sample_bundles

pytest.importorskip("pyarrow.parquet", reason="the extra `parquet` is not installed")
LONG = bool(os.environ.get("FHIRTRIAL_LONG"))

pytestmark = pytest.mark.slow


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
