"""Patients against trials: a stream of matches, one per pair, with everything that could not be read beside it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from fhirtrial.criteria.truth import Truth, Verdict
from fhirtrial.errors import Problem
from fhirtrial.matching.arrow import batch_of
from fhirtrial.matching.calendar import day
from fhirtrial.matching.kernel import Evaluated, evaluate, verdicts
from fhirtrial.matching.plan import Plan, Planned, plan
from fhirtrial.matching.result import Basis, CriterionResult, Match, Trial
from fhirtrial.matching.trace import traced
from fhirtrial.matching.view import Codes, View
from fhirtrial.patients.facts import FLOOR, Facts, Patient
from fhirtrial.site import Site
from fhirtrial.terminology import Terminology
from fhirtrial.terminology.policy import Policy

if TYPE_CHECKING:
    import pyarrow as pa

POTENTIAL = frozenset({"candidate", "potential-candidate"})
"""ResearchSubject states that a machine may have written; any other is a person's decision."""


@dataclass
class Run:
    """Iterates the matches, chunk by chunk; `failures` fills while it does. It can be iterated once."""

    trials: Sequence[Trial]
    chunks: Iterable[Facts]
    on: dt.date
    terminology: Terminology
    policy: Policy
    site: Site
    engine: str
    failures: list[Problem] = field(default_factory=list)

    def __iter__(self) -> Iterator[Match]:
        for facts in self.chunks:
            self.failures.extend(facts.problems)
            yield from self.matches(facts)

    def batches(self, detail: str = "verdict") -> Iterator[pa.RecordBatch]:
        """The matches as Arrow, a batch per chunk; nested values are JSON text. Needs the extra `parquet`."""
        for facts in self.chunks:
            self.failures.extend(facts.problems)
            yield batch_of([match.to_json(detail) for match in self.matches(facts)])

    @cached_property
    def plan(self) -> Plan:
        return plan(self.trials, self.terminology)

    @cached_property
    def _codes(self) -> Codes:
        return Codes(self.terminology)

    def matches(self, facts: Facts) -> Iterator[Match]:
        """The matches of one chunk, patient by patient."""
        view = View(facts, self.on, self._codes, self.policy, self.site.uln)
        evaluated = evaluate(self.plan, view)
        outcome = [verdicts(planned, evaluated) for planned in self.plan.trials]
        for number, patient in enumerate(facts.patients):
            for planned, verdict in zip(self.plan.trials, outcome, strict=True):
                yield self._match(planned, Verdict(int(verdict[number])), evaluated, view, number, patient)

    def _match(
        self, planned: Planned, verdict: Verdict, evaluated: Evaluated, view: View, number: int, patient: Patient
    ) -> Match:
        trial = planned.trial
        criteria = tuple(
            traced(criterion, root, self.plan, evaluated, view, number)
            for criterion, root in zip(trial.criteria, planned.roots, strict=True)
        )
        return Match(
            patient=patient,
            trial=trial,
            on=self.on,
            verdict=verdict,
            decided_by=tuple(r.criterion.id for r in criteria if _held(r) == verdict),
            counts={t: sum(r.truth is t for r in criteria) for t in Truth},
            criteria=criteria,
            basis=self._basis(trial, patient),
            set_aside=set_aside(patient, trial, self.on),
        )

    def _basis(self, trial: Trial, patient: Patient) -> Basis:
        return Basis(
            engine=self.engine,
            tree=trial.tree_hash,
            terminology=self.terminology.hash,
            policy=self.policy.hash,
            completeness={f.value: c.level.name.lower().replace("_", "-") for f, c in sorted(patient.coverage.items())},
            as_of=patient.as_of,
        )


def set_aside(patient: Patient, trial: Trial, on: dt.date) -> tuple[str, ...]:
    """What stands above the criteria: such a patient is reported, and never becomes a candidate."""
    today = day(on)
    found = []
    if patient.died is not None and patient.died[0] <= today:
        found.append("deceased")
    if not patient.active:
        found.append("inactive")
    if patient.replaced:
        found.append("replaced")
    if patient.research_refused is not None and patient.research_refused <= today:
        found.append("research-refused")
    own = {f"ResearchStudy/{trial.id.lower()}", *trial.identifiers}
    for enrolment in patient.enrolments:
        same = enrolment.study in own or any(identifier in own for identifier in enrolment.identifiers)
        if same and enrolment.state not in POTENTIAL and (enrolment.since == FLOOR or enrolment.since <= today):
            found.append(f"enrolment:{enrolment.state}")
    return tuple(dict.fromkeys(found))


def _held(result: CriterionResult) -> int:
    return 4 - result.truth if result.criterion.kind == "exclusion" else int(result.truth)
