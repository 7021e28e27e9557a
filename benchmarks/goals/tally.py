"""Counts of one goal, held against its target; knows the goals' figures and nothing of how they are counted."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

Measure = Literal["P", "R", "F"]

# Goal → what must be reached: at least, or for a share that should be small at most.
TARGETS: dict[str, tuple[tuple[Measure, Literal[">=", "<="], float], ...]] = {
    "G0 conservation": (("R", ">=", 1.0),),
    "G0 characters of the section": (("R", ">=", 1.0),),
    "G1 comparator + number": (("F", ">=", 0.97),),
    "G2 (op, value) sets": (("F", ">=", 0.93),),
    "G3 gold values": (("R", ">=", 0.95),),
    "G3 gold times": (("R", ">=", 0.98),),
    "G4 analyte + op + value + unit": (("P", ">=", 0.90), ("R", ">=", 0.75)),
    "G5 window on its entity": (("P", ">=", 0.85), ("R", ">=", 0.70)),
    "G6 condition": (("F", ">=", 0.80),),
    "G6 drug": (("F", ">=", 0.78),),
    "G6 measurement": (("F", ">=", 0.78),),
    "G6 procedure": (("F", ">=", 0.65),),
    "G7 negation, exception": (("F", ">=", 0.75),),
    "G8 OR pairs": (("F", ">=", 0.80),),
    "G9 not queryable, yet exact (R)": (("R", "<=", 0.05),),
    "G10 queryable: exact (R)": (("R", ">=", 0.65),),
    "G10 queryable: with an atom (R)": (("R", ">=", 0.93),),
    "G11 exact is right (P)": (("P", ">=", 0.90),),
    "G13 metamorphic": (("R", ">=", 1.0),),
    "G14 English and back": (("R", ">=", 0.99),),
}
SPEED = 500
"""Criteria per second on one core (G16)."""


@dataclass
class Tally:
    """Counts of one goal: `hit` of `made` predictions, `kept` of `gold` expectations."""

    hit: int = 0
    made: int = 0
    kept: int = 0
    gold: int = 0
    missed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def expect(self, kept: bool, what: str) -> None:
        self.gold += 1
        self.kept += kept
        if not kept:
            self.missed.append(what)

    def claim(self, right: bool, what: str) -> None:
        self.made += 1
        self.hit += right
        if not right:
            self.wrong.append(what)

    @property
    def precision(self) -> float:
        return self.hit / self.made if self.made else 0.0

    @property
    def recall(self) -> float:
        return self.kept / self.gold if self.gold else 0.0

    @property
    def f1(self) -> float:
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0

    def __str__(self) -> str:
        def told(letter: str, value: float, counted: bool) -> str:
            return f"{letter} {value:.3f}" if counted else f"{letter}     -"

        both = bool(self.made and self.gold)
        return "  ".join(
            (
                told("P", self.precision, bool(self.made)),
                told("R", self.recall, bool(self.gold)),
                told("F", self.f1, both),
                f"(n={self.gold or self.made})",
            )
        )


def row(name: str, counts: Tally) -> str:
    """One line of the table: the figures, the target, and whether it is met or by how much it is short."""
    figures = {"P": counts.precision, "R": counts.recall, "F": counts.f1}
    targets, gaps = [], []
    for measure, sign, wanted in TARGETS.get(name, ()):
        targets.append(f"{measure} {sign} {wanted:g}")
        gap = wanted - figures[measure] if sign == ">=" else figures[measure] - wanted
        if gap > 0:
            gaps.append(f"{measure} short by {gap:.3f}")
    said = ", ".join(gaps) or "met" if targets else ""
    return f"{name:36s} {counts!s:44s} {', '.join(targets):20s} {said}".rstrip()


def order(name: str) -> tuple[int, str]:
    """Goals by their number."""
    number = re.match(r"G(\d+)", name)
    return int(number[1]) if number else 99, name.replace("…", "~")
