"""What Spark's tasks do, without Spark: batches that cut patients, errors without words, options that are refused."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cohort import exported
from patients.same_facts import spelled
from typer.testing import CliRunner

from fhirtrial.cli import app
from fhirtrial.errors import ConfigError, Problem
from fhirtrial.matching.tally import Shape, Tally
from fhirtrial.patients.document import Limits
from fhirtrial.patients.facts import Facts
from fhirtrial.patients.read import read_patients, terms_of
from fhirtrial.patients.sources import files_in, pieces_of_file
from fhirtrial.samples import DEMO_DATE, sample_bundles

pa = pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")

from fhirtrial.cohort import spark_scratch, spark_session  # noqa: E402
from fhirtrial.cohort.spark import partitions_of  # noqa: E402
from fhirtrial.cohort.spark_cuts import cuts, measured, spanned  # noqa: E402
from fhirtrial.cohort.spark_lines import MOST_PROBLEMS, Note, Role, scanned  # noqa: E402
from fhirtrial.cohort.spark_parts import again, parcel, unparcel  # noqa: E402
from fhirtrial.cohort.spark_patients import Everybody, joined  # noqa: E402
from fhirtrial.cohort.spark_screen import Counts  # noqa: E402

LIMITS, TERMS = Limits(), terms_of(None, None, partial=False, on=DEMO_DATE)


def rows_of(batches: Iterator[Any]) -> list[dict[str, Any]]:
    return [row for batch in batches for row in batch.to_pylist()]


def read(source: Path, size: int, chunk: int) -> list[Facts]:
    """As the tasks read, with all lines in one partition, in batches of `size` lines."""
    files = files_in(source)
    pieces = ((number, piece) for number, file in enumerate(files) for piece in pieces_of_file(file, LIMITS))
    rows = rows_of(scanned("0", pieces, TERMS, LIMITS, chunk))
    lines = sorted((r for r in rows if r["role"] == Role.LINE), key=lambda r: (r["owner"], r["file"], r["line"]))
    note = msgspec.msgpack.decode(next(r["data"] for r in rows if r["role"] == Role.NOTE), type=Note)
    shared = tuple((str(r["line"]), r["data"]) for r in rows if r["role"] == Role.SHARED)
    everybody = Everybody(tuple(map(str, files)), note, shared, frozenset(), LIMITS)
    batches = (pa.RecordBatch.from_pylist(lines[i : i + size]) for i in range(0, len(lines), size))
    rows += rows_of(joined(batches, everybody, TERMS, chunk))
    found = [unparcel(row["data"]) for row in rows if row["role"] == Role.PART]
    return [one for one in found if isinstance(one, Facts)]


@pytest.mark.parametrize(("size", "chunk"), [(1, 512), (2, 1), (7, 3), (10_000, 512)])
def test_a_batch_may_end_inside_a_patient(size: int, chunk: int, tmp_path: Path) -> None:
    names = ("dm-classic", "cadm-classic", "asys-classic", "dm-adolescent")
    bundles = [json.loads((sample_bundles() / f"patients/{name}.json").read_bytes()) for name in names]
    plain = [one for one in exported.intricate() if isinstance(one, dict) and "Condition" not in one["resourceType"]]
    exported.write(tmp_path, [*exported.resources_of(bundles), *plain], seed=size)
    assert spelled(read(tmp_path, size, chunk)) == spelled(read_patients(tmp_path, on=DEMO_DATE))


def test_a_task_does_not_repeat_what_an_error_said(monkeypatch: pytest.MonkeyPatch) -> None:
    class Here:
        def value(self) -> None:
            return None

    def work(batches: Iterator[Any], _: None) -> Iterator[Any]:
        raise ValueError("Jane Doe, 1970")
        yield from batches

    with pytest.raises(spark_session.TaskError) as error:
        list(spark_session.task(work, Here())(iter(())))  # type: ignore[arg-type]
    assert "ValueError" in str(error.value)
    assert error.value.__suppress_context__
    assert "work" in [entry.name for entry in error.traceback]


def test_who_was_read_before_is_complete_in_nothing() -> None:
    (facts,) = read_patients(sample_bundles() / "patients/dm-classic.json", on=DEMO_DATE)
    (patient,) = again(facts, {0: ("there", "here")}).patients
    assert max(one.level for one in patient.coverage.values()) == 1
    assert again(facts, {}) is facts


def test_of_too_many_problems_the_same_are_told_in_any_order() -> None:
    def counted(numbers: range) -> Counts:
        counts = Counts(Tally.nothing(Shape.of(())))
        counts.note(Problem(f"{n:06}", "", "bad", "correct it") for n in numbers)
        return counts

    one, other = counted(range(0, 3000, 2)), counted(range(1, 3000, 2))
    again = counted(range(1, 3000, 2))
    again.add(counted(range(0, 3000, 2)))
    one.add(other)
    assert (one.told, again.told) == (3000, 3000)
    assert one.problems == again.problems
    assert [int(problem.where) for problem in one.problems] == list(range(MOST_PROBLEMS))


def test_another_version_on_an_executor_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = spark_session.Sent.__new__(spark_session.Sent)
    vars(sent).update(_version="0.0.0", _key=b"", _broadcast=None)
    with pytest.raises(ConfigError, match="on an executor"):
        sent.value()


@pytest.mark.parametrize(
    ("size", "tasks"), [(0, 8), (2**30, 8), (10 * 2**30, 80), (2 * 10**12, 4000), (2 * 10**14, 46567)]
)
def test_tasks_grow_in_number_and_then_in_size(size: int, tasks: int) -> None:
    assert partitions_of(size, 8) == tasks


def test_a_parcel_comes_out_as_it_went_in() -> None:
    assert unparcel(parcel({"a": [1, "x"] * 1000})) == {"a": [1, "x"] * 1000}


WRONG = {
    "no folder": ([], "a stream"),
    "standard input": (["--patients", "-", "-o", "out"], "a stream"),
    "processes": (["--processes", "2", "-o", "out"], "no option for --engine spark"),
    "lines": (["--detail", "verdict", "-o", "out"], "no option for --engine spark"),
}


@pytest.mark.parametrize(("more", "told"), [pytest.param(*found, id=name) for name, found in WRONG.items()])
def test_what_spark_does_not_do_is_refused(more: list[str], told: str) -> None:
    words = ["match", "--trials", str(sample_bundles() / "trials"), "--engine", "spark", "--patients", "x"]
    done = CliRunner().invoke(app, [*words, *more])
    assert isinstance(done.exception, ConfigError)
    assert told in str(done.exception)


def test_a_master_without_spark_is_refused() -> None:
    done = CliRunner().invoke(app, ["match", "--trials", "x", "--patients", "x", "--master", "local[2]"])
    assert isinstance(done.exception, ConfigError)


@pytest.mark.parametrize("last", [b"", b"\n", b"\n\n"])
def test_a_large_file_is_cut_at_its_lines(last: bytes, tmp_path: Path) -> None:
    """Wherever it is cut, each line is read once, in its order and with its number."""
    path = tmp_path / "lines.ndjson"
    lines = [b"1", b"", b"2" * 40, b" ", b"345", b"6" * 7, b"", b"", b"7" * 23, b"8"]
    path.write_bytes(b"\n".join(lines) + last)
    size = path.stat().st_size
    whole = list(pieces_of_file(path, LIMITS))
    assert [piece.line for piece in whole] == [1, 3, 5, 6, 9, 10]
    for step in range(1, size + 2):
        wanted = cuts({7: (str(path), size)}, step)
        assert (wanted[0].start, wanted[-1].end) == (0, -1)
        assert len(wanted) <= size // step + 1
        spans = spanned(map(measured, reversed(wanted)))[7]
        assert [one for span in spans for one in pieces_of_file(path, LIMITS, span)] == whole, step


def test_a_line_that_is_too_large_ends_its_stretch(tmp_path: Path) -> None:
    path = tmp_path / "lines.ndjson"
    path.write_bytes(b"1\n" + b"2" * 50 + b"\n3\n" + b"4" * 50)
    limits = Limits(size=10)
    whole = [(one.line, one.data, str(one.error)) for one in pieces_of_file(path, limits)]
    assert [line for line, *_ in whole] == [1, 2, 3, 4]
    for step in range(1, 60):
        spans = spanned(map(measured, cuts({0: (str(path), path.stat().st_size)}, step)))[0]
        found = [one for span in spans for one in pieces_of_file(path, limits, span)]
        assert [(one.line, one.data, str(one.error)) for one in found] == whole


KILLED = """
import os, signal, sys
from fhirtrial.cohort.spark_scratch import scratch

with scratch() as folder:
    (folder / "spilled").write_text("Jane Doe")
    print(folder, flush=True)
    if sys.argv[1] == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    sys.stdin.readline()
"""


def test_what_a_killed_run_left_is_removed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    given: dict[str, Any] = {"env": {**os.environ, "TMPDIR": str(tmp_path)}, "text": True, "stdout": subprocess.PIPE}
    call = [sys.executable, "-c", KILLED]
    with subprocess.Popen([*call, "alive"], stdin=subprocess.PIPE, **given) as alive:
        assert alive.stdout is not None
        other = Path(alive.stdout.readline().strip())
        left = Path(subprocess.run([*call, "killed"], check=False, **given).stdout.strip())
        assert (left / "spilled").exists()
        with spark_scratch.scratch() as mine:
            assert sorted(tmp_path.iterdir()) == sorted([other, mine])
            assert (other / "spilled").read_text() == "Jane Doe"
            assert {stat.S_IMODE(path.stat().st_mode) for path in (mine, *mine.iterdir())} == {0o700, 0o600}
        alive.communicate("\n")
    assert list(tmp_path.iterdir()) == []
    assert [one.getMessage() for one in caplog.records] == [f"{left}: what a killed run had left there is removed"]
