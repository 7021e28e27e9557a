"""The main job in lots: the same result however the patients are cut, and memory that does not grow with them."""

from __future__ import annotations

import datetime as dt
import stat
import tracemalloc
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from client.fake_fhir import LiteralFhir, says
from pytest_httpserver import HTTPServer
from small_trial import bundle, person, record

from fhirtrial.client import Retry, Server
from fhirtrial.errors import ServerError
from fhirtrial.job import folder, outcome, publish, run
from fhirtrial.job.outcome import Outcome
from fhirtrial.job.run import Job, to_folder, to_server
from fhirtrial.patients.facts import Facts
from fhirtrial.patients.read import facts_of
from fhirtrial.site import Results, Site

ON = dt.date(2026, 11, 1)
LATER = dt.date(2090, 11, 1)
BORN = ("1980-02-03", "1930-02-03", "1985", "1990-07-01", "1970-01-01")
"""The second is too old for the trial, and all are so later."""


def people(born: Iterable[str] = BORN) -> list[dict[str, Any]]:
    return [person(f"p{number}", birth) for number, birth in enumerate(born)]


def facts(these: Iterable[dict[str, Any]], on: dt.date = ON) -> Iterator[Facts]:
    return (facts_of(bundle(one), on=on) for one in these)


def job(tmp_path: Path, results: Results = "not-ineligible", on: dt.date = ON) -> Job:
    return Job([record(tmp_path)], facts(people(), on), on, Site(results=results))


def entries(files: Iterable[Path]) -> dict[str, Any]:
    """What the Bundles hold, by fullUrl; what several hold is the same in each."""
    found: dict[str, Any] = {}
    for file in files:
        for entry in orjson.loads(file.read_bytes())["entry"]:
            assert found.setdefault(entry["fullUrl"], entry) == entry
    return found


def kinds(found: dict[str, Any]) -> dict[str, int]:
    names = [entry["resource"]["resourceType"] for entry in found.values()]
    return {name: names.count(name) for name in names}


def results_in(written: Outcome) -> list[Path]:
    return [path for path in written.written if path.parent.name == "results"]


@pytest.mark.parametrize("most", [1, 2, 3, 4])
def test_lots_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    whole = to_folder(job(tmp_path), tmp_path / "whole")
    monkeypatch.setattr(run, "LOT", most)
    cut = to_folder(job(tmp_path), tmp_path / "cut")
    assert entries(results_in(cut)) == entries(results_in(whole))
    assert (cut.verdicts, cut.rows, cut.attrition) == (whole.verdicts, whole.rows, whole.attrition)
    assert cut.pairs == len(BORN)


@pytest.mark.parametrize(("results", "made"), [("all", 5), ("not-ineligible", 4), ("candidates", 4)])
def test_the_pairs_that_are_asked_for_get_results_and_all_are_counted(
    tmp_path: Path, results: Results, made: int
) -> None:
    found = entries(results_in(to_folder(job(tmp_path, results), tmp_path / "out")))
    counts = kinds(found)
    assert (counts["GuidanceResponse"], counts["Provenance"]) == (made, made)
    (report,) = (e["resource"] for e in found.values() if e["resource"]["resourceType"] == "MeasureReport")
    assert [p["count"] for p in report["group"][0]["population"]] == [5, 5, 4]


def test_without_a_result_there_is_a_summary_and_its_author(tmp_path: Path) -> None:
    child = Job([record(tmp_path)], facts([person("bea", "2020-02-03")]), ON, Site())
    assert kinds(entries(results_in(to_folder(child, tmp_path)))) == {"Device": 1, "MeasureReport": 1, "List": 1}


def test_large_bundles_are_numbered_and_each_stands_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = results_in(to_folder(job(tmp_path), tmp_path / "whole"))
    monkeypatch.setattr(run, "LOT", 1)
    monkeypatch.setattr(folder, "MOST_ENTRIES", 6)
    out = tmp_path / "out"
    files = results_in(to_folder(job(tmp_path), out))
    assert [f.name for f in files] == [f"nct00000001{n}.bundle.json" for n in ("", ".2", ".3", ".4")]
    assert entries(files) == entries(whole)
    for file in files:
        assert kinds(entries([file]))["Device"] == 1
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    monkeypatch.undo()
    assert results_in(to_folder(job(tmp_path), out)) == files[:1]
    assert sorted((out / "results").iterdir()) == files[:1]
    assert files[0].read_bytes() == whole[0].read_bytes()


def test_a_bundle_in_a_folder_is_canonical_json(tmp_path: Path) -> None:
    (file,) = results_in(to_folder(job(tmp_path), tmp_path))
    content = orjson.loads(file.read_bytes())
    assert file.read_bytes() == orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def test_rows_are_kept_of_small_runs_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcome, "MOST_ROWS", 4)
    found = to_folder(job(tmp_path), tmp_path)
    assert found.rows == []
    assert dict(found.verdicts) == {("NCT00000001", "eligible"): 4, ("NCT00000001", "ineligible"): 1}
    (counted,) = found.attrition
    assert (counted.screened, counted.remained) == (5, 4)


