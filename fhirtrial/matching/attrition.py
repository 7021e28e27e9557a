"""How many patients each criterion of a trial leaves: counts alone, added up over chunks of a screening.

A patient remains while no criterion rules them out, for certain or presumably; an unknown rules nobody out. Those set
aside (deceased, enrolled, refused…) never come to the first criterion. Counted per criterion in the trial's order, as
CONSORT counts participants (https://www.consort-spirit.org, item "participant flow").
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from fhirtrial.criteria.truth import Truth, Verdict, negate
from fhirtrial.matching.result import CriterionResult, Match, Trial

TRUTHS = tuple(t.label for t in reversed(Truth))
VERDICTS = tuple(v.label for v in reversed(Verdict))


class Step(BaseModel):
    """One criterion: of those who `came` to it, it rules out all but `remained`; `truths` counts all screened."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    criterion: str
    kind: str
    text: str
    came: int
    remained: int
    truths: Mapping[str, int]


class Attrition(BaseModel):
    """One trial's screening: `set_aside` counts patients by the first reason, `verdicts` all the others."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trial: str
    title: str
    on: dt.date
    screened: int
    set_aside: Mapping[str, int]
    verdicts: Mapping[str, int]
    steps: tuple[Step, ...]

    @property
    def judged(self) -> int:
        """Those who came to the first criterion."""
        return self.screened - sum(self.set_aside.values())

    @property
    def remained(self) -> int:
        """Those whom no criterion rules out."""
        return self.steps[-1].remained if self.steps else self.judged


def nobody(trial: Trial, on: dt.date) -> Attrition:
    """Before the first patient."""
    none = dict.fromkeys(TRUTHS, 0)
    steps = (Step(criterion=c.id, kind=c.kind, text=c.text, came=0, remained=0, truths=none) for c in trial.criteria)
    return Attrition(
        trial=trial.id,
        title=trial.title,
        on=on,
        screened=0,
        set_aside={},
        verdicts=dict.fromkeys(VERDICTS, 0),
        steps=tuple(steps),
    )


def attrition(trial: Trial, on: dt.date, matches: Sequence[Match]) -> Attrition:
    """Of one trial's matches."""
    start, reached = nobody(trial, on), [m for m in matches if not m.set_aside]
    verdicts = Counter(m.verdict.label for m in reached)
    steps = []
    for place, before in enumerate(start.steps):
        remaining = [m for m in reached if not _ruled_out(m.criteria[place])]
        truths = _counted(TRUTHS, (m.criteria[place].truth.label for m in matches))
        counts = {"came": len(reached), "remained": len(remaining), "truths": truths}
        steps.append(before.model_copy(update=counts))
        reached = remaining
    aside = Counter(m.set_aside[0] for m in matches if m.set_aside)
    return start.model_copy(
        update={
            "screened": len(matches),
            "set_aside": dict(sorted(aside.items())),
            "verdicts": {name: verdicts[name] for name in VERDICTS},
            "steps": tuple(steps),
        }
    )


def joined(one: Attrition, other: Attrition) -> Attrition:
    """Two parts of one screening: the same trial on the same day."""
    if (one.trial, one.on, len(one.steps)) != (other.trial, other.on, len(other.steps)):
        msg = f"attrition of {one.trial} on {one.on} cannot be joined with that of {other.trial} on {other.on}"
        raise ValueError(msg)
    steps = tuple(
        a.model_copy(
            update={
                "came": a.came + b.came,
                "remained": a.remained + b.remained,
                "truths": _sum(a.truths, b.truths),
            }
        )
        for a, b in zip(one.steps, other.steps, strict=True)
    )
    return one.model_copy(
        update={
            "screened": one.screened + other.screened,
            "set_aside": _sum(one.set_aside, other.set_aside),
            "verdicts": _sum(one.verdicts, other.verdicts),
            "steps": steps,
        }
    )


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    names = one if one.keys() >= other.keys() else sorted({*one, *other})
    return {name: one.get(name, 0) + other.get(name, 0) for name in names}


def _counted(names: Sequence[str], found: Iterable[str]) -> dict[str, int]:
    counts = Counter(found)
    return {name: counts[name] for name in names}


def _ruled_out(result: CriterionResult) -> bool:
    fits = result.truth if result.criterion.kind != "exclusion" else negate(result.truth)
    return fits <= Truth.PRESUMED_NO
