"""A test whose outside program is missing skips and says why; where that program is required, it fails instead."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
TESTS = Path(__file__).parent
ONE_TEST = {
    "java": "test_hapi_server.py::test_a_stale_if_match_is_refused",
    "node": "test_cql_engine.py::test_a_library_that_is_right_translates_without_a_word",
}


@pytest.mark.parametrize("name", ONE_TEST)
@pytest.mark.parametrize(("required", "outcome"), [("", "1 skipped"), ("java,node", "1 error")])
def test_a_missing_program(name: str, required: str, outcome: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", str(TESTS / ONE_TEST[name])]
    env = {**os.environ, "PATH": str(tmp_path), "FHIRTRIAL_REQUIRE": required}
    run = subprocess.run(command, cwd=TESTS.parent, env=env, capture_output=True, text=True, check=False)
    assert outcome in run.stdout.splitlines()[-1], run.stdout
    assert f"{name}: no {name}" in run.stdout
