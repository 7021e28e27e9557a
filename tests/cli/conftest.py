"""What every command is tried on: one small trial, and two patients."""

from __future__ import annotations

from pathlib import Path

import pytest
import small_trial
from small_trial import bundle, patient_file, person


@pytest.fixture
def trials(tmp_path: Path) -> Path:
    return small_trial.record_file(tmp_path / "trials")


@pytest.fixture
def patients(tmp_path: Path) -> Path:
    """An adult and a child."""
    folder = tmp_path / "patients"
    patient_file(folder, bundle(person("ada", "1980-02-03")), "ada.json")
    patient_file(folder, bundle(person("bea", "2020-02-03")), "bea.json")
    return folder
