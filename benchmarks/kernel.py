"""The kernel's figures of docs/performance.md, measured here and printed as its tables: `python benchmarks/kernel.py`.

CPU time, the least of several runs; ratios to `orjson.loads` over the same bytes in the same run. FHIRTRIAL_CORPUS
names the folder with the registry records and synthetic patients; without it the samples stand in.
"""

from __future__ import annotations

import datetime as dt
import gzip
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import orjson
from workload import many_patients, many_trials, real_trials

from fhirtrial.matching import planes
from fhirtrial.matching.match import Run
from fhirtrial.matching.screen import screen
from fhirtrial.matching.truths import truths
from fhirtrial.patients.facts import Facts
from fhirtrial.patients.read import facts_of, read_patients
from fhirtrial.samples import sample_bundles
from fhirtrial.site import Site
from fhirtrial.terminology import load
from fhirtrial.terminology.policy import load_policy

ROOT = Path(__file__).parent.parent
CORPUS = Path(os.environ["FHIRTRIAL_CORPUS"]) if "FHIRTRIAL_CORPUS" in os.environ else None
ON = dt.date(2026, 11, 1)
TRIALS = 5000
CHUNK = 16_384


def cpu(work: Callable[[], object], times: int = 3) -> float:
    """The least CPU seconds of some runs."""
    runs = []
    for _ in range(times):
        start = time.process_time()
        work()
        runs.append(time.process_time() - start)
    return min(runs)


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    print(f"\n### {title}\n\n| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")


def run_of(number: int, real: Sequence[object]) -> Run:
    return Run(many_trials(real, number), (), ON, load(), load_policy(), Site(), "benchmark")  # type: ignore[arg-type]


def bundles() -> list[bytes]:
    if CORPUS is None:
        return [path.read_bytes() for path in sorted((sample_bundles() / "patients").glob("*.json"))]
    return gzip.decompress((CORPUS / "data" / "patients" / "synthea_bundles.ndjson.gz").read_bytes()).splitlines()


def one_patient(run: Run, lines: Sequence[bytes]) -> None:
    """One Bundle against all trials, parsing included, after one pass that warms what is remembered of codes."""
    for line in lines:
        run.screen(facts_of(line, on=ON))
    parts: dict[str, list[float]] = {"orjson.loads": [], "Bundle → facts": [], "facts → verdicts": [], "together": []}
    for line in lines:
        facts = facts_of(line, on=ON)
        read, match = cpu(partial(facts_of, line, on=ON)), cpu(partial(run.screen, facts))
        for name, value in zip(parts, (cpu(partial(orjson.loads, line)), read, match, read + match), strict=True):
            parts[name].append(value * 1000)
    rows = [
        (
            name,
            f"{statistics.median(v):.2f}",
            f"{np.percentile(v, 95):.2f}",
            f"{sum(v) / sum(parts['orjson.loads']):.1f}",
        )
        for name, v in parts.items()
    ]
    table(f"One Bundle × {len(run.trials)} trials, no JIT", ("part", "p50 ms", "p95 ms", "× orjson.loads"), rows)


def cohort(run: Run, facts: Facts) -> None:
    pairs = len(run.trials) * len(facts.patients)
    atoms = truths(run.bound, run.view(facts))
    gates = run.network
    verdicts = planes.evaluated(gates, atoms, gates.verdicts)
    took = {
        "atoms: facts → truths": cpu(lambda: truths(run.bound, run.view(facts)), 2),
        "gates: truths → verdicts": cpu(lambda: planes.evaluated(gates, atoms, gates.verdicts)),
        "unpacking all verdicts": cpu(lambda: planes.unpacked(verdicts, len(facts.patients))),
        "all of it": cpu(lambda: screen(gates, run.bound, run.view(facts)), 2),
    }
    rows = [(name, f"{seconds:.2f}", f"{pairs / seconds:.2g}") for name, seconds in took.items()]
    title = f"{len(facts.patients)} patients ({len(facts) / 1e6:.1f} M facts) × {len(run.trials)} trials"
    table(title, ("part", "CPU s", "pairs/s"), rows)


def curves(real: Sequence[object], base: Facts) -> None:
    """Cost by facts, and by trials that share atoms."""
    rows = []
    facts = many_patients(base, 2048)
    for number in (88, 1000, TRIALS):
        run = run_of(number, real)
        run.screen(base)
        took = cpu(lambda run=run: run.screen(facts), 2)  # type: ignore[misc]
        rows.append((str(number), str(len(run.network.atoms)), str(run.network.slots), f"{took:.2f}"))
    table("2048 patients, more trials", ("trials", "distinct atoms", "distinct nodes", "CPU s"), rows)
    twice = Run([*run.trials, *run.trials], (), ON, load(), load_policy(), Site(), "benchmark")
    twice.screen(base)
    print(f"\nThe same {len(run.trials)} trials twice: {cpu(lambda: twice.screen(facts), 2):.2f} s")
    rows = []
    for number in (512, 2048, 8192):
        facts = many_patients(base, number)
        took = cpu(lambda facts=facts: run.screen(facts), 2)  # type: ignore[misc]
        rows.append((str(number), f"{len(facts):,}", f"{took:.2f}", f"{took / len(facts) * 1e6:.2f}"))
    table(f"{len(run.trials)} trials, more facts", ("patients", "facts", "CPU s", "µs per fact"), rows)


def start() -> float:
    """`fhirtrial --help`: CPU seconds of the child, the least of five."""
    runs = []
    for _ in range(5):
        before = os.times()
        subprocess.run([sys.executable, "-m", "fhirtrial.cli", "--help"], check=True, capture_output=True)
        after = os.times()
        runs.append(after.children_user + after.children_system - before.children_user - before.children_system)
    return min(runs)


def main() -> None:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    print(
        f"Measured {dt.date.today().isoformat()} at {commit.stdout.strip() or 'no commit'}, "  # noqa: DTZ011 - the machine's day
        f"Python {platform.python_version()}, numpy {np.__version__}, {os.cpu_count()} cores."
    )
    print(f"\n`fhirtrial --help`: {start():.2f} s CPU")
    real = real_trials(CORPUS)
    lines = bundles()
    run = run_of(TRIALS, real)
    compiling = cpu(lambda: (run.network, run.bound), 1)
    criteria = sum(len(trial.criteria) for trial in run.trials)
    print(
        f"\n{len(run.trials)} trials with {criteria:,} criteria out of {len(real)} real ones: "
        f"{len(run.network.atoms):,} distinct atoms, {run.network.slots:,} distinct nodes, "
        f"{len(run.network.layers)} layers; compiled once in {compiling:.1f} s"
    )
    one_patient(run, lines[:100])
    (base,) = read_patients(_source(), on=ON, chunk=10_000)
    cohort(run, many_patients(base, CHUNK))
    curves(real, base)


def _source() -> Path:
    return (
        sample_bundles() / "patients" if CORPUS is None else CORPUS / "data" / "patients" / "synthea_bundles.ndjson.gz"
    )


if __name__ == "__main__":
    main()
