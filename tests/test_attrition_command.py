"""`fhirtrial attrition`: the same counts from wherever they come, as a table, a picture, JSON or a folder of them."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
import small_trial
from desk import Desk
from rich.console import Console
from small_trial import bundle, patient_file, person

from fhirtrial import console
from fhirtrial.samples import sample_bundles

ON = ("--on", "2026-11-01")
DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture
def given(tmp_path: Path) -> tuple[object, ...]:
    """A trial for those from 18 to 90, an adult, a child, somebody too old, somebody of 17 or 18, and one who died."""
    folder = tmp_path / "patients"
    people = {
        "ada": person("ada", "1980-02-03"),
        "bea": person("bea", "2020-02-03"),
        "cyd": person("cyd", "1930-02-03"),
        "dan": person("dan", "2008"),
        "eve": person("eve", "1980-02-03", deceasedDateTime="2026-01-01"),
    }
    for name, one in people.items():
        patient_file(folder, bundle(one), f"{name}.json")
    trials = small_trial.record_file(tmp_path / "trials").parent
    return "--trials", trials, "--patients", folder, *ON


def counts(file: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(file.read_bytes())
    return found


def test_patients_are_counted_criterion_by_criterion(cli: Desk, given: tuple[object, ...], tmp_path: Path) -> None:
    assert cli("attrition", *given, "-o", tmp_path / "a.json").code == 0
    (found,) = counts(tmp_path / "a.json")
    steps = {s["criterion"]: (s["came"], s["remained"], s["truths"]["unknown"]) for s in found["steps"]}
    assert (found["screened"], found["set_aside"]) == (5, {"deceased": 1})
    assert steps == {"inc-1": (4, 3, 1), "exc-1": (3, 2, 0), "age": (2, 2, 1)}
    assert (found["verdicts"]["eligible"], found["verdicts"]["undetermined"]) == (1, 1)


def test_a_table_at_the_desk(cli: Desk, given: tuple[object, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "out", Console(width=90))
    said = cli("attrition", *given)
    rows = {line.split()[0]: line.split() for line in said.out.splitlines() if line.strip()}
    assert (said.code, said.err) == (0, "")
    assert rows["screened"] == ["screened", "5"]
    assert rows["inc-1"][1:8] == ["inclusion", "4", "1", "3", "██████", "75%", "1"]
    assert "set aside: deceased 1" in said.out
    assert "✔ eligible 1" in said.out
    assert max(map(len, said.out.splitlines())) <= 90


@pytest.mark.parametrize("fhir", ["R4", "R5"])
def test_results_say_the_same_as_the_patients(cli: Desk, given: tuple[object, ...], tmp_path: Path, fhir: str) -> None:
    out = tmp_path / "out"
    cli("run", *given, "--out", out, "--fhir", fhir)
    cli("attrition", *given, "-o", tmp_path / "now.json")
    assert cli("attrition", out, "-o", tmp_path / "folder.json").code == 0
    (now,), (folder,) = counts(tmp_path / "now.json"), counts(tmp_path / "folder.json")
    assert {**folder, "set_aside": now["set_aside"]} == now
    assert folder["set_aside"] == {"reason not in the report": 1}
    (file,) = (out / "results").glob("*.bundle.json")
    assert cli("attrition", file, "-o", tmp_path / "file.json").code == 0
    (alone,) = counts(tmp_path / "file.json")
    assert alone["title"] == alone["trial"] == "NCT00000001"
    assert [{**s, "text": ""} for s in now["steps"]] == alone["steps"]


def test_what_was_counted_is_read_again(cli: Desk, given: tuple[object, ...], tmp_path: Path) -> None:
    cli("attrition", *given, "-o", tmp_path / "run")
    assert sorted(f.name for f in (tmp_path / "run").iterdir()) == ["NCT00000001.svg", "attrition.json"]
    for source in (tmp_path / "run", tmp_path / "run" / "attrition.json"):
        said = cli("attrition", source, "--trial", "nct00000001", "-o", tmp_path / "again.svg")
        assert (said.code, said.err) == (0, f"wrote {tmp_path / 'again.svg'}\n")
        assert (tmp_path / "again.svg").read_bytes() == (tmp_path / "run" / "NCT00000001.svg").read_bytes()


def test_a_picture_in_pixels(cli: Desk, given: tuple[object, ...], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs fhirtrial[plot]")
    said = cli("attrition", *given, "-o", tmp_path / "a.png")
    assert (said.code, said.out) == (0, "")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_a_png_without_matplotlib(
    cli: Desk, given: tuple[object, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    said = cli("attrition", *given, "-o", tmp_path / "a.png")
    assert (said.code, said.out) == (2, "")
    assert "fhirtrial[plot]" in said.err
    assert cli("attrition", *given, "-o", tmp_path / "a.svg").code == 0


ONE = {
    "trial": "N1",
    "title": "N1",
    "on": "2026-11-01",
    "screened": 1,
    "set_aside": {},
    "verdicts": {"eligible": 1},
    "steps": [],
}


@pytest.mark.parametrize(
    ("content", "arguments", "word"),
    [
        (b"{", (), "not JSON"),
        (b"\xff\xfe", (), "not JSON"),
        (b"[]", (), "it holds no attrition"),
        (b"{}", (), "neither a list of attritions"),
        (b"7", (), "neither a list of attritions"),
        (b'{"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "List"}}]}', (), "neither a list"),
        (orjson.dumps([{**ONE, "screened": "many"}]), (), "0/screened: it is no attrition"),
        (orjson.dumps([{**ONE, "more": 1}]), (), "0/more: it is no attrition"),
        (orjson.dumps([ONE]), ("--trial", "N2"), "choose one of N1"),
        (orjson.dumps([ONE, {**ONE, "trial": "N2"}]), ("-o", "a.svg"), "one picture for 2 trials"),
        (orjson.dumps([ONE]), ("-o", "a.pdf"), "no picture ends in .pdf"),
        (orjson.dumps([ONE]), ("-o", "counts.json/a.svg"), "cannot be written"),
        (orjson.dumps([ONE]), ON, "was counted already"),
        (orjson.dumps([ONE]), ("--patients", "p"), "was counted already"),
    ],
)
def test_a_bad_source_costs_one_clear_line(
    cli: Desk,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: bytes,
    arguments: tuple[str, ...],
    word: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("counts.json").write_bytes(content)
    said = cli("attrition", "counts.json", *arguments)
    assert (said.code, said.out) == (2, "")
    assert word in said.err
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("arguments", [(), ("--trials", "t"), ("nowhere",), (".",)])
def test_nothing_to_show(
    cli: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    said = cli("attrition", *arguments)
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)


@pytest.mark.parametrize("spoiled", ["group", "identifier", "period"])
def test_a_report_that_cannot_be_read_costs_only_itself(
    cli: Desk, given: tuple[object, ...], tmp_path: Path, spoiled: str
) -> None:
    cli("run", *given, "--out", tmp_path / "out")
    (file,) = (tmp_path / "out" / "results").glob("*.bundle.json")
    whole = json.loads(file.read_bytes())
    (report,) = (e["resource"] for e in whole["entry"] if e["resource"]["resourceType"] == "MeasureReport")
    bad = {**report, "id": "bad", spoiled: []}
    file.write_bytes(orjson.dumps({**whole, "entry": [{"resource": bad}, {"resource": report}]}))
    said = cli("attrition", file, "-o", tmp_path / "a.json")
    assert said.code == 1
    assert len(counts(tmp_path / "a.json")) == 1
    assert [p for p in said.problems if "MeasureReport/bad: it is no attrition" in p] == said.problems


def test_trials_with_one_name_have_files_of_their_own(cli: Desk, tmp_path: Path) -> None:
    several = [ONE, {**ONE, "on": "2026-11-02"}, {**ONE, "screened": 2}, {**ONE, "trial": "../N1"}]
    (tmp_path / "counts.json").write_bytes(orjson.dumps(several))
    assert cli("attrition", tmp_path / "counts.json", "-o", tmp_path / "out").code == 0
    names = sorted(f.name for f in (tmp_path / "out").iterdir())
    assert names == ["-N1.svg", "N1-2026-11-01-2.svg", "N1-2026-11-01.svg", "N1-2026-11-02.svg", "attrition.json"]


def test_what_the_page_shows_happens(cli: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one process, and the patients are matched once; the page's figure is what its command makes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(console, "out", Console(width=console.WIDE))
    Path("sample_bundles").symlink_to(sample_bundles())
    page = (DOCS / "attrition.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\$ fhirtrial (.+)\n((?:[^$`].*\n)*)", page, re.MULTILINE)
    assert len(shown) == 3
    for command, printed in shown:
        said = cli(*command.split())
        lines = "\n".join(line.rstrip() for line in (said.err + said.out).splitlines())
        assert re.search(".*".join(map(re.escape, printed.rstrip().split("…"))), lines, re.DOTALL), lines
    assert Path("attrition.svg").read_bytes() == (DOCS / "attrition.svg").read_bytes()
