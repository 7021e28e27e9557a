"""Large files of lines → stretches that tasks read by themselves, each with how many lines stand before it.

Where a stretch begins, and how many lines it has, is found out in tasks too: no line goes through the driver.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from io import RawIOBase
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from fhirtrial.cohort.spark_session import Sent, task
from fhirtrial.patients.sources import Span

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import SparkSession

_BLOCK = 2**20


class Cut(NamedTuple):
    """The lines of a file that begin in these bytes; `end` -1 for the file's own."""

    file: int
    name: str
    start: int
    end: int


Measured: TypeAlias = tuple[int, int, int]
"""File, byte where the first of a cut's lines begins, and how many lines it has."""


def cuts(files: Mapping[int, tuple[str, int]], step: int) -> list[Cut]:
    """Stretches of so many bytes; `files` are names and sizes by number."""
    found = []
    for number, (name, size) in files.items():
        starts = range(0, size - step // 2, step)  # a short rest goes with the last
        found += [Cut(number, name, at, at + step if at != starts[-1] else -1) for at in starts]
    return found


def spans(spark: SparkSession, files: Mapping[int, tuple[str, int]], step: int) -> dict[int, list[Span]]:
    """What is to be read of each file, in its order."""
    wanted = cuts(files, step)
    if not wanted:
        return {}
    numbers = spark.range(0, len(wanted), 1, len(wanted))
    found = numbers.mapInArrow(task(_all_measured, Sent(spark, wanted)), "file int, start bigint, lines bigint")
    return spanned((row["file"], row["start"], row["lines"]) for row in found.toLocalIterator())


def spanned(measured: Iterable[Measured]) -> dict[int, list[Span]]:
    """Stretches one after the other; a cut inside a line that began before has none of its own."""
    found = {}
    for file, cuts_of_it in groupby(sorted(measured), itemgetter(0)):
        starts, line = dict[int, int](), 0
        for _, start, lines in cuts_of_it:
            starts.setdefault(start, line)
            line += lines
        ends = [*starts, -1][1:]
        found[file] = [Span(start, line, end) for (start, line), end in zip(starts.items(), ends, strict=True)]
    return found


def measured(cut: Cut) -> Measured:
    with Path(cut.name).open("rb", buffering=0) as file:
        start = _line_after(file, cut.start)
        left = (_line_after(file, cut.end) if cut.end >= 0 else file.seek(0, os.SEEK_END)) - start
        file.seek(start)
        lines = 0
        while left > 0 and (block := file.read(min(_BLOCK, left))):
            lines += block.count(b"\n")
            left -= len(block)
    return cut.file, start, lines


def _line_after(file: RawIOBase, at: int) -> int:
    """Where the first line begins that does not begin before this byte."""
    if at == 0:
        return 0
    file.seek(at := at - 1)
    while block := file.read(_BLOCK):
        if found := block.find(b"\n") + 1:
            return at + found
        at += len(block)
    return at


def _all_measured(batches: Iterator[pa.RecordBatch], wanted: list[Cut]) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    for batch in batches:
        found = [measured(wanted[number]) for number in batch["id"].to_pylist()]
        kinds = {"file": pa.int32(), "start": pa.int64(), "lines": pa.int64()}
        columns = zip(kinds.items(), zip(*found, strict=True), strict=True)
        yield pa.RecordBatch.from_pydict({name: pa.array(column, kind) for (name, kind), column in columns})
