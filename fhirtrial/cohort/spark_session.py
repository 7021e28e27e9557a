"""A Spark session to work in, and what tasks are sent; pyspark is an extra.

A session that is already there (a notebook's, a cluster job's) is used as it is, and stays.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from fhirtrial.cohort.spark_parts import parcel, unparcel
from fhirtrial.cohort.spark_scratch import scratch
from fhirtrial.errors import ConfigError
from fhirtrial.version import VERSION

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import SparkSession

T = TypeVar("T")
_RECORDS = "spark.sql.execution.arrow.maxRecordsPerBatch"
_KEPT: dict[bytes, Any] = {}
_MOST_KEPT = 4
_DIED = re.compile("worker exited unexpectedly|ExecutorLostFailure")
"""How Spark says that a process died, and not the function in it failed."""
_HERE = "local[*,4]"
"""All cores, and as many tries for a task as a cluster gives it; a plain local[*] gives one."""


@contextmanager
def session(master: str | None) -> Iterator[SparkSession]:
    """Without a `master`: what spark-submit says, else all cores of this machine."""
    try:
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise ConfigError("--engine spark", "needs pyspark", "pip install 'fhirtrial[spark]'") from error
    active = SparkSession.getActiveSession()
    if active is not None:
        yield active
        return
    builder = SparkSession.builder.appName("fhirtrial")
    if master is None and "PYSPARK_GATEWAY_PORT" not in os.environ:
        master = _HERE
    if master is not None:
        builder = builder.master(master)
    with ExitStack() as ending:
        if (master or "").startswith("local"):
            for name, value in _local(str(ending.enter_context(scratch()))).items():
                builder = builder.config(name, value)
        try:
            spark = builder.getOrCreate()
        except (PySparkException, OSError) as error:
            got = f"Spark does not start ({type(error).__name__})"
            raise ConfigError("--engine spark", got, "see Spark's own message; it needs Java 17 (JAVA_HOME)") from error
        try:
            yield spark
        finally:
            spark.stop()


def _local(private: str) -> dict[str, str]:
    """One machine: nothing listens to others, tasks run in this Python, and only its owner can read what is spilled."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    found = {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": str(sys.stderr.isatty()).lower(),
        "spark.log.level": "ERROR",
        "spark.sql.shuffle.partitions": "16",
    }
    return found if "SPARK_LOCAL_DIRS" in os.environ else {**found, "spark.local.dir": private}


@contextmanager
def records(spark: SparkSession, most: int) -> Iterator[None]:
    """Plans that are made and run inside send so many rows at once to Python, or fewer where the session says so."""
    before = str(spark.conf.get(_RECORDS))
    spark.conf.set(_RECORDS, str(min(most, int(before)) if int(before) > 0 else most))
    try:
        yield
    finally:
        spark.conf.set(_RECORDS, before)


@contextmanager
def until_it_gives_up() -> Iterator[None]:
    """ConfigError where a task's process died too often for Spark to try once more."""
    from py4j.protocol import Py4JError  # type: ignore[import-untyped]
    from pyspark.errors import PySparkException

    try:
        yield
    except (Py4JError, PySparkException) as error:
        if not _DIED.search(str(error)):
            raise
        todo = (
            "give tasks more memory (docs/spark.md), or more tries: spark.task.maxFailures, local[*,4] on one machine"
        )
        raise ConfigError("--engine spark", "a task's process died each time it was tried", todo) from None


class Sent(Generic[T]):
    """Something that every process needs: sent to each machine once, unpacked in each process once."""

    def __init__(self, spark: SparkSession, thing: T) -> None:
        data = parcel(thing)
        self._key = blake2b(data, digest_size=16).digest()
        self._version = VERSION
        self._broadcast = spark.sparkContext.broadcast(data)

    def value(self) -> T:
        if self._version != VERSION:
            got = f"fhirtrial {VERSION} on an executor, {self._version} on the driver"
            raise ConfigError("--engine spark", got, "give both the same environment")
        if self._key not in _KEPT:
            if len(_KEPT) >= _MOST_KEPT:
                _KEPT.clear()
            _KEPT[self._key] = unparcel(self._broadcast.value)
        found: T = _KEPT[self._key]
        return found


class TaskError(RuntimeError):
    """A bug in a task. What the original error said may hold a patient's data, and a task's errors go into logs."""


def task(
    work: Callable[[Iterator[pa.RecordBatch], T], Iterator[pa.RecordBatch]], sent: Sent[T]
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """`work` as mapInArrow takes it."""

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        try:
            yield from work(batches, sent.value())
        except ConfigError:
            raise
        except Exception as error:  # noqa: BLE001 - raised again without its words
            told = TaskError(f"{type(error).__name__}; the lines above say where")
            raise told.with_traceback(error.__traceback__) from None

    return run
