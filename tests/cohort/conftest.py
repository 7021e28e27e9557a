"""A small population, as files and as facts, and small trials for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cohort.populations import CHUNK, PATIENTS
from generated.questions import criteria

from fhirtrial.cohort import local
from fhirtrial.cohort.parts import Part
from fhirtrial.matching.result import Trial
from fhirtrial.patients import slices
from fhirtrial.patients.cache import cached_patients
from fhirtrial.samples import DEMO_DATE, sample_bundles


@pytest.fixture(scope="module")
def trials() -> tuple[Trial, ...]:
    """Small ones, so that a run is quick."""
    asked = {"NCT1": ("age", "condition"), "NCT2": ("sex",)}
    return tuple(
        Trial(name, name, "RECRUITING", tuple(c for kind in kinds for c in criteria(kind)[:2]), "", "")
        for name, kinds in asked.items()
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Some sample patients, and one who stands in two Bundles."""
    folder = tmp_path / "patients"
    folder.mkdir()
    for path in sorted((sample_bundles() / "patients").glob("*.json"))[::10][:PATIENTS]:
        (folder / path.name).write_bytes(path.read_bytes())
    first = min(folder.iterdir())
    (folder / "z-again.json").write_bytes(first.read_bytes())
    return folder


@pytest.fixture
def cache(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Their facts in several parts, files apart from each other."""
    monkeypatch.setattr(slices, "neighbours", lambda files: (files[i : i + CHUNK] for i in range(0, 99, CHUNK)))
    for _ in cached_patients(source, tmp_path / "cache", on=DEMO_DATE):
        pass
    return tmp_path / "cache"


@pytest.fixture
def matched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The parts that were matched, in their order."""
    names: list[str] = []
    original = local.match_part

    def noted(order: Any, shape: Any, part: Part) -> Any:
        names.append(part.name)
        return original(order, shape, part)

    monkeypatch.setattr(local, "match_part", noted)
    return names
