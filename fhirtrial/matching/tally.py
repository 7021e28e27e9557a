"""The attrition of all trials as arrays, counted from the bit planes of a screening; no pair becomes an object.

It says of a chunk what `attrition` says of its matches, and adds up over chunks.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fhirtrial.matching.aside import Asides
from fhirtrial.matching.attrition import TRUTHS, VERDICTS, Attrition, Step
from fhirtrial.matching.planes import Planes
from fhirtrial.matching.result import Trial
from fhirtrial.matching.screen import Screen, everyone, levels

Ints = NDArray[np.int64]
_BLOCK = 4096
"""Criteria that are counted at once, so that their planes are not all held a second time."""


@dataclass(frozen=True)
class Shape:
    """Where each trial's criteria stand in the row of all: trial i has `starts[i]` to `starts[i + 1]`."""

    starts: Ints
    excludes: NDArray[np.bool_]

    @classmethod
    def of(cls, trials: Sequence[Trial]) -> Shape:
        starts = np.cumsum([0, *(len(trial.criteria) for trial in trials)], dtype=np.int64)
        return cls(starts, np.array([c.kind == "exclusion" for trial in trials for c in trial.criteria], bool))

    @cached_property
    def depths(self) -> list[tuple[Ints, Ints]]:
        """The trials that have a first criterion and its place, those that have a second one, and so on."""
        sizes = np.diff(self.starts)
        found = []
        for depth in range(int(sizes.max(initial=0))):
            trials = np.flatnonzero(sizes > depth)
            found.append((trials, self.starts[trials] + depth))
        return found


@dataclass
class Tally:
    """Counts so far. `aside`: patients by the first reason why they are set aside in all trials; `enrolled`: in one."""

    verdicts: Ints
    remained: Ints
    truths: Ints
    screened: int = 0
    aside: Counter[str] = field(default_factory=Counter)
    enrolled: Counter[tuple[int, str]] = field(default_factory=Counter)

    @classmethod
    def nothing(cls, shape: Shape) -> Tally:
        trials, criteria = len(shape.starts) - 1, int(shape.starts[-1])
        return cls(np.zeros((trials, 5), np.int64), np.zeros(criteria, np.int64), np.zeros((criteria, 5), np.int64))

    def add(self, other: Tally) -> None:
        self.verdicts += other.verdicts
        self.remained += other.remained
        self.truths += other.truths
        self.screened += other.screened
        self.aside.update(other.aside)
        self.enrolled.update(other.enrolled)


def tally(shape: Shape, found: Screen, asides: Asides) -> Tally:
    """Of one chunk, whose screen has the criteria's planes too."""
    planes, rows = found.criteria
    counts = Tally.nothing(shape)
    counts.screened = found.patients
    counts.aside.update(reasons[0] for reasons in asides.every if reasons)
    counts.enrolled.update((t, reasons[0]) for (p, t), reasons in asides.pairs.items() if not asides.every[p])
    remaining = _judged(len(shape.starts) - 1, found.patients, asides)
    counts.verdicts = levels(found.planes & remaining[:, None], np.bitwise_count(remaining).sum(axis=1, dtype=np.int64))
    distinct, place = np.unique(rows, return_inverse=True)
    all_of_them = everyone(found.patients)
    blocks = [planes[distinct[i : i + _BLOCK]] & all_of_them for i in range(0, len(distinct), _BLOCK)]
    if blocks:
        counts.truths = np.concatenate([levels(block, found.patients) for block in blocks])[place]
    for trials, criteria in shape.depths:
        remaining[trials] &= _fits(planes, rows[criteria], shape.excludes[criteria])
        counts.remained[criteria] = np.bitwise_count(remaining[trials]).sum(axis=1)
    return counts


def attritions(trials: Sequence[Trial], on: dt.date, counts: Tally) -> list[Attrition]:
    """One for each trial, in their order."""
    aside: dict[int, Counter[str]] = {}
    for (number, reason), times in counts.enrolled.items():
        aside.setdefault(number, Counter(counts.aside))[reason] += times
    found = []
    place = 0
    for number, trial in enumerate(trials):
        reasons = aside.get(number, counts.aside)
        came = counts.screened - sum(reasons.values())
        steps = []
        for criterion in trial.criteria:
            remained = int(counts.remained[place])
            truths = dict(zip(TRUTHS, reversed(counts.truths[place].tolist()), strict=True))
            words = {"criterion": criterion.id, "kind": criterion.kind, "text": criterion.text}
            steps.append(Step(**words, came=came, remained=remained, truths=truths))
            came, place = remained, place + 1
        found.append(
            Attrition(
                trial=trial.id,
                title=trial.title,
                on=on,
                screened=counts.screened,
                set_aside=dict(sorted(reasons.items())),
                verdicts=dict(zip(VERDICTS, reversed(counts.verdicts[number].tolist()), strict=True)),
                steps=tuple(steps),
            )
        )
    return found


def _judged(trials: int, patients: int, asides: Asides) -> NDArray[np.uint64]:
    """[trials × words]: the patients who come to the first criterion."""
    bits = np.zeros((len(everyone(patients)) * 64,), np.uint8)
    bits[:patients] = [not reasons for reasons in asides.every]
    words = np.packbits(bits, bitorder="little").view(np.uint64)
    judged = np.repeat(words[None], trials, axis=0)
    for patient, trial in asides.pairs:
        judged[trial, patient // 64] &= ~(np.uint64(1) << np.uint64(patient % 64))
    return judged


def _fits(planes: Planes, rows: Ints, excludes: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """Where a criterion does not rule out: an inclusion is at least unknown, an exclusion at most."""
    fits: NDArray[np.uint64] = np.where(excludes[:, None], ~planes[rows, 2], planes[rows, 1])
    return fits
