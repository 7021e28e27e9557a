"""`match` into a folder: a whole population. It holds no clinical logic."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fhirtrial.cli.options import RowFormat, finish
from fhirtrial.errors import ConfigError, Problem

if TYPE_CHECKING:
    from fhirtrial.criteria.truth import Verdict
    from fhirtrial.matching.result import Trial
    from fhirtrial.patients.completeness import Loaded
    from fhirtrial.site import Site

FILES = {".ndjson", ".jsonl", ".json", ".parquet"}
"""Endings of an output that is one file."""
MOST = 100
"""Problems that are printed one by one."""


class Target(NamedTuple):
    """Where the rows go, and which."""

    out: Path
    wanted: frozenset[Verdict] | None
    rows: RowFormat | None
    cache: Path | None
    processes: int | None


def is_folder(output: Path) -> bool:
    """A path that is one, or does not exist and has no ending of a file."""
    return output.is_dir() if output.exists() else output.suffix not in FILES


def finish_population(
    trials: Sequence[Trial],
    patients: str,
    on: dt.date,
    loaded: Loaded | None,
    site: Site,
    horizon: int,
    target: Target,
    problems: list[Problem],
) -> None:
    from fhirtrial import console
    from fhirtrial.job.cohort import WANTED, match_population

    with console.rate() as show:
        done = match_population(
            trials,
            patients,
            on,
            target.out,
            loaded=loaded,
            site=site,
            horizon=horizon,
            wanted=WANTED if target.wanted is None else target.wanted,
            form="parquet" if target.rows is None else target.rows.value,
            cache=target.cache,
            processes=target.processes,
            reading=lambda read: show("reading", read, None),
            seen=lambda matched, of: show("matching", matched, of),
        )
    console.out.print(f"{done.patients:,} patients × {len(trials):,} trials: rows in {done.rows}/", soft_wrap=True)
    if done.attrition is not None:
        console.out.print(f"attrition of each trial in {done.attrition}", soft_wrap=True)
    finish([*problems, *done.problems], most=MOST)


def finish_on_spark(
    trials: Sequence[Trial],
    patients: str,
    on: dt.date,
    loaded: Loaded | None,
    site: Site,
    horizon: int,
    out: str | None,
    wanted: frozenset[Verdict] | None,
    master: str | None,
    others: Mapping[str, object],
    problems: list[Problem],
) -> None:
    """`others` are options that Spark has no use for: whoever gives one expects something else."""
    from fhirtrial import console
    from fhirtrial.job.cohort import WANTED
    from fhirtrial.job.spark import match_on_spark

    for name in (name for name, value in others.items() if value is not None):
        raise ConfigError(name, "no option for --engine spark", "leave it away; docs/spark.md says what Spark does")
    if out is None or patients == "-":
        raise ConfigError(
            "--engine spark", "a stream", "name patients in files or a cache of facts, and a folder with -o"
        )
    done = match_on_spark(
        trials,
        patients,
        on,
        out,
        loaded=loaded,
        site=site,
        horizon=horizon,
        wanted=WANTED if wanted is None else wanted,
        master=master,
    )
    console.out.print(f"{done.patients:,} patients × {len(trials):,} trials: rows in {done.rows}/", soft_wrap=True)
    console.out.print(f"attrition of each trial in {done.attrition}", soft_wrap=True)
    finish([*problems, *done.problems], most=MOST)
