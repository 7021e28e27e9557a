"""The one evaluator: atoms over a chunk of patients, then gates in order; for one patient or for many alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fhirtrial.matching.atoms import answer
from fhirtrial.matching.grades import Answer
from fhirtrial.matching.plan import Gate, Plan, Planned
from fhirtrial.matching.view import View


@dataclass(frozen=True)
class Evaluated:
    """`truth` is [nodes × patients] int8, atoms first; `answers` are the atoms' reasons and rows."""

    truth: NDArray[np.int8]
    answers: tuple[Answer, ...]


def evaluate(plan: Plan, view: View) -> Evaluated:
    view.hear(view.codes.index(plan.concepts))
    answers = tuple(answer(question, view) for question in plan.atoms)
    truth = np.empty((len(plan.atoms) + len(plan.gates), view.patients), np.int8)
    for number, told in enumerate(answers):
        truth[number] = told.truth
    for number, gate in enumerate(plan.gates, len(plan.atoms)):
        truth[number] = _gate(gate, truth)
    return Evaluated(truth, answers)


def verdicts(planned: Planned, evaluated: Evaluated) -> NDArray[np.int8]:
    """Per patient the least over inclusions, defects and negated exclusions; a trial without criteria is unknown."""
    if not planned.roots:
        return np.full(evaluated.truth.shape[1], 2, np.int8)
    held = [
        4 - evaluated.truth[root] if criterion.kind == "exclusion" else evaluated.truth[root]
        for root, criterion in zip(planned.roots, planned.trial.criteria, strict=True)
    ]
    least: NDArray[np.int8] = np.minimum.reduce(held)
    return least


def _gate(gate: Gate, truth: NDArray[np.int8]) -> NDArray[np.int8]:
    if gate.k == 0:
        negated: NDArray[np.int8] = 4 - truth[gate.nodes[0]]
        return negated
    rows = truth[list(gate.nodes)]
    if gate.k == 1:
        most: NDArray[np.int8] = rows.max(axis=0)
        return most
    if gate.k == len(gate.nodes):
        least: NDArray[np.int8] = rows.min(axis=0)
        return least
    nth = len(gate.nodes) - gate.k
    kth: NDArray[np.int8] = np.partition(rows, nth, axis=0)[nth]
    return kth
