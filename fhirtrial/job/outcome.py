"""What a run came to: counts, the pairs of a small run, what could not be used, and what was written where."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from fhirtrial.client import Receipt
from fhirtrial.criteria.truth import Truth, Verdict
from fhirtrial.errors import Problem
from fhirtrial.matching.attrition import Attrition
from fhirtrial.matching.result import Match, Trial
from fhirtrial.patients.facts import Patient

MOST_ROWS = 10_000


class Row(NamedTuple):
    """A match without its criteria: what a table shows."""

    patient: Patient
    trial: Trial
    on: dt.date
    verdict: Verdict
    decided_by: tuple[str, ...]
    counts: Mapping[Truth, int]
    set_aside: tuple[str, ...]
    candidate: bool

    @classmethod
    def of(cls, match: Match) -> Row:
        return cls(
            match.patient,
            match.trial,
            match.on,
            match.verdict,
            match.decided_by,
            match.counts,
            match.set_aside,
            match.candidate,
        )


@dataclass
class Outcome:
    """`verdicts` counts pairs by trial and verdict; `rows` is empty where there are more than `MOST_ROWS` of them.

    `attrition` speaks of those about whom results could be written, trial by trial.
    """

    verdicts: Counter[tuple[str, str]] = field(default_factory=Counter)
    rows: list[Row] = field(default_factory=list)
    attrition: tuple[Attrition, ...] = ()
    problems: list[Problem] = field(default_factory=list)
    receipt: Receipt | None = None
    written: list[Path] = field(default_factory=list)

    @property
    def pairs(self) -> int:
        return self.verdicts.total()

    @property
    def exit_code(self) -> int:
        if self.receipt is not None and not self.receipt.complete:
            return 3
        return 1 if self.problems else 0

    def see(self, matches: Iterable[Match]) -> None:
        for match in matches:
            self.verdicts[match.trial.id, match.verdict.label] += 1
            if self.pairs <= MOST_ROWS:
                self.rows.append(Row.of(match))
            else:
                self.rows.clear()
