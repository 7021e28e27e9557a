"""A population against all trials: `python benchmarks/cohort.py [--patients N …] [--trials N] [--out DIR]`.

A fact cache of N patients is made by replicating some with dates and numbers moved, one chunk at a time, and the cohort
run goes over it. Prints patients and pairs per second of CPU, what reading a part takes of it, bytes on disk and the
peak memory of a process. FHIRTRIAL_CORPUS names the folder with registry records and synthetic patients; without it the
samples stand in.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import resource
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import msgspec
from kernel import CORPUS, ON, table
from kernel import _source as source_of_patients
from workload import many_patients, many_trials, real_trials

from fhirtrial.cohort.parts import facts_of, parts
from fhirtrial.criteria.truth import Verdict
from fhirtrial.job.cohort import match_population
from fhirtrial.matching.match import Run
from fhirtrial.matching.result import Trial
from fhirtrial.patients import stored
from fhirtrial.patients.facts import Facts
from fhirtrial.patients.manifest import Manifest, Unit
from fhirtrial.patients.read import read_patients

CHUNK = 2048
"""Patients of a generated part."""


def generate(base: Facts, patients: int, cache: Path, chunk: int = CHUNK) -> None:
    """Writes a fact cache of so many patients; memory is that of one chunk, and each has names of its own."""
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    names: list[str] = []
    for first in range(0, patients, chunk):
        facts = many_patients(base, min(chunk, patients - first), seed=first)
        renamed = tuple(replace(one, reference=f"Patient/p{first + i}") for i, one in enumerate(facts.patients))
        name = f"{first:016x}"
        stored.write(
            replace(facts, patients=renamed), [f"bundle-{first + i}" for i in range(len(renamed))], cache / name
        )
        names.append(name)
    manifest = Manifest(stored.schema(), "generated", [Unit([], names)])
    (cache / "manifest.json").write_bytes(msgspec.json.encode(manifest))


def measure(
    trials: list[Trial], cache: Path, out: Path, processes: int | None, wanted: frozenset[Verdict]
) -> list[str]:
    """One line of the table."""
    found = parts(cache)
    start, used = time.perf_counter(), os.times()
    done = match_population(trials, cache, ON, out, processes=processes, wanted=wanted, seen=shown)
    wall, now = time.perf_counter() - start, os.times()
    cpu = sum(now[:4]) - sum(used[:4])
    pairs = done.patients * len(trials)
    own, children = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(f"\r{done.patients} patients in {wall:.0f} s, {len(done.problems)} problems")
    return [
        f"{done.patients:,}",
        f"{len(found)}",
        f"{cpu:.1f}",
        f"{wall:.1f}",
        f"{done.patients / cpu:,.0f}",
        f"{pairs / cpu:.2g}",
        f"{max(own, children) / 1024:,.0f}",
        f"{_size(cache) / 1e6:,.0f}",
        f"{_size(out) / 1e6:,.0f}",
    ]


def shown(done: int, of: int) -> None:
    print(f"\r{done:,} of {of:,}", end="", flush=True)


def shares(trials: list[Trial], cache: Path) -> list[tuple[str, str]]:
    """Where the CPU time of one part goes, after one that compiled and warmed everything."""
    from fhirtrial.cohort.rows import rows
    from fhirtrial.matching.tally import Shape, tally
    from fhirtrial.site import Site
    from fhirtrial.terminology import load
    from fhirtrial.terminology.policy import load_policy

    run = Run(trials, (), ON, load(), load_policy(), Site(), "benchmark")
    first, *_, part = parts(cache)
    run.screen(facts_of(first), whole=True)
    took: dict[str, float] = {}
    start = time.process_time()

    def mark(name: str) -> None:
        nonlocal start
        now = time.process_time()
        took[name] = now - start
        start = now

    facts = facts_of(part)
    mark("reading the part")
    found = run.screen(facts, whole=True)
    mark("screening")
    tally(Shape.of(trials), found, run.asides(facts))
    mark("attrition")
    batch = rows(run, facts, frozenset(Verdict) - {Verdict.INELIGIBLE}, found)
    mark(f"rows ({batch.num_rows:,})")
    whole = sum(took.values())
    return [(name, f"{seconds:.3f} ({seconds / whole:.0%})") for name, seconds in took.items()]


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--patients", type=int, nargs="+", default=[4096, 16_384])
    asked.add_argument("--trials", type=int, default=5000)
    asked.add_argument("--processes", type=int)
    asked.add_argument("--chunk", type=int, default=CHUNK, help="patients of a part")
    asked.add_argument("--only", nargs="+", default=["presumed-eligible", "eligible"], help="verdicts that get a row")
    asked.add_argument("--out", type=Path, help="keep what is made there; else it is removed")
    chosen = asked.parse_args()
    trials = many_trials(real_trials(CORPUS), chosen.trials)
    trials = [replace(trial, tree_hash=trial.id) for trial in trials]  # as published trials have one
    (base,) = read_patients(source_of_patients(), on=ON, chunk=10_000)
    folder = chosen.out or Path(tempfile.mkdtemp())
    wanted = frozenset(Verdict.of(label) for label in chosen.only)
    lines = []
    for number in chosen.patients:
        cache = folder / f"facts-{number}"
        start = time.process_time()
        if not cache.exists():
            generate(base, number, cache, chosen.chunk)
        print(f"{number:,} patients generated in {time.process_time() - start:.1f} s CPU")
        lines.append(measure(trials, cache, folder / f"run-{number}", chosen.processes, wanted))
    head = (
        "patients",
        "parts",
        "CPU s",
        "s",
        "patients/CPU s",
        "pairs/CPU s",
        "peak MB of a process",
        "facts MB",
        "out MB",
    )
    criteria = sum(len(trial.criteria) for trial in trials)
    today = dt.date.today()  # noqa: DTZ011 - the machine's day
    table(f"{today.isoformat()}: {len(trials)} trials, {criteria:,} criteria", head, lines)
    table("One part", ("part", "CPU s"), shares(trials, folder / f"facts-{chosen.patients[-1]}"))
    if chosen.out is None:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
