"""The folder of a cohort run: what the run is, and the rows and counts of each part, each file whole or not there.

A part is done when both its files are there. Everything in the folder belongs to one run, said in `run.json`.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np
import orjson

from fhirtrial.cohort import rows
from fhirtrial.cohort.parts import Part
from fhirtrial.criteria.document import criteria_hash
from fhirtrial.criteria.truth import Verdict
from fhirtrial.errors import ConfigError, Problem
from fhirtrial.matching.attrition import Attrition
from fhirtrial.matching.match import Run
from fhirtrial.matching.result import Trial
from fhirtrial.matching.tally import Shape, Tally
from fhirtrial.patients import stored

if TYPE_CHECKING:
    import pyarrow as pa

Format = Literal["parquet", "ndjson"]
RUN = "run.json"
ATTRITION = "attrition.json"
_BATCH = 8192
"""Rows that are objects at one time when they are written as lines."""


class Counts(msgspec.Struct, array_like=True):
    """What a part adds to the whole: its tally, its arrays packed, and what could not be read."""

    screened: int
    aside: dict[str, int]
    enrolled: list[tuple[int, str, int]]
    arrays: bytes
    problems: tuple[Problem, ...]


_COUNTS = msgspec.msgpack.Decoder(Counts)


@dataclass(frozen=True)
class Folder:
    path: Path
    format: Format

    def rows(self, part: Part) -> Path:
        return self.path / "rows" / f"{part.name}.{self.format}"

    def counts(self, part: Part) -> Path:
        return self.path / "attrition" / f"{part.name}.counts"

    def has(self, part: Part) -> bool:
        return self.rows(part).is_file() and self.counts(part).is_file()

    def claim(self, identity: dict[str, object]) -> None:
        """Makes it this run's; ConfigError where it is another's."""
        said = self.path / RUN
        try:
            before = orjson.loads(said.read_bytes()) if said.exists() else None
        except (OSError, orjson.JSONDecodeError) as error:
            raise ConfigError(str(said), "cannot be read", "name another folder, or remove it") from error
        if before is not None and before != identity:
            names = sorted({*before, *identity} if isinstance(before, dict) else identity)
            differs = [n for n in names if not isinstance(before, dict) or before.get(n) != identity.get(n)]
            got = f"the folder of another run; different: {', '.join(differs)}"
            raise ConfigError(str(self.path), got, "name another folder, or remove this one")
        for folder in (self.path, self.path / "rows", self.path / "attrition"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if before is None:
            text = orjson.dumps(identity, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)
            stored.replace(said, lambda file: file.write(text))

    def sweep(self, parts: Iterable[Part]) -> None:
        """Removes what is no part of the population any more, and what a killed writer left."""
        kept = set(chain.from_iterable((self.rows(part), self.counts(part)) for part in parts))
        for folder in (self.path / "rows", self.path / "attrition"):
            for path in folder.iterdir():
                if path not in kept:
                    path.unlink()
        (self.path / ATTRITION).unlink(missing_ok=True)

    def write(self, part: Part, batch: pa.RecordBatch, tally: Tally, problems: Sequence[Problem]) -> None:
        stored.replace(self.counts(part), lambda file: file.write(_packed(tally, problems)))
        path = self.rows(part)
        if self.format == "parquet":
            import pyarrow as pa
            import pyarrow.parquet as pq

            table = pa.Table.from_batches([batch])
            stored.replace(path, lambda file: pq.write_table(table, file, compression="zstd"))
        else:
            slices = (batch.slice(start, _BATCH) for start in range(0, batch.num_rows, _BATCH))
            text = (orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for one in slices for line in rows.lines(one))
            stored.replace(path, lambda file: file.writelines(text))

    def read(self, part: Part, shape: Shape) -> tuple[Tally, tuple[Problem, ...]]:
        """What a finished part counted."""
        counts = _COUNTS.decode(self.counts(part).read_bytes())
        tally = Tally.nothing(shape)
        flat = np.frombuffer(zlib.decompress(counts.arrays), np.uint32).astype(np.int64)
        first, second = tally.verdicts.size, tally.verdicts.size + tally.remained.size
        tally.verdicts[:] = flat[:first].reshape(tally.verdicts.shape)
        tally.remained[:] = flat[first:second]
        tally.truths[:] = flat[second:].reshape(tally.truths.shape)
        tally.screened = counts.screened
        tally.aside.update(counts.aside)
        tally.enrolled.update({(trial, reason): times for trial, reason, times in counts.enrolled})
        return tally, counts.problems

    def conclude(self, found: Sequence[Attrition]) -> Path:
        """Writes `attrition.json`: what `attrition` and MeasureReports are made of."""
        path = self.path / ATTRITION
        stored.replace(path, lambda file: file.write(attrition_json(found)))
        return path


def attrition_json(found: Sequence[Attrition]) -> bytes:
    return orjson.dumps([one.model_dump(mode="json") for one in found], option=orjson.OPT_APPEND_NEWLINE)


def identity(run: Run, wanted: frozenset[Verdict], form: Format) -> dict[str, object]:
    """Everything the rows of a part depend on beside its facts: two runs that agree in it may share a folder."""
    return {
        "software": run.engine,
        "rows": rows.VERSION,
        "facts": stored.schema(),
        "trials": sha256(repr([_trial(trial) for trial in run.trials]).encode()).hexdigest(),
        "terminology": run.terminology.hash,
        "policy": run.policy.hash,
        "uln": sha256(repr(sorted(run.site.uln.items())).encode()).hexdigest(),
        "on": run.on.isoformat(),
        "horizon": run.horizon,
        "verdicts": [verdict.label for verdict in sorted(wanted)],
        "format": form,
    }


def _trial(trial: Trial) -> tuple[object, ...]:
    tree = trial.tree_hash or criteria_hash(trial.criteria)
    return trial.id, trial.title, trial.questionnaire, trial.identifiers, tree


def _packed(tally: Tally, problems: Sequence[Problem]) -> bytes:
    flat = np.concatenate([tally.verdicts.ravel(), tally.remained, tally.truths.ravel()]).astype(np.uint32)
    enrolled = [(trial, reason, times) for (trial, reason), times in sorted(tally.enrolled.items())]
    aside = dict(sorted(tally.aside.items()))
    counts = Counts(tally.screened, aside, enrolled, zlib.compress(flat.tobytes(), 1), tuple(problems))
    return msgspec.msgpack.encode(counts)
