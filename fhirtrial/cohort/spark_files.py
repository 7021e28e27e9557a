"""Files as Spark tasks: those of a file system that every machine sees are opened there, others come through Hadoop.

Small files are read together, large ones of plain lines by several tasks; one that is compressed, by one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from fhirtrial.cohort.spark_cuts import spans
from fhirtrial.cohort.spark_lines import SCHEMA, scanned
from fhirtrial.cohort.spark_session import Sent, task
from fhirtrial.errors import PatientError, Problem
from fhirtrial.patients.document import Limits
from fhirtrial.patients.person import Terms
from fhirtrial.patients.sources import SUFFIXES, WHOLE, Piece, Span, files_in, in_lines, pieces, pieces_of_file
from fhirtrial.patients.stored import replace

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

_TOGETHER, _MOST = 64 * 2**20, 10_000
"""Bytes of neighbouring files that one task reads; more of them where there would be too many tasks."""
_LARGEST = 2**31 - 2**20
"""What Spark can hold of one file that comes through Hadoop."""


@dataclass(frozen=True)
class Reading:
    """What a task needs to read files; `groups` are those that are read together, by their numbers."""

    names: tuple[str, ...]
    groups: tuple[tuple[tuple[int, Span], ...], ...]
    terms: Terms
    limits: Limits
    chunk: int

    @cached_property
    def numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.names)}


def is_remote(source: str) -> bool:
    """Whether a path names its file system (hdfs://, s3a://, abfss://, file://)."""
    return "://" in source


def lines_of(
    spark: SparkSession, source: str, terms: Terms, limits: Limits, chunk: int
) -> tuple[DataFrame, tuple[str, ...], list[Problem]]:
    """The rows of all files in the order of their names, those names, and what cannot be read at all."""
    if is_remote(source):
        return _through_hadoop(spark, source, terms, limits, chunk)
    files = files_in(Path(source))
    sizes = [file.stat().st_size for file in files]
    enough = max(_TOGETHER, sum(sizes) // _MOST)
    large = {n: (str(files[n]), size) for n, size in enumerate(sizes) if size > enough and in_lines(files[n])}
    cut = spans(spark, large, enough)
    groups, waiting, size = list[tuple[tuple[int, Span], ...]](), list[tuple[int, Span]](), 0
    for number, more in enumerate(sizes):
        for span in cut.get(number, [WHOLE]):
            waiting.append((number, span))
            size += more
            if size >= enough:
                groups.append(tuple(waiting))
                waiting, size = [], 0
    groups += [tuple(waiting)] if waiting else []
    names = tuple(map(str, files))
    sent = Sent(spark, Reading(names, tuple(groups), terms, limits, chunk))
    numbers = spark.range(0, len(groups), 1, len(groups))
    return numbers.mapInArrow(task(_opened, sent), SCHEMA), names, []


def _opened(batches: Iterator[pa.RecordBatch], reading: Reading) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for number in batch["id"].to_pylist():
            each = (
                (file, piece)
                for file, span in reading.groups[number]
                for piece in pieces_of_file(Path(reading.names[file]), reading.limits, span)
            )
            yield from scanned(str(number), each, reading.terms, reading.limits, reading.chunk)


def _through_hadoop(
    spark: SparkSession, source: str, terms: Terms, limits: Limits, chunk: int
) -> tuple[DataFrame, tuple[str, ...], list[Problem]]:
    from pyspark.errors import AnalysisException
    from pyspark.sql import functions as F  # noqa: N812 - as everybody names it

    reader = spark.read.format("binaryFile").option("recursiveFileLookup", "true")
    try:
        found = reader.load(source)
        sizes = {row["path"]: row["length"] for row in found.select("path", "length").toLocalIterator()}
    except AnalysisException as error:
        raise PatientError(source, "no such file or folder", "name a file or folder that Spark can read") from error
    names = tuple(sorted(name for name in sizes if _plain(name).endswith(SUFFIXES)))
    if not names:
        todo = f"put files there that end in {', '.join(SUFFIXES)} (or .gz)"
        raise PatientError(source, "no FHIR JSON", todo)
    got = f"more than {_LARGEST:,} bytes in one file"
    problems = [Problem(name, "", got, "split it; it is left out") for name in names if sizes[name] > _LARGEST]
    sent = Sent(spark, Reading(names, (), terms, limits, chunk))
    readable = found.where(F.col("length") <= _LARGEST).select("path", "content")
    return readable.mapInArrow(task(_given, sent), SCHEMA), names, problems


def _given(batches: Iterator[pa.RecordBatch], reading: Reading) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for name, content in zip(batch["path"].to_pylist(), batch["content"], strict=True):
            number = reading.numbers.get(name)
            if number is not None:
                each = ((number, piece) for piece in _pieces(name, content.as_py(), reading.limits))
                yield from scanned(str(number), each, reading.terms, reading.limits, reading.chunk)


def _pieces(name: str, content: bytes, limits: Limits) -> Iterator[Piece]:
    return pieces(BytesIO(content), name, limits, lines=not _plain(name).endswith(".json"))


def _plain(name: str) -> str:
    return name.lower().removesuffix(".gz")


def save(spark: SparkSession, path: str, data: bytes) -> None:
    """Writes a small file whole: on this machine under its owner's eyes only, elsewhere as Hadoop writes."""
    if path.startswith("file://"):
        replace(Path(url2pathname(urlsplit(path).path)), lambda file: file.write(data))
        return
    place, system = _in_hadoop(spark, path)
    stream = system.create(place, True)
    try:
        stream.write(bytearray(data))
    finally:
        stream.close()


def remove(spark: SparkSession, path: str) -> None:
    """Removes a file, if it is there."""
    place, system = _in_hadoop(spark, path)
    system.delete(place, False)


def _in_hadoop(spark: SparkSession, path: str) -> tuple[Any, Any]:
    context: Any = spark.sparkContext
    place = context._jvm.org.apache.hadoop.fs.Path(path)  # noqa: SLF001 - the one way from Python to Hadoop's files
    return place, place.getFileSystem(context._jsc.hadoopConfiguration())  # noqa: SLF001
