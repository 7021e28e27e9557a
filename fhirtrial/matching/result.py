"""What matching one patient against one trial says; nouns only.

`truth` is that of the criterion as written: an exclusion whose truth is `yes` excludes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from fhirtrial.criteria.criterion import Criterion, reviewed
from fhirtrial.criteria.tree import Atom
from fhirtrial.criteria.truth import Truth, Verdict
from fhirtrial.patients.facts import Patient

SCHEMA_VERSION = "1"
RECRUITING = frozenset({"RECRUITING", "ENROLLING_BY_INVITATION", "NOT_YET_RECRUITING"})


@dataclass(frozen=True)
class Trial:
    """A trial as it was published: what the matcher runs. `questionnaire` is the canonical its answers cite."""

    id: str
    title: str
    status: str
    criteria: tuple[Criterion, ...]
    questionnaire: str
    tree_hash: str
    identifiers: tuple[tuple[str, str], ...] = ()

    @property
    def recruiting(self) -> bool:
        return self.status in RECRUITING

    @cached_property
    def reviewed(self) -> bool:
        """Whether a person has read every tree; only then are candidates written."""
        return reviewed(self.criteria)


@dataclass(frozen=True)
class Evidence:
    """One deciding element: where it is, what it says, and what it was compared with after conversion."""

    resource: str
    version: str
    path: str
    value: str
    date: str
    compared: str

    def to_json(self) -> dict[str, str]:
        return {k: v for k, v in vars(self).items() if v}


@dataclass(frozen=True)
class Need:
    """What would settle an unknown: in words, and the atom that asks. `question` is a Questionnaire linkId, if any.

    `item` names what is to be got, alike for all atoms that it answers ("result: creatinine"); it is empty where
    neither data nor an answer can settle the atom: its anchor only the trial knows, or FHIR has no element for it.
    """

    text: str
    atom: Atom
    question: str = ""
    reasons: tuple[str, ...] = ()
    item: str = ""


class Open(NamedTuple):
    """What is left of an unknown tree when everything known is taken out: at least `k` of the nodes, 0 negates one.

    A node is a place in the criterion's needs, or `UNANSWERABLE`.
    """

    k: int
    nodes: tuple[Open | int, ...]


UNANSWERABLE = -1


@dataclass(frozen=True)
class CriterionResult:
    criterion: Criterion
    truth: Truth
    reasons: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    needs: tuple[Need, ...] = ()
    open: Open | None = None


@dataclass(frozen=True)
class Basis:
    """What a verdict stands on: hashes of engine, tree, terminology and policy, completeness, the data's as-of time."""

    engine: str
    tree: str
    terminology: str
    policy: str
    completeness: Mapping[str, str] = field(default_factory=dict)
    as_of: str = ""


@dataclass(frozen=True)
class Match:
    """One patient × one trial at one date. `set_aside` names what stands above the criteria (deceased, enrolled…).

    Where it was asked: `next_change` is the first day on which time alone gives another verdict; without one,
    `unchanged_until` is the last day that was looked at.
    """

    patient: Patient
    trial: Trial
    on: dt.date
    verdict: Verdict
    decided_by: tuple[str, ...]
    counts: Mapping[Truth, int]
    criteria: tuple[CriterionResult, ...]
    basis: Basis
    set_aside: tuple[str, ...] = ()
    next_change: dt.date | None = None
    unchanged_until: dt.date | None = None

    @property
    def candidate(self) -> bool:
        """Whether a person should look at this pair next."""
        return self.verdict >= Verdict.PRESUMED_ELIGIBLE and not self.set_aside

    def to_json(self, detail: str = "evidence") -> dict[str, Any]:
        """One output line; `detail` is verdict, criteria or evidence; `fhirtrial schema match` publishes the form."""
        line: dict[str, Any] = {
            "schemaVersion": SCHEMA_VERSION,
            "patient": self.patient.reference,
            "trial": self.trial.id,
            "on": self.on.isoformat(),
            "verdict": self.verdict.label,
            "decided_by": list(self.decided_by),
            "counts": {t.label: self.counts.get(t, 0) for t in reversed(Truth)},
            "reviewed": self.trial.reviewed,
        }
        if self.set_aside:
            line["set_aside"] = list(self.set_aside)
        for name, day in (("next_change", self.next_change), ("unchanged_until", self.unchanged_until)):
            if day is not None:
                line[name] = day.isoformat()
        if detail != "verdict":
            line["criteria"] = [_criterion(r, detail) for r in self.criteria]
        return line


def _criterion(result: CriterionResult, detail: str) -> dict[str, Any]:
    line: dict[str, Any] = {
        "id": result.criterion.id,
        "kind": result.criterion.kind,
        "truth": result.truth.label,
        "reasons": list(result.reasons),
    }
    if detail == "evidence":
        line["text"] = result.criterion.text
        line["evidence"] = [e.to_json() for e in result.evidence]
        line["needs"] = [n.text for n in result.needs]
    return line
