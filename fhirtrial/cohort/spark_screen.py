"""Parts of a population → rows and counts, in a Spark task: the same functions as in a local process.

What a process needs of the run it unpacks and compiles once, and keeps for all its tasks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from fhirtrial.cohort.parts import Part, facts_of
from fhirtrial.cohort.rows import rows, schema
from fhirtrial.cohort.spark_lines import MOST_PROBLEMS
from fhirtrial.cohort.spark_parts import again, parcel, unparcel
from fhirtrial.criteria.truth import Verdict
from fhirtrial.errors import ConfigError, Problem
from fhirtrial.matching.match import Run
from fhirtrial.matching.tally import Shape, Tally, tally
from fhirtrial.patients.facts import Facts

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = (
    "patient string, trial string, on date, verdict string, set_aside array<string>, "
    "next_change date, unchanged_until date"
)
SCHEMA = f"{ROWS}, counts binary"
"""A part's rows, and one more that has nothing but its `counts`."""
_BATCH = 2**16


@dataclass(frozen=True)
class Order:
    """What every process has to know; `parts` are those of a cache, by their numbers."""

    run: Run
    wanted: frozenset[Verdict]
    parts: tuple[Part, ...] = ()

    @cached_property
    def shape(self) -> Shape:
        return Shape.of(self.run.trials)


class Counts:
    """Counts of some parts, and what could not be read in them: the first problems in order, and how many there are."""

    def __init__(self, counts: Tally) -> None:
        self.tally = counts
        self.problems: list[Problem] = []
        self.told = 0

    def note(self, problems: Iterable[Problem], told: int | None = None) -> None:
        """Which of too many are kept does not depend on which come first."""
        found = list(problems)
        self.told += len(found) if told is None else told
        self.problems = sorted([*self.problems, *found], key=str)[:MOST_PROBLEMS]

    def add(self, other: Counts) -> None:
        self.tally.add(other.tally)
        self.note(other.problems, other.told)


def screened(batches: Iterable[pa.RecordBatch], order: Order) -> Iterator[pa.RecordBatch]:
    """The rows and counts of parts: of a cache's by their numbers, of others by their facts."""
    for batch in batches:
        for row in batch.to_pylist():
            counts = Counts(Tally.nothing(order.shape))
            try:
                facts = _facts(row, order)
            except ConfigError as error:
                counts.note([Problem(error.where, "", error.got, error.todo)])
            else:
                counts.note(order.run.problems(facts))
                if facts.patients:
                    found = order.run.screen(facts, whole=True)
                    counts.tally = tally(order.shape, found, order.run.asides(facts))
                    yield from _plain(rows(order.run, facts, order.wanted, found))
            yield _counted(counts)


def added(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Counts added up."""
    whole: Counts | None = None
    for batch in batches:
        for data in batch["counts"].to_pylist():
            whole = total(whole, data)
    if whole is not None:
        yield _counted(whole).select(["counts"])


def total(whole: Counts | None, data: bytes) -> Counts:
    one = unparcel(data)
    assert isinstance(one, Counts)  # noqa: S101 - nothing else is packed there
    if whole is None:
        return one
    whole.add(one)
    return whole


def _facts(row: dict[str, Any], order: Order) -> Facts:
    if row["data"] is None:
        return facts_of(order.parts[row["number"]])
    facts = unparcel(row["data"])
    assert isinstance(facts, Facts)  # noqa: S101 - nothing else is packed there
    return again(facts, {one["number"]: (one["before"], one["here"]) for one in row["twice"] or ()})


def _plain(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Spark takes no dictionaries, and batches of a size that it can hold."""
    import pyarrow as pa

    for start in range(0, batch.num_rows, _BATCH):
        some = batch.slice(start, _BATCH)
        columns = [one.dictionary_decode() if pa.types.is_dictionary(one.type) else one for one in some.columns]
        columns.append(pa.nulls(some.num_rows, pa.binary()))
        yield pa.RecordBatch.from_arrays(columns, names=[*some.schema.names, "counts"])


def _counted(counts: Counts) -> pa.RecordBatch:
    import pyarrow as pa

    kinds = [one.type.value_type if pa.types.is_dictionary(one.type) else one.type for one in schema()]
    columns = [*(pa.nulls(1, kind) for kind in kinds), pa.array([parcel(counts)], pa.binary())]
    return pa.RecordBatch.from_arrays(columns, names=[*schema().names, "counts"])
