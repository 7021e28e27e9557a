"""The same matching on Spark: lines are shuffled to their patients, parts are matched where they are, rows stay there.

Spark moves and keeps bytes; what they mean is decided by the functions that also run on one machine (`spark_lines`,
`spark_patients`, `spark_screen`). What a task gives is the same however often it is tried.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING

import msgspec

from fhirtrial.cohort.spark_files import lines_of
from fhirtrial.cohort.spark_lines import SCHEMA, Note, Role
from fhirtrial.cohort.spark_patients import Everybody, joined, moved
from fhirtrial.cohort.spark_screen import ROWS, Counts, Order, added, screened, total
from fhirtrial.cohort.spark_screen import SCHEMA as SCREENED
from fhirtrial.cohort.spark_session import Sent, records, task
from fhirtrial.errors import Problem
from fhirtrial.matching.tally import Tally
from fhirtrial.patients.document import Limits
from fhirtrial.patients.person import Terms
from fhirtrial.patients.references import SHARED
from fhirtrial.patients.sources import Piece

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

_LINES = 1000
"""Lines of JSON that a task gets at once."""
_PART = 1
"""Parts that a task gets at once: each is some MB."""
_PARTITION, _MANY, _LARGEST = 128 * 2**20, 4000, 4 * 2**30
"""A task joins so many bytes of lines if nothing else is said; where that makes too many tasks more, up to a limit."""
_TWICE = "array<struct<number:int,before:string,here:string>>"
"""Of a part: patients who were read before, by their numbers, there and here."""
_AT_DRIVER = 64
"""Counts of so many tasks are added up on the driver; of more, by tasks first."""


@dataclass(frozen=True)
class How:
    """How patients are read: what the caller says of them, limits, patients per part, and tasks that join lines."""

    terms: Terms
    limits: Limits = Limits()  # noqa: RUF009 - frozen
    chunk: int = 1024
    partitions: int | None = None


def match_files(spark: SparkSession, order: Order, source: str, out: str, how: How) -> Counts:
    """Patients in files, any order of lines and files, against the order's trials; rows to the folder `out`."""
    with ExitStack() as ending:
        parts, problems = _Reading(spark, how, ending).parts(source)
        counts = _matched(spark, order, parts, out)
        counts.note(problems)
        return counts


def match_parts(spark: SparkSession, order: Order, out: str) -> Counts:
    """The parts of a cache of facts, one in each task; rows to the folder `out`."""
    from pyspark.sql import functions as F  # noqa: N812 - as everybody names it

    tasks = max(1, len(order.parts))
    numbers = spark.range(0, len(order.parts), 1, tasks).select(F.col("id").cast("int").alias("number"))
    parts = numbers.withColumn("data", F.lit(None).cast("binary")).withColumn("twice", F.lit(None).cast(_TWICE))
    return _matched(spark, order, parts, out)


def _matched(spark: SparkSession, order: Order, parts: DataFrame, out: str) -> Counts:
    from pyspark import StorageLevel

    fresh = replace(order, run=replace(order.run, chunks=(), failures=[]))
    whole = Counts(Tally.nothing(order.shape))
    with records(spark, _PART):
        found = parts.mapInArrow(task(screened, Sent(spark, fresh)), SCREENED).persist(StorageLevel.DISK_ONLY)
        try:
            names = [f"`{name}`" for name in (field.split()[0] for field in ROWS.split(", "))]
            found.where("counts is null").select(names).write.mode("overwrite").parquet(out)
            counts = found.where("counts is not null").select("counts")
            for _ in range(2 if found.rdd.getNumPartitions() > _AT_DRIVER else 1):
                counts = counts.mapInArrow(added, "counts binary").coalesce(_AT_DRIVER)
            for row in counts.toLocalIterator():
                total(whole, bytes(row["counts"]))
        finally:
            found.unpersist()
    return whole


