"""A whole population on Spark: the rows and the attrition of a run on one machine, from files or a cache of facts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fhirtrial.cohort.folder import ATTRITION, Folder, attrition_json, identity
from fhirtrial.cohort.parts import parts
from fhirtrial.cohort.spark import How, match_files, match_parts
from fhirtrial.cohort.spark_files import is_remote, remove, save
from fhirtrial.cohort.spark_screen import Counts, Order
from fhirtrial.cohort.spark_session import session, until_it_gives_up
from fhirtrial.criteria.truth import Verdict
from fhirtrial.errors import Problem
from fhirtrial.job.cohort import WANTED, claimed
from fhirtrial.job.matching import match
from fhirtrial.matching.result import Trial
from fhirtrial.matching.tally import attritions
from fhirtrial.patients import stored
from fhirtrial.patients.completeness import Loaded
from fhirtrial.patients.manifest import is_cache
from fhirtrial.patients.read import no_patient, terms_of
from fhirtrial.site import Site


@dataclass
class Distributed:
    """How many patients there were, where the rows and the attrition of each trial are, and what failed."""

    patients: int
    rows: str
    attrition: str
    problems: list[Problem] = field(default_factory=list)


def match_on_spark(
    trials: Sequence[Trial],
    patients: str | Path,
    on: dt.date,
    out: str | Path,
    *,
    loaded: Loaded | None = None,
    site: Site | None = None,
    horizon: int = 0,
    wanted: frozenset[Verdict] = WANTED,
    master: str | None = None,
    partitions: int | None = None,
) -> Distributed:
    """Matches all patients of files, or of a cache of facts, in Spark's tasks; rows and attrition go to `out`.

    Paths without a scheme are those of a file system that driver and executors share; others are Hadoop's. Lines of
    single resources are joined in so many `partitions`, by default one for each 128 MiB.
    """
    stored.arrow()
    site, source, target = site or Site(), str(patients), str(out)
    run = match(trials, (), on, loaded, site, horizon)
    cached = not is_remote(source) and is_cache(Path(source))
    order = Order(run, wanted, tuple(parts(Path(source))) if cached else ())
    said = identity(run, wanted, "parquet") | {"engine": "spark"}
    with session(master) as spark, _claimed(target, said) as base, until_it_gives_up():
        remove(spark, f"{base}/{ATTRITION}")  # where it is, rows are whole
        if cached:
            counts = match_parts(spark, order, f"{base}/rows")
        else:
            how = How(terms_of(loaded, site.record_start, partial=False, on=on), partitions=partitions)
            counts = match_files(spark, order, source, f"{base}/rows", how)
        save(spark, f"{base}/{ATTRITION}", attrition_json(attritions(trials, on, counts.tally)))
    return Distributed(counts.tally.screened, f"{target}/rows", f"{target}/{ATTRITION}", _problems(source, counts))


@contextmanager
def _claimed(out: str, said: dict[str, object]) -> Iterator[str]:
    """The folder as a URI; one of this machine is kept from other runs and other people."""
    if is_remote(out):
        yield out.rstrip("/")
        return
    folder = Path(out)
    with claimed(Folder(folder, "parquet"), said):
        yield folder.absolute().as_uri()
        for path in (folder / "rows").rglob("*"):
            path.chmod(0o700 if path.is_dir() else 0o600)


def _problems(source: str, counts: Counts) -> list[Problem]:
    more = counts.told - len(counts.problems)
    if more > 0:
        return [*counts.problems, Problem(source, "", f"{more:,} problems more", "correct these first")]
    if not counts.told and not counts.tally.screened:
        return [no_patient(source)]
    return counts.problems
