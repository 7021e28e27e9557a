"""Independent engines of FHIRPath (`fhirpath.js`) and of units (`ucum-lhc`), both run by Node.js.

Nothing here knows an expression or a unit of the project: texts, Bundles and pairs go in, their answers come out.
"""

import fcntl
import hashlib
import json
import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .cql_engine import INSTALL_SECONDS, TAIL_LINES, NodeError

PROJECT = Path(__file__).parent / "fhirpath"
STAMP = PROJECT / "node_modules" / ".stamp"
AT_ONCE = 50

Answer = bool | str | None


class Pair(NamedTuple):
    """Two UCUM units, and the molar mass that may stand between them."""

    unit: str
    to: str
    molar_mass: float | None


class Converted(NamedTuple):
    """One and two of the first unit in the second, or why not."""

    one: float | None
    two: float | None
    reason: str | None


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


def evaluate(
    expressions: Mapping[str, str], patients: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]]
) -> Iterator[dict[str, Answer]]:
    """Each expression on each patient's Bundle with its constants: true, false, None for {}, or what went wrong."""
    install()
    waiting: list[dict[str, Any]] = []
    for bundle, constants in patients:
        waiting.append({"bundle": bundle, "constants": constants})
        if len(waiting) == AT_ONCE:
            yield from _evaluated(expressions, waiting)
            waiting = []
    if waiting:
        yield from _evaluated(expressions, waiting)


def convert(pairs: Sequence[Pair]) -> list[Converted]:
    install()
    given = json.dumps([{"from": pair.unit, "to": pair.to, "molarMass": pair.molar_mass} for pair in pairs])
    answers = [Converted(**json.loads(line)) for line in _run(["node", "convert.mjs"], given).splitlines()]
    if len(answers) != len(pairs):
        raise NodeError(f"convert.mjs answered on {len(answers)} of {len(pairs)} pairs")
    return answers


def _evaluated(expressions: Mapping[str, str], patients: list[dict[str, Any]]) -> list[dict[str, Answer]]:
    given = json.dumps({"expressions": dict(expressions), "patients": patients})
    answers: list[dict[str, Answer]] = [json.loads(line) for line in _run(["node", "evaluate.mjs"], given).splitlines()]
    if len(answers) != len(patients):
        raise NodeError(f"evaluate.mjs answered on {len(answers)} of {len(patients)} patients")
    return answers