class _Reading:
    """Files → parts; what is kept on the way ends with `ending`."""

    def __init__(self, spark: SparkSession, how: How, ending: ExitStack) -> None:
        from pyspark.sql import functions

        self._spark = spark
        self._how = how
        self._ending = ending
        self._f = functions

    def parts(self, source: str) -> tuple[DataFrame, list[Problem]]:
        """Rows with the `data` of a part each, and who of it was read before (`twice`)."""
        how = self._how
        with records(self._spark, _PART):
            rows, names, problems = lines_of(self._spark, source, how.terms, how.limits, how.chunk)
            rows = self._kept(rows)
            note = _note(_of(rows, Role.NOTE))
        if problems:
            note.lose(None)
        found = [rows]
        if note.size:
            lines = self._by_name(rows, note)
            lines, dropped = self._without_moved(lines, names, note)
            found += dropped
            if note.deletions:
                gone = _of(rows, Role.DELETED).where("resource != ''").select("resource").distinct()
                lines = lines.join(gone, "resource", "left_anti")
            everybody = self._everybody(rows, names, note)
            given = Sent(self._spark, (everybody, how.terms, how.chunk))
            everybody.references  # noqa: B018 - what cannot be read of them is told here, once
            problems += everybody.problems
            tasks = how.partitions or partitions_of(note.size, self._spark.sparkContext.defaultParallelism)
            with records(self._spark, _LINES):
                ordered = lines.repartition(tasks, "owner").sortWithinPartitions("owner", "file", "line")
                found.append(self._kept(ordered.mapInArrow(task(_joined, given), SCHEMA)))
        whole = found[0]
        for more in found[1:]:
            whole = whole.union(more)
        parts = _of(whole, Role.PART).select("part", "number", "data")
        twice = self._twice(whole)
        if twice.isEmpty():
            return parts.withColumn("twice", self._f.lit(None).cast(_TWICE)), problems
        return parts.join(twice, "part", "left"), problems

    def _kept(self, frame: DataFrame) -> DataFrame:
        from pyspark import StorageLevel

        kept = frame.persist(StorageLevel.DISK_ONLY)
        self._ending.callback(kept.unpersist)
        return kept

    def _by_name(self, rows: DataFrame, note: Note) -> DataFrame:
        """Lines, those of a subject by identifier under the first Patient that has it."""
        f = self._f
        columns = ["owner", "resource", "file", "line", "data"]
        lines = _of(rows, Role.LINE).select(columns)
        if not note.by_identifier:
            return lines
        meant = f.min(f.struct("file", "line", f.col("owner").alias("name"))).alias("first")
        known = _of(rows, Role.ALIAS).groupBy("resource").agg(meant)
        names = known.select(f.col("resource").alias("owner"), "first.name")
        named = lines.where(f.instr("owner", "|") > 0).join(names, "owner", "left")
        return lines.where(f.instr("owner", "|") == 0).union(
            named.select(f.coalesce("name", "owner").alias("owner"), *columns[1:])
        )

    def _without_moved(self, lines: DataFrame, names: tuple[str, ...], note: Note) -> tuple[DataFrame, list[DataFrame]]:
        """Lines without those of resources that a newer version gives to another patient, and what was said of them."""
        f = self._f
        key, who = f.xxhash64("resource").alias("key"), f.xxhash64("owner").alias("who")
        owners = lines.where("resource != ''").select(key, who).groupBy("key").agg(f.min("who"), f.max("who"))
        several = owners.toDF("key", "one", "other").where("one != other").select("key")
        if several.isEmpty():
            return lines, []
        again = lines.join(several, f.xxhash64("resource") == several["key"], "left_semi")
        ordered = again.repartition("resource").sortWithinPartitions("resource", "file", "line")
        with records(self._spark, _LINES):
            found = self._kept(ordered.mapInArrow(task(_moved, Sent(self._spark, (names, self._how.limits))), SCHEMA))
            note.join(_note(_of(found, Role.NOTE)))
        dropped = _of(found, Role.DROPPED).select("file", "line")
        return lines.join(dropped, ["file", "line"], "left_anti"), [found]

    def _everybody(self, rows: DataFrame, names: tuple[str, ...], note: Note) -> Everybody:
        shared = sorted(
            (row["file"], row["line"], bytes(row["data"]))
            for row in _of(rows, Role.SHARED).select("file", "line", "data").toLocalIterator()
        )
        kinds = [f"{kind.__name__}/" for kind in SHARED]
        gone = _of(rows, Role.DELETED).where(
            self._f.array_contains(
                self._f.array(*map(self._f.lit, kinds)),
                self._f.concat(self._f.substring_index("resource", "/", 1), self._f.lit("/")),
            )
        )
        deleted = frozenset(row["resource"] for row in gone.select("resource").toLocalIterator())
        lines = tuple((Piece(names[file], line, b"").where, data) for file, line, data in shared)
        return Everybody(names, note, lines, deleted, self._how.limits)

    def _twice(self, rows: DataFrame) -> DataFrame:
        """For each part its patients who stand in another place before."""
        f = self._f
        here = f.col("resource").alias("here")
        people = _of(rows, Role.PATIENT).select("owner", here, "file", "line", "part", "number")
        first = f.min(f.struct("file", "line", "here"))["here"].alias("before")
        several = people.groupBy("owner").agg(first, f.min("here").alias("one"), f.max("here").alias("other"))
        met = people.join(several.where("one != other").select("owner", "before"), "owner").where("here != before")
        return met.groupBy("part").agg(f.collect_list(f.struct("number", "before", "here")).alias("twice"))


def partitions_of(size: int, cores: int) -> int:
    """How many tasks join so many bytes of lines; a shuffle has a block for each of them and each task that writes."""
    return max(cores, min(ceil(size / _PARTITION), _MANY), ceil(size / _LARGEST))


def _joined(batches: Iterator[pa.RecordBatch], given: tuple[Everybody, Terms, int]) -> Iterator[pa.RecordBatch]:
    return joined(batches, *given)


def _moved(batches: Iterator[pa.RecordBatch], given: tuple[tuple[str, ...], Limits]) -> Iterator[pa.RecordBatch]:
    return moved(batches, *given)


def _of(rows: DataFrame, role: Role) -> DataFrame:
    return rows.where(f"role = {int(role)}")


def _note(rows: DataFrame) -> Note:
    whole = Note()
    for row in rows.select("data").toLocalIterator():
        whole.join(msgspec.msgpack.decode(bytes(row["data"]), type=Note))
    return whole
