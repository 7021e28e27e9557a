"""The example of docs/add-a-mapping.md, found as an installed package would be: through its entry point."""

from __future__ import annotations

import datetime as dt
import importlib
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fhir_shapes import faults
from small_trial import bundle, person, record

import fhirtrial
from fhirtrial import plugins

PACKAGE = Path(__file__).parent / "hospital"
ON = dt.date(2026, 11, 1)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What `pip install tests/hospital` leaves behind, as far as finding it goes."""
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    info = tmp_path / "hospital_mappings-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    points = project["entry-points"][plugins.GROUP]
    lines = [f"[{plugins.GROUP}]", *(f"{name} = {target}" for name, target in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(PACKAGE)
    yield
    sys.modules.pop("hospital_mappings", None)
    importlib.invalidate_caches()


def results(folder: Path, *people: dict[str, Any]) -> list[dict[str, Any]]:
    """The entries that a run over these people would post."""
    trials = fhirtrial.load_trials([record(folder)])
    matches = [m for one in people for m in fhirtrial.match(trials, bundle(one), on=ON)]
    (posted,) = fhirtrial.report(matches)
    entries: list[dict[str, Any]] = posted["entry"]
    return entries


def test_only_an_installed_package_adds_its_resources(tmp_path: Path) -> None:
    assert "Task" not in {e["resource"]["resourceType"] for e in results(tmp_path, person())}


@pytest.mark.usefixtures("installed")
def test_the_nurse_gets_a_task_for_each_patient_to_look_at(tmp_path: Path) -> None:
    entries = results(tmp_path, person("ada", "1980-02-03"), person("bea", "2020-02-03"))
    tasks = [e for e in entries if e["resource"]["resourceType"] == "Task"]
    assert [t["resource"]["for"]["reference"] for t in tasks] == ["Patient/ada"]
    assert tasks[0]["request"]["method"] == "POST"
    assert tasks[0]["request"]["ifNoneExist"].startswith("identifier=https://fhirtrial.example/fhir/NamingSystem/")
    assert {"GuidanceResponse", "MeasureReport", "List"} <= {e["resource"]["resourceType"] for e in entries}


@pytest.mark.usefixtures("installed")
def test_the_same_people_give_the_same_tasks(tmp_path: Path) -> None:
    assert results(tmp_path / "one", person()) == results(tmp_path / "two", person())


@pytest.mark.usefixtures("installed")
def test_the_tasks_are_valid_fhir(tmp_path: Path) -> None:
    found = [e["resource"] for e in results(tmp_path, person()) if e["resource"]["resourceType"] == "Task"]
    assert [task["status"] for task in found] == ["requested"]
    assert faults(found) == {}
