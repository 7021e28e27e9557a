"""Says whether an outside program that a test needs is there: a run without it skips by name, unless it is required."""

import os
import shutil

import pytest

VARIABLE = "FHIRTRIAL_REQUIRE"


def need(name: str, *programs: str) -> None:
    """Skips the calling test when a program is missing; fails it if FHIRTRIAL_REQUIRE (comma separated) has `name`."""
    missing = [program for program in programs if shutil.which(program) is None]
    if not missing:
        return
    reason = f"{name}: no {' and no '.join(missing)} on the PATH"
    if name in {item.strip() for item in os.environ.get(VARIABLE, "").split(",")}:
        pytest.fail(f"{reason}, and {VARIABLE} names {name}")
    pytest.skip(reason)
