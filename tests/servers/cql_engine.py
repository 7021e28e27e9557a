"""An independent CQL translator and engine: the reference translator and `cql-execution`, both run by Node.js.

Nothing here knows a library of the project: CQL text and Bundles go in, what the engine says comes out.
"""

import fcntl
import hashlib
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parent / "cql"
STAMP = PROJECT / "node_modules" / ".stamp"
INSTALL_SECONDS = 600
TAIL_LINES = 40

Scalar = bool | int | float | str | None


class NodeError(RuntimeError):
    """npm or a Node.js program failed; the message ends with the last lines it wrote."""


@dataclass(frozen=True)
class Translation:
    """What the translator said of one library; each text begins with "line:column"."""

    errors: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Execution:
    """The scalar defines of one patient, or why the engine gave up on that patient."""

    results: Mapping[str, Scalar] = field(default_factory=dict)
    error: str | None = None


def _run(command: list[str], given: str, seconds: float | None = None) -> str:
    # UTC, so that a date without an offset means the same on every machine.
    env = {**os.environ, "TZ": "UTC"}
    run = subprocess.run(
        command, cwd=PROJECT, env=env, input=given, capture_output=True, encoding="utf-8", timeout=seconds, check=False
    )
    if run.returncode:
        tail = "\n".join((run.stdout + run.stderr).splitlines()[-TAIL_LINES:])
        raise NodeError(f"{' '.join(command)} ended with {run.returncode}:\n{tail}")
    return run.stdout


def install() -> None:
    """Installs exactly the locked packages, unless they are there."""
    with (PROJECT / "package-lock.json").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # test processes side by side install one after the other
        stamp = hashlib.sha256(lock.read()).hexdigest()
        if STAMP.exists() and STAMP.read_text() == stamp:
            return
        _run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], "", INSTALL_SECONDS)
        STAMP.write_text(stamp)


def translate(libraries: Mapping[str, str]) -> dict[str, Translation]:
    """The translator's errors and warnings per library name; one process start for all of them."""
    install()
    lines = [json.dumps({"name": name, "cql": cql}) for name, cql in libraries.items()]
    answers = [json.loads(line) for line in _run(["node", "translate.mjs"], "\n".join(lines)).splitlines()]
    if [answer["name"] for answer in answers] != list(libraries):
        raise NodeError(f"translate.mjs answered on {len(answers)} of {len(libraries)} libraries")
    return {answer["name"]: Translation(tuple(answer["errors"]), tuple(answer["warnings"])) for answer in answers}


def execute(
    cql: str,
    bundles: Sequence[dict[str, Any]],
    parameters: Mapping[str, Any] | None = None,
    *,
    own: Sequence[Mapping[str, Any]] | None = None,
    defines: Sequence[str] | None = None,
) -> list[Execution]:
    """Runs the defines (all, where none are named) of a library on each Bundle, in order.

    `own` has each Bundle's parameters beside the common ones; dates among them are ISO strings.
    """
    install()
    each = own or [{}] * len(bundles)
    patients = [
        {"bundle": bundle, "parameters": {**(parameters or {}), **mine}}
        for bundle, mine in zip(bundles, each, strict=True)
    ]
    given = json.dumps({"cql": cql, "defines": None if defines is None else list(defines), "patients": patients})
    answers = [json.loads(line) for line in _run(["node", "execute.mjs"], given).splitlines()]
    if len(answers) != len(bundles):
        raise NodeError(f"execute.mjs answered on {len(answers)} of {len(bundles)} Bundles")
    return [Execution(**answer) for answer in answers]
