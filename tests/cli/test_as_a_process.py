"""As a process: what only a shell can see."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from small_trial import bundle, patient_file, person

ON = ("--on", "2026-11-01")


def program(*arguments: object, **more: Any) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "fhirtrial.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=False, **more)


@pytest.mark.slow
def test_a_pipe_gets_results_and_nothing_else(trials: Path, patients: Path) -> None:
    done = program("match", "--trials", trials, "--patients", "-", "--loaded", "all", *ON, input=orjson.dumps(bundle()))
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["verdict"] == "eligible"
    shown = program("run", "--trials", trials, "--patients", patients, *ON, "--out", trials.parent / "out")
    assert b"\x1b" not in shown.stdout + shown.stderr


def test_a_reader_who_has_enough_may_leave(tmp_path: Path, trials: Path) -> None:
    lines = b"".join(orjson.dumps(bundle(person(f"p{n}"))) + b"\n" for n in range(400))
    file = patient_file(tmp_path, lines, "many.ndjson")
    command = [sys.executable, "-m", "fhirtrial.cli", "match", "--trials", str(trials), "--patients", str(file), *ON]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline().startswith(b'{"schemaVersion"')
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=60) == 0


def test_help_loads_no_engine() -> None:
    """What makes `--help` slow is named, not timed: a clock would measure the machine."""
    code = "import sys, fhirtrial.cli; print(*sorted(m for m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ})
    loaded = set(done.stdout.split())
    assert not loaded & {"numpy", "pydantic", "requests", "msgspec", "orjson", "fhir", "pyarrow"}
