"""Independent engines of FHIRPath (`fhirpath.js`) and of units (`ucum-lhc`), both run by Node.js.

Nothing here knows an expression or a unit of the project: texts, Bundles and pairs go in, their answers come out.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .node import NodeError, install, run

PROJECT = Path(__file__).parent / "fhirpath"
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


def evaluate(
    expressions: Mapping[str, str], patients: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]]
) -> Iterator[dict[str, Answer]]:
    """Each expression on each patient's Bundle with its constants: true, false, None for {}, or what went wrong."""
    install(PROJECT)
    waiting: list[dict[str, Any]] = []
    for bundle, constants in patients:
        waiting.append({"bundle": bundle, "constants": constants})
        if len(waiting) == AT_ONCE:
            yield from _evaluated(expressions, waiting)
            waiting = []
    if waiting:
        yield from _evaluated(expressions, waiting)


def convert(pairs: Sequence[Pair]) -> list[Converted]:
    install(PROJECT)
    given = json.dumps([{"from": pair.unit, "to": pair.to, "molarMass": pair.molar_mass} for pair in pairs])
    answers = [Converted(**json.loads(line)) for line in run(PROJECT, ["node", "convert.mjs"], given).splitlines()]
    if len(answers) != len(pairs):
        raise NodeError(f"convert.mjs answered on {len(answers)} of {len(pairs)} pairs")
    return answers


def _evaluated(expressions: Mapping[str, str], patients: list[dict[str, Any]]) -> list[dict[str, Answer]]:
    given = json.dumps({"expressions": dict(expressions), "patients": patients})
    answers: list[dict[str, Answer]] = [
        json.loads(line) for line in run(PROJECT, ["node", "evaluate.mjs"], given).splitlines()
    ]
    if len(answers) != len(patients):
        raise NodeError(f"evaluate.mjs answered on {len(answers)} of {len(patients)} patients")
    return answers
