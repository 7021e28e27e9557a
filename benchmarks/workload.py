"""Many trials and many patients out of the real ones: every number of a criterion varied, every date of a record moved.

Real criteria are what the readers make of real records; a trial's copy keeps its trees and changes thresholds, ages and
windows, each drawn from a few variants, so that trials share some atoms and not others, as trials do.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import fhirtrial
from fhirtrial.criteria.tree import Age, Measurement, Offset
from fhirtrial.matching.result import Trial
from fhirtrial.patients.facts import CEIL, DTYPES, FLOOR, Facts, Patient
from fhirtrial.samples import sample_bundles

VARIANTS = 24
SHARED = 0.4
"""How many of the drawn variants are the original number: common thresholds are common."""


def real_trials(corpus: Path | None) -> list[Trial]:
    """The five sample trials and, where the corpus is at hand, its API v2 records through the parser."""
    sources = [sample_bundles() / "trials", *([corpus / "data" / "trials" / "ctgov_v2"] if corpus else [])]
    records = [record for source in sources for record in fhirtrial.read_trials(source).records]
    return [Trial(r.id, r.id, "RECRUITING", r.criteria, f"https://trials.example/{r.id}", "") for r in records]


def many_trials(real: Sequence[Trial], number: int) -> list[Trial]:
    """`number` trials, the real ones first; each criterion of a copy is one of its variants."""
    varied: dict[tuple[int, int, int], Any] = {}
    chance = random.Random(number)

    def criterion(trial: int, place: int) -> Any:
        variant = 0 if chance.random() < SHARED else chance.randrange(VARIANTS)
        key = (trial, place, variant)
        if key not in varied:
            one = real[trial].criteria[place]
            varied[key] = one.model_copy(update={"tree": vary(one.tree, variant)})
        return varied[key]

    found = list(real[:number])
    while len(found) < number:
        copy, trial = divmod(len(found), len(real))
        name = f"{real[trial].id}-{copy}"
        criteria = tuple(criterion(trial, place) for place in range(len(real[trial].criteria)))
        found.append(replace(real[trial], id=name, questionnaire=f"https://trials.example/{name}", criteria=criteria))
    return found


def vary(node: Any, variant: int) -> Any:
    """The node with its numbers moved by the variant; 0 leaves them."""
    if variant == 0:
        return node
    factor = 1 + 0.05 * variant * (-1) ** variant / 2
    changes: dict[str, Any] = {}
    for name in type(node).model_fields:
        value = getattr(node, name)
        if isinstance(value, tuple) and value and hasattr(value[0], "model_fields"):
            changes[name] = tuple(vary(inner, variant) for inner in value)
        elif isinstance(value, Offset) and name != "end":
            changes[name] = value.model_copy(update={"value": float(round(value.value * factor)) or value.value})
        elif isinstance(node, Age) and name in {"low", "high"} and value is not None:
            changes[name] = type(value)(max(0, round(value + (variant - VARIANTS // 2) / 2)))
        elif isinstance(node, Measurement) and name == "value":
            changes[name] = float(f"{value * factor:.4g}")
        elif hasattr(value, "model_fields"):
            changes[name] = vary(value, variant)
    return node.model_copy(update=changes) if changes else node


def many_patients(facts: Facts, number: int, seed: int = 0) -> Facts:
    """`number` patients: those of `facts` again and again, records moved by up to a year, numbers by up to 15 %."""
    chance = np.random.default_rng(seed)
    own = facts.columns["patient"]
    starts = np.searchsorted(own, np.arange(len(facts.patients) + 1))
    of = np.arange(number) % len(facts.patients)
    rows = np.concatenate([np.arange(starts[p], starts[p + 1]) for p in of.tolist()])
    who = np.repeat(np.arange(number), starts[of + 1] - starts[of])
    columns = {name: column[rows] for name, column in facts.columns.items()}
    columns["patient"] = who.astype(DTYPES["patient"])
    days = chance.integers(-365, 366, number)
    for name in ("start_low", "start_high", "end_low", "end_high", "recorded"):
        column = columns[name]
        real = (column > FLOOR) & (column < CEIL)
        columns[name] = np.where(real, column + days[who], column).astype(DTYPES[name])
    columns["instant"] = columns["instant"] + days[who] * 86_400_000
    factor = chance.uniform(0.85, 1.15, len(rows))
    for name in ("low", "high"):
        columns[name] = columns[name] * factor
    return Facts(
        tuple(_moved(facts.patients[p], i, int(days[i])) for i, p in enumerate(of.tolist())), columns, facts.vocabulary
    )


@cache
def _reference(number: int) -> str:
    return f"Patient/p{number}"


def _moved(patient: Patient, number: int, days: int) -> Patient:
    birth = None if patient.birth is None else (patient.birth[0] + days, patient.birth[1] + days)
    return replace(patient, reference=_reference(number), birth=birth)
