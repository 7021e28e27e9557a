"""A run over a small population, and what its folder holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from fhirtrial.criteria.truth import Verdict
from fhirtrial.job.cohort import Population, match_population
from fhirtrial.samples import DEMO_DATE

ALL = frozenset(Verdict)
CHUNK = 3
PATIENTS = 14


def run(trials: Any, patients: Path, out: Path, **more: Any) -> Population:
    terms: dict[str, Any] = {"processes": 1, "wanted": ALL} | more
    return match_population(trials, patients, DEMO_DATE, out, **terms)


def content(out: Path) -> dict[str, bytes]:
    """All files of a run but the lock and the facts."""
    files = [path for path in out.rglob("*") if path.is_file() and "facts" not in path.parts]
    return {str(path.relative_to(out)): path.read_bytes() for path in files if path.name != "run.lock"}


def pairs(out: Path) -> list[tuple[Any, ...]]:
    """The rows of all parts, whatever their format."""
    import pyarrow.parquet as pq

    found: list[tuple[Any, ...]] = []
    for path in (out / "rows").iterdir():
        if path.suffix == ".parquet":
            some = pq.read_table(path).to_pylist()
            found += [(r["patient"], r["trial"], r["on"].isoformat(), r["verdict"], *r["set_aside"]) for r in some]
        else:
            some = [orjson.loads(line) for line in path.read_bytes().splitlines()]
            found += [(r["patient"], r["trial"], r["on"], r["verdict"], *r.get("set_aside", ())) for r in some]
    return sorted(found)
