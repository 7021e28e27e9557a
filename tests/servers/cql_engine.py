"""An independent CQL translator and engine: the reference translator and `cql-execution`, both run by Node.js.

Nothing here knows a library of the project: CQL text and Bundles go in, what the engine says comes out.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .node import NodeError, install, run

PROJECT = Path(__file__).parent / "cql"

Scalar = bool | int | float | str | None


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


def translate(libraries: Mapping[str, str]) -> dict[str, Translation]:
    """The translator's errors and warnings per library name; one process start for all of them."""
    install(PROJECT)
    lines = [json.dumps({"name": name, "cql": cql}) for name, cql in libraries.items()]
    answers = [json.loads(line) for line in run(PROJECT, ["node", "translate.mjs"], "\n".join(lines)).splitlines()]
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
    install(PROJECT)
    each = own or [{}] * len(bundles)
    patients = [
        {"bundle": bundle, "parameters": {**(parameters or {}), **mine}}
        for bundle, mine in zip(bundles, each, strict=True)
    ]
    given = json.dumps({"cql": cql, "defines": None if defines is None else list(defines), "patients": patients})
    answers = [json.loads(line) for line in run(PROJECT, ["node", "execute.mjs"], given).splitlines()]
    if len(answers) != len(bundles):
        raise NodeError(f"execute.mjs answered on {len(answers)} of {len(bundles)} Bundles")
    return [Execution(**answer) for answer in answers]