@pytest.fixture
def fake(httpserver: HTTPServer) -> LiteralFhir:
    server = LiteralFhir()
    server.on(httpserver)
    for one in people():
        server.state[f"Patient/{one['id']}"] = {**one, "meta": {"versionId": "1"}}
    return server


def served(job: Job, fake: LiteralFhir, folder: Path) -> Outcome:
    return to_server(job, Server(fake.base, retry=Retry(attempts=1)), journal=folder / "journal")


def held(fake: LiteralFhir, kind: str) -> dict[str, Any]:
    return {name: resource for name, resource in fake.state.items() if name.startswith(f"{kind}/")}


def verdict(guidance: dict[str, Any]) -> str:
    parameters = guidance["contained"][0]["parameter"]
    return str(next(p["valueCode"] for p in parameters if p["name"] == "verdict"))


@pytest.mark.parametrize("most", [1, 2, 500])
def test_a_second_run_sends_nothing(
    tmp_path: Path, fake: LiteralFhir, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(run, "LOT", most)
    first = served(job(tmp_path), fake, tmp_path)
    assert first.exit_code == 0
    assert len(held(fake, "GuidanceResponse")) == 4
    once = fake.contents()
    second = served(job(tmp_path), fake, tmp_path)
    assert fake.contents() == once
    assert second.receipt is not None
    assert second.receipt.created == second.receipt.updated == 0


@pytest.mark.parametrize("version", ["", "9.9"])
def test_a_result_that_holds_no_longer_is_corrected_and_none_is_made(
    tmp_path: Path, fake: LiteralFhir, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    """Nobody is eligible any more; the results that are there say so, and the second patient still has none."""
    served(job(tmp_path), fake, tmp_path)
    before = held(fake, "GuidanceResponse")
    assert {verdict(one) for one in before.values()} == {"eligible"}
    if version:  # the author of the correction is not on the server yet
        monkeypatch.setattr(publish, "VERSION", version)
    outcome = served(job(tmp_path, on=LATER), fake, tmp_path)
    assert outcome.exit_code == 0
    after = held(fake, "GuidanceResponse")
    assert after.keys() == before.keys()
    assert "Patient/p1" not in {one["subject"]["reference"] for one in after.values()}
    assert {verdict(one) for one in after.values()} == {"ineligible"}
    assert len(held(fake, "Device")) == (2 if version else 1)
    (screening_list,) = held(fake, "List").values()
    flags = [entry["flag"]["coding"][0]["code"] for entry in screening_list["entry"]]
    assert flags == ["no-longer-matching"] * 4


def test_nobody_gets_a_first_result_that_was_not_asked_for(tmp_path: Path, fake: LiteralFhir) -> None:
    served(job(tmp_path, on=LATER), fake, tmp_path)
    assert held(fake, "GuidanceResponse") == {}
    assert len(held(fake, "MeasureReport")) == len(held(fake, "Device")) == 1


@pytest.mark.parametrize("after", [3, 5, 8])
def test_a_server_that_goes_away_is_told_and_the_next_run_completes(
    tmp_path: Path, fake: LiteralFhir, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    served(job(tmp_path), fake, tmp_path)
    undisturbed = fake.contents()
    fake.state = {name: one for name, one in fake.state.items() if name.startswith("Patient/")}
    monkeypatch.setattr(run, "LOT", 1)
    fake.faults = [*[None] * after, *[says(503)] * 99]
    try:
        code = served(job(tmp_path), fake, tmp_path).exit_code
    except ServerError as error:
        code = error.exit_code
    assert code == 3
    fake.faults = []
    assert served(job(tmp_path), fake, tmp_path).exit_code == 0
    assert fake.contents() == undisturbed


@pytest.mark.slow
def test_memory_does_not_grow_with_the_patients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of whom only a year is known are undetermined: each has results, and no entry in the List of candidates."""
    monkeypatch.setattr(run, "LOT", 50)
    monkeypatch.setattr(outcome, "MOST_ROWS", 50)
    monkeypatch.setattr(folder, "MOST_ENTRIES", 100)
    trial = record(tmp_path)

    def peak(number: int) -> int:
        many = (person(f"p{n}", "1935") for n in range(number))
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        to_folder(Job([trial], facts(many), ON, Site()), tmp_path / str(number))
        return tracemalloc.get_traced_memory()[1] - before

    tracemalloc.start()
    try:
        peak(60)  # what is loaded once
        few, many = peak(200), peak(800)
    finally:
        tracemalloc.stop()
    print(f"peak of {few / 1e6:.1f} MB for 200 patients, {many / 1e6:.1f} MB for 800")
    assert many < few + 600 * 1000  # a match with its drafts takes several times as much
