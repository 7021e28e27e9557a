"""The figures of docs/proof.md, measured on this machine and printed as its table: `python benchmarks/figures.py`."""

from __future__ import annotations

import contextlib
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import fhirtrial
from fhirtrial.criteria.check import share
from fhirtrial.samples import DEMO_DATE, sample_bundles

ROOT = Path(__file__).parent.parent
CORPUS = os.environ.get("FHIRTRIAL_CORPUS")
ROWS: list[tuple[str, str]] = []


@contextlib.contextmanager
def timed(what: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    ROWS.append((what, f"{time.perf_counter() - start:.2f} s"))


def command_start() -> None:
    program = Path(sys.executable).with_name("fhirtrial")
    command = [str(program)] if program.exists() else [sys.executable, "-m", "fhirtrial.cli"]
    runs = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run([*command, "--help"], check=True, capture_output=True)
        runs.append(time.perf_counter() - start)
    ROWS.append(("`fhirtrial --help`, median of 5", f"{sorted(runs)[2]:.2f} s"))


def samples() -> tuple[fhirtrial.types.Trial, ...]:
    folder = sample_bundles()
    with timed("five records read and mapped, trials read back"):
        trials = fhirtrial.load_trials(folder / "trials")
    patients = folder / "patients"
    run = fhirtrial.match(trials, patients, on=DEMO_DATE)
    with timed("sample patients against five trials, with evidence"):
        matches = list(run)
    ROWS.append(("sample patients", str(len({m.patient.reference for m in matches}))))
    ROWS.append(("their verdicts", said(Counter(m.verdict.label for m in matches))))
    with timed("their results as FHIR"):
        bundles = list(fhirtrial.report(matches))
    ROWS.append(("resources in them", str(sum(len(b["entry"]) for b in bundles))))
    return trials


def corpus(folder: Path, trials: tuple[fhirtrial.types.Trial, ...], on: date) -> None:
    with timed("five registry pages read"):
        pages = fhirtrial.read_trials(folder / "seeds")
    ROWS.append(("criteria per page", ", ".join(str(criteria(r)) for r in pages.records)))
    with timed("API v2 records read"):
        records = fhirtrial.read_trials(folder / "data" / "trials" / "ctgov_v2")
    ROWS.append(("such records, failures", f"{len(records.records)}, {len(records.failures)}"))
    items = [c for r in records.records for c in r.criteria if c.id.startswith(("inc-", "exc-"))]
    shares = Counter[str](share(item.tree) for item in items)
    ROWS.append(("their criteria", f"{said(shares)}: {shares['exact'] / shares.total():.1%} exact"))
    with timed("such records mapped, trials read back"):
        studies = fhirtrial.load_trials(records.records)
    run = fhirtrial.match(studies, folder / "data" / "patients" / "synthea_bundles.ndjson.gz", on=on)
    with timed("200 synthetic patients against these trials, with evidence"):
        verdicts = Counter(m.verdict.label for m in run)
    ROWS.append(("their verdicts", said(verdicts)))
    run = fhirtrial.match(trials, folder / "data" / "patients" / "synthea_bundles.ndjson.gz", on=on)
    with timed("200 synthetic patients against five trials, with evidence"):
        matches = list(run)
    unknown = [r for m in matches for r in m.criteria if r.truth.label == "unknown"]
    ROWS.append(("pairs, criteria judged", f"{len(matches)}, {sum(len(m.criteria) for m in matches)}"))
    ROWS.append(("unknown criteria, without a reason", f"{len(unknown)}, {sum(not r.reasons for r in unknown)}"))
    ROWS.append(("their verdicts", said(Counter(m.verdict.label for m in matches))))
    ROWS.append(("patients' data that could not be used", f"{len(run.failures)} problems"))


def criteria(record: fhirtrial.types.TrialRecord) -> int:
    return sum(c.kind != "defect" and c.id not in {"age", "sex"} for c in record.criteria)


def said(counts: Counter[str]) -> str:
    return ", ".join(f"{number} {label}" for label, number in sorted(counts.items()))


def commit() -> str:
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or "no commit"


def main() -> None:
    command_start()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        trials = samples()
        if CORPUS is not None:
            corpus(Path(CORPUS), trials, DEMO_DATE)
    ROWS.append(("most memory", f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB"))
    python = f"Python {platform.python_version()}, {os.cpu_count()} cores"
    print(f"Measured {date.today().isoformat()} at {commit()}, {python}.\n")  # noqa: DTZ011 - the machine's own day
    print("| what | figure |\n|---|---|")
    for row in ROWS:
        print(f"| {row[0]} | {row[1]} |")


if __name__ == "__main__":
    main()
