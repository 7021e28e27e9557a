"""Says whether an outside program that a test needs is there: a run without it skips by name, unless it is required."""

import importlib.util
import os
import shutil
from collections.abc import Sequence

import pytest

VARIABLE = "FHIRTRIAL_REQUIRE"


def need(name: str, *programs: str, modules: Sequence[str] = ()) -> None:
    """Skips the calling test when a program or a Python module is missing; fails it if FHIRTRIAL_REQUIRE has `name`."""
    missing = [f"{program} on the PATH" for program in programs if shutil.which(program) is None]
    missing += [f"{module} in this Python" for module in modules if importlib.util.find_spec(module) is None]
    if not missing:
        return
    reason = f"{name}: no {' and no '.join(missing)}"
    if name in {item.strip() for item in os.environ.get(VARIABLE, "").split(",")}:
        pytest.fail(f"{reason}, and {VARIABLE} names {name}")
    pytest.skip(reason)
