"""Spark gives what one machine gives: the same rows, attrition and problems, wherever batches and shuffles cut."""

from __future__ import annotations

import datetime as dt
import gzip
import importlib
import itertools
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cohort import exported
from servers.requirement import need
from typer.testing import CliRunner

from fhirtrial.cli import app
from fhirtrial.criteria.truth import Verdict
from fhirtrial.errors import ConfigError, PatientError
from fhirtrial.job.matching import match
from fhirtrial.job.trials import load_trials
from fhirtrial.matching.attrition import attrition
from fhirtrial.matching.match import Run
from fhirtrial.matching.result import Match
from fhirtrial.patients.cache import refresh
from fhirtrial.patients.read import read_patients
from fhirtrial.samples import DEMO_DATE, sample_bundles

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CORPUS = os.environ.get("FHIRTRIAL_CORPUS")
SAMPLES = sample_bundles() / "patients"
ALL = frozenset(Verdict)
pytestmark = [
    pytest.mark.java,
    pytest.mark.xdist_group("spark"),
    # Spark leaves its sockets to the collector, and 3.5 asks distutils for versions
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore:distutils Version:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def spark() -> Iterator[SparkSession]:
    need("java", "java", modules=("pyspark", "pyarrow"))
    from fhirtrial.cohort.spark_session import session

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")  # small data: compiling costs most
        with session("local[2,3]") as found:  # two tasks at a time, three tries for each
            found.conf.set("spark.sql.shuffle.partitions", "3")
            found.conf.set("spark.sql.codegen.wholeStage", "false")
            yield found


@cache
def run_of() -> Run:
    return match(load_trials(sample_bundles() / "trials"), (), DEMO_DATE)


@dataclass
class Said:
    rows: list[tuple[Any, ...]]
    attrition: list[dict[str, Any]]
    problems: list[str]


def one_by_one(source: Path) -> Said:
    """Every pair as a Match, with its reasons, as `match` gives them."""
    run = run_of()
    matches, problems = list[Match](), list[str]()
    for facts in read_patients(source, on=DEMO_DATE):
        problems += map(str, run.problems(facts))
        matches += run.matches(facts)
    rows = [(m.patient.reference, m.trial.id, m.on, m.verdict.label, list(m.set_aside)) for m in matches]
    of = {trial.id: [m for m in matches if m.trial.id == trial.id] for trial in run.trials}
    counted = [attrition(trial, DEMO_DATE, of[trial.id]).model_dump(mode="json") for trial in run.trials]
    return Said(sorted(rows), counted, sorted(problems))


def on_spark(source: Path | str, out: Path, **how: Any) -> Said:
    import pyarrow.parquet as pq

    from fhirtrial.job.spark import match_on_spark

    done = match_on_spark(run_of().trials, source, DEMO_DATE, out, wanted=ALL, **how)
    found = pq.read_table(out / "rows").to_pylist()
    rows = [(r["patient"], r["trial"], r["on"], r["verdict"], r["set_aside"]) for r in found]
    counted = json.loads((out / "attrition.json").read_bytes())
    assert done.patients == len(rows) / len(run_of().trials)
    return Said(sorted(rows), counted, sorted(map(str, done.problems)))


def test_bundles(spark: SparkSession, tmp_path: Path) -> None:
    expected = one_by_one(SAMPLES)
    assert len(expected.rows) == 149 * 5
    assert on_spark(SAMPLES, tmp_path / "out") == expected


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The samples as a bulk export, with an intricate one beside them."""
    folder = tmp_path_factory.mktemp("export")
    bundles = [json.loads(path.read_bytes()) for path in sorted(SAMPLES.glob("*.json"))]
    exported.write(folder, [*exported.resources_of(bundles), *exported.intricate()], seed=3)
    return folder


def test_lines_of_any_type_in_any_order(
    spark: SparkSession, export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seven lines to a batch and eleven shuffle partitions cut every patient."""
    from fhirtrial.cohort import spark as distributed

    monkeypatch.setattr(distributed, "_LINES", 7)
    expected = one_by_one(export)
    assert len({row[0] for row in expected.rows}) > 140
    assert "has resources (1) but no Patient" in "".join(expected.problems)
    assert on_spark(export, tmp_path / "out", partitions=11) == expected


def test_a_damaged_export_beside_bundles_of_the_same_patients(spark: SparkSession, tmp_path: Path) -> None:
    source = tmp_path / "source"
    bundles = [json.loads(path.read_bytes()) for path in sorted(SAMPLES.glob("dm-*.json"))]
    exported.write(source, [*exported.resources_of(bundles[:9]), *exported.intricate()], seed=4)
    exported.damaged(source)
    lines = [json.dumps(bundle).encode() + b"\n" for bundle in (*bundles, *bundles[:2])]
    (source / "bundles.ndjson.gz").write_bytes(gzip.compress(b"".join(lines)))
    expected = one_by_one(source)
    told = "\n".join(expected.problems)
    faults = ("cut short", "the same patient as in", "nobody's", "malformed", "an empty file", "identifier")
    assert [words for words in faults if words not in told] == []
    found = on_spark(source, tmp_path / "out", partitions=3)
    assert found == expected
    through_hadoop = on_spark(source.as_uri(), tmp_path / "hadoop", partitions=3)
    assert (through_hadoop.rows, through_hadoop.attrition) == (expected.rows, expected.attrition)
    assert len(through_hadoop.problems) == len(expected.problems) - 1  # Spark passes over an empty file


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Bundles, and an export of other patients."""
    source = tmp_path / "many"
    bundles = [json.loads(path.read_bytes()) for path in sorted(SAMPLES.glob("dm-*.json"))]
    exported.write(source, [*exported.resources_of(bundles[:6]), *exported.intricate()], seed=6)
    lines = [json.dumps(bundle).encode() + b"\n" for bundle in bundles[6:]]
    (source / "bundles.ndjson").write_bytes(b"".join(lines))
    return source


def test_large_files_of_lines_are_read_by_several_tasks(
    spark: SparkSession, many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fhirtrial.cohort import spark_cuts, spark_files

    exported.damaged(many)
    large = many / "bundles.ndjson"
    size = large.stat().st_size
    assert len(spark_cuts.spans(spark, {3: (str(large), size)}, size // 5)[3]) == 5
    monkeypatch.setattr(spark_files, "_TOGETHER", size // 5)
    expected = one_by_one(many)
    assert "bad.ndjson:3" in "".join(expected.problems)
    assert on_spark(many, tmp_path / "out", partitions=3) == expected


def test_a_cache_of_facts(spark: SparkSession, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for path in sorted(SAMPLES.glob("asys-*.json")):
        (source / path.name).write_bytes(path.read_bytes())
    (source / "again.json").write_bytes((SAMPLES / "asys-classic.json").read_bytes())
    refresh(source, tmp_path / "cache", on=DEMO_DATE, chunk=7)
    expected = one_by_one(source)
    assert "the same patient" in expected.problems[0]
    assert on_spark(tmp_path / "cache", tmp_path / "out") == expected


@pytest.mark.skipif(CORPUS is None, reason="FHIRTRIAL_CORPUS names no corpus")
def test_the_synthetic_patients_as_an_export(spark: SparkSession, tmp_path: Path) -> None:
    with gzip.open(Path(CORPUS or ".") / "data/patients/synthea_bundles.ndjson.gz") as file:
        bundles = [json.loads(line) for line in file]
    source = tmp_path / "source"
    kinds = {"Claim", "ExplanationOfBenefit", "Provenance"}  # without facts, and half of the bytes
    resources = [one for one in exported.resources_of(bundles) if one["resourceType"] not in kinds]
    exported.write(source, resources, seed=5)
    expected = one_by_one(source)
    assert len(expected.rows) == 200 * 5
    assert on_spark(source, tmp_path / "out") == expected


def dying(work: Any, tries: Path, after: int, times: int) -> Any:
    """Work whose process is killed when it has given so much, so many times in all."""

    def die_or_work(batches: Any, *given: Any) -> Any:
        for number, found in enumerate(itertools.chain(work(batches, *given), [None])):
            if number == after and len(list(tries.iterdir())) < times:
                (tries / str(os.getpid())).touch()
                os.kill(os.getpid(), signal.SIGKILL)
            if found is not None:
                yield found

    return die_or_work


DEATHS = [
    ("spark_files", "_opened", 1),
    ("spark", "_joined", 0),
    ("spark", "_moved", 1),
    ("spark", "screened", 1),
    ("spark", "added", 1),
]


@pytest.mark.parametrize(("module", "name", "after"), DEATHS)
def test_a_process_that_is_killed_changes_nothing(
    module: str, name: str, after: int, spark: SparkSession, many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = importlib.import_module(f"fhirtrial.cohort.{module}")
    tries = tmp_path / "tries"
    tries.mkdir()
    monkeypatch.setattr(room, name, dying(getattr(room, name), tries, after, times=2))
    found = on_spark(many, tmp_path / "out", partitions=3)
    assert len(list(tries.iterdir())) == 2
    assert found == one_by_one(many)


def test_a_process_that_dies_each_time_is_told(
    spark: SparkSession, many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fhirtrial.cohort import spark as distributed
    from fhirtrial.cohort.spark_screen import screened

    out, tries = tmp_path / "out", tmp_path / "tries"
    tries.mkdir()
    out.mkdir()
    (out / "attrition.json").write_bytes(b"of an earlier run")
    with monkeypatch.context() as patched:
        patched.setattr(distributed, "screened", dying(screened, tries, 1, times=1000))
        with pytest.raises(ConfigError, match="died each time it was tried; give tasks more memory"):
            on_spark(many, out)
    assert not (out / "attrition.json").exists(), "the rows are not all there"
    assert on_spark(many, out) == one_by_one(many)


def test_a_killed_driver_leaves_nothing_that_the_next_run_keeps(
    spark: SparkSession, many: Path, tmp_path: Path
) -> None:
    """The commands have sessions of their own; the first is killed once Spark has made its folders."""
    import pyarrow.parquet as pq

    spilled, out = tmp_path / "spilled", tmp_path / "out"
    spilled.mkdir()
    words = ["match", "--trials", sample_bundles() / "trials", "--patients", many, "--on", DEMO_DATE.isoformat()]
    wanted = [word for verdict in Verdict for word in ("--only", verdict.label)]
    call = [
        sys.executable,
        "-m",
        "fhirtrial.cli",
        *map(str, words),
        *wanted,
        "--engine",
        "spark",
        "--master",
        "local[2]",
    ]
    given: dict[str, Any] = {"env": {**os.environ, "TMPDIR": str(spilled)}, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([*call, "-o", str(out)], **given) as first:
        while first.poll() is None and not list(spilled.glob("fhirtrial-spark-*/blockmgr-*")):
            time.sleep(0.02)
        first.kill()
    (left,) = spilled.glob("fhirtrial-spark-*")
    assert not (out / "attrition.json").exists()
    again = subprocess.run([*call, "-o", str(out)], check=False, stdout=subprocess.PIPE, **given)
    assert f"{left}: what a killed run had left there is removed" in again.stderr
    assert not list(spilled.glob("fhirtrial-*"))
    expected = one_by_one(many)
    found = pq.read_table(out / "rows").to_pylist()
    assert sorted((r["patient"], r["trial"], r["verdict"]) for r in found) == [(*r[:2], r[3]) for r in expected.rows]
    assert json.loads((out / "attrition.json").read_bytes()) == expected.attrition


def test_when_a_verdict_changes(spark: SparkSession, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    from fhirtrial.job.spark import match_on_spark

    source, out = SAMPLES / "dm-classic.json", tmp_path / "out"
    match_on_spark(run_of().trials, source, DEMO_DATE, out, horizon=60)
    found = [(r["trial"], r["next_change"], r["unchanged_until"]) for r in pq.read_table(out / "rows").to_pylist()]
    run = match(run_of().trials, source, DEMO_DATE, horizon=60)
    expected = [(m.trial.id, m.next_change, m.unchanged_until) for m in run if m.verdict is not Verdict.INELIGIBLE]
    assert sorted(found) == sorted(expected)
    assert {day for _, *days in found for day in days} > {None}


def test_only_the_owner_can_read_it_and_another_run_is_refused(spark: SparkSession, tmp_path: Path) -> None:
    from fhirtrial.job.spark import match_on_spark

    source, out = SAMPLES / "dm-classic.json", tmp_path / "out"
    first = match_on_spark(run_of().trials, source, DEMO_DATE, out)
    again = match_on_spark(run_of().trials, source, DEMO_DATE, out)
    assert (first.patients, again.patients) == (1, 1)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in out.rglob("*") if path.is_file()}
    assert modes == {0o600}
    assert stat.S_IMODE(out.stat().st_mode) == 0o700
    with pytest.raises(ConfigError, match="different: on"):
        match_on_spark(run_of().trials, source, DEMO_DATE + dt.timedelta(days=1), out)


def test_nothing_there(spark: SparkSession, tmp_path: Path) -> None:
    from fhirtrial.job.spark import match_on_spark

    for source in (str(tmp_path / "none"), (tmp_path / "none").as_uri()):
        with pytest.raises(PatientError, match="no such file or folder"):
            match_on_spark(run_of().trials, source, DEMO_DATE, tmp_path / "out")
    (tmp_path / "x.ndjson").write_bytes(b'{"resourceType": "Organization", "id": "o"}\n')
    done = match_on_spark(run_of().trials, tmp_path / "x.ndjson", DEMO_DATE, tmp_path / "out")
    assert [problem.got for problem in done.problems] == ["no Patient"]


def test_the_command(spark: SparkSession, tmp_path: Path) -> None:
    source = str(SAMPLES / "dm-classic.json")
    words = ["match", "--trials", str(sample_bundles() / "trials"), "--patients", source, "--on", DEMO_DATE.isoformat()]
    done = CliRunner().invoke(app, [*words, "--engine", "spark", "--only", "ineligible", "-o", str(tmp_path / "out")])
    assert (done.exit_code, done.stdout.split(":")[0]) == (0, "1 patients × 5 trials")
    assert (tmp_path / "out" / "attrition.json").is_file()
