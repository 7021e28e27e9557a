"""What a run came to: counts, the pairs of a small run, what could not be used, and what was written where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from fhirtrial.client import Receipt
from fhirtrial.errors import Problem
from fhirtrial.matching.attrition import Attrition
from fhirtrial.matching.result import Match

MOST_ROWS = 10_000


@dataclass
class Outcome:
    """`verdicts` counts pairs by trial and verdict; `rows` are the matches without their criteria.

    There are none of them where there are more than `MOST_ROWS`. `attrition` speaks of those about whom results
    could be written, trial by trial.
    """

    verdicts: Counter[tuple[str, str]] = field(default_factory=Counter)
    rows: list[Match] = field(default_factory=list)
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
                self.rows.append(replace(match, criteria=()))
            else:
                self.rows.clear()
