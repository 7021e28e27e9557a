"""A whole population against all trials, into a folder: facts are cached, parts are matched, attrition is added up.

Killed at any moment and started again it goes on where it was; what is done stays, and nothing is there twice.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from fhirtrial.client.private_files import locked
from fhirtrial.cohort.folder import Folder, Format, identity
from fhirtrial.cohort.local import Order, Seen, counted, match_parts
from fhirtrial.cohort.parts import parts
from fhirtrial.criteria.truth import Verdict
from fhirtrial.errors import ConfigError, Problem
from fhirtrial.job.matching import match, source_files
from fhirtrial.matching.attrition import Attrition
from fhirtrial.matching.result import Trial
from fhirtrial.matching.tally import attritions
from fhirtrial.patients import stored
from fhirtrial.patients.cache import refresh
from fhirtrial.patients.completeness import Loaded
from fhirtrial.patients.manifest import is_cache
from fhirtrial.site import Site

WANTED = frozenset(Verdict) - {Verdict.INELIGIBLE}
"""The pairs that get a row if nothing else is said."""


@dataclass
class Population:
    """What a run over a population left: files in the folder `rows`, the counts of each trial, and what failed.

    Where something stopped it there is no file `attrition`; the next run goes on.
    """

    patients: int
    rows: Path
    attritions: list[Attrition] = field(default_factory=list)
    attrition: Path | None = None
    problems: list[Problem] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        return 1 if self.problems else 0


def match_population(
    trials: Sequence[Trial],
    patients: str | Path,
    on: dt.date,
    out: Path,
    *,
    loaded: Loaded | None = None,
    site: Site | None = None,
    horizon: int = 0,
    wanted: frozenset[Verdict] = WANTED,
    form: Format = "parquet",
    cache: Path | None = None,
    processes: int | None = None,
    reading: Callable[[int], None] = lambda _: None,
    seen: Seen = lambda _, __: None,
) -> Population:
    """Matches all patients of files, or of a cache of facts, on all cores, and writes rows and attrition to `out`.

    `reading` hears how many patients were read from files, `seen` how many are matched, and of how many.
    Where this is called from a script, that must guard its main part by `if __name__ == "__main__"`.
    """
    stored.arrow()
    site = site or Site()
    run = match(trials, (), on, loaded, site, horizon)
    folder = Folder(out, form)
    with claimed(folder, identity(run, wanted, form)):
        most = processes or os.cpu_count() or 1
        reader = partial(refresh, loaded=loaded, record_start=site.record_start, on=on, processes=most)
        facts = _facts(source_files(patients), cache or out / "facts", reader, reading)
        found = parts(facts)
        folder.sweep(found)
        order = Order(run, wanted, folder)
        failed, full = match_parts(order, found, processes, seen)
        tally, problems = counted(order, found)
        end = Population(tally.screened, out / "rows", problems=[*problems, *failed])
        if not full:
            end.attritions = attritions(trials, on, tally)
            end.attrition = folder.conclude(end.attritions)
        return end


@contextmanager
def claimed(folder: Folder, said: dict[str, object]) -> Iterator[None]:
    """The folder for this run alone, closed to other people; ConfigError where it is another's or cannot be written."""
    try:
        folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(folder.path / "run.lock", wait=False):
            folder.claim(said)
            yield
    except OSError as error:
        got = f"cannot be written ({error.strerror or type(error).__name__})"
        raise ConfigError(str(error.filename or folder.path), got, "make room, or name another folder") from error


def _facts(source: Path, cache: Path, reader: Callable[..., None], reading: Callable[[int], None]) -> Path:
    """The cache with the facts of this source; a source that is a cache stands as it is."""
    if source.is_dir() and is_cache(source):
        return source
    read = 0

    def counted_in(more: int) -> None:
        nonlocal read
        read += more
        reading(read)

    reader(source, cache, seen=counted_in)
    return cache
