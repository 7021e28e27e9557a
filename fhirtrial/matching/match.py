"""Patients against trials: a stream of matches, one per pair, with everything that could not be read beside it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from fhirtrial.criteria.truth import Truth, Verdict
from fhirtrial.errors import Problem
from fhirtrial.matching.arrow import batch_of
from fhirtrial.matching.atoms.answers import outdated
from fhirtrial.matching.bind import Bound, bind
from fhirtrial.matching.calendar import day
from fhirtrial.matching.codes import Codes
from fhirtrial.matching.kernel import Evaluated, evaluate, verdicts
from fhirtrial.matching.network import Network, network
from fhirtrial.matching.next_change import next_changes
from fhirtrial.matching.plan import Plan, Planned, plan
from fhirtrial.matching.planes import packed
from fhirtrial.matching.result import Basis, CriterionResult, Match, Trial
from fhirtrial.matching.screen import Screen, screen
from fhirtrial.matching.trace import traced
from fhirtrial.matching.view import View
from fhirtrial.patients.facts import FLOOR, Facts, Kind, Patient
from fhirtrial.site import Site
from fhirtrial.terminology import Terminology
from fhirtrial.terminology.policy import Policy

if TYPE_CHECKING:
    import pyarrow as pa

POTENTIAL = frozenset({"candidate", "potential-candidate"})
"""ResearchSubject states that a machine may have written; any other is a person's decision."""


@dataclass
class Run:
    """Iterates the matches, chunk by chunk; `failures` fills while it does. It can be iterated once.

    With a `horizon`, each match says when it next changes by time alone, looking so many days ahead.
    """

    trials: Sequence[Trial]
    chunks: Iterable[Facts]
    on: dt.date
    terminology: Terminology
    policy: Policy
    site: Site
    engine: str
    failures: list[Problem] = field(default_factory=list)
    horizon: int = 0

    def __iter__(self) -> Iterator[Match]:
        for facts in self.chunks:
            self.failures.extend(self._problems(facts))
            yield from self.matches(facts)

    def batches(self, detail: str = "verdict") -> Iterator[pa.RecordBatch]:
        """The matches as Arrow, a batch per chunk; nested values are JSON text. Needs the extra `parquet`."""
        for facts in self.chunks:
            self.failures.extend(self._problems(facts))
            yield batch_of([match.to_json(detail) for match in self.matches(facts)])

    def _problems(self, facts: Facts) -> list[Problem]:
        """What could not be read, and what was read but answers questions that are asked no more."""
        questions = ((a.questionnaire, a.link_id) for a in self.plan.atoms if a.link_id)
        return [*facts.problems, *outdated(facts, questions)]

    @cached_property
    def plan(self) -> Plan:
        return plan(self.trials, self.terminology)

    @cached_property
    def network(self) -> Network:
        """The trials as they are for patients whom nobody asked."""
        return network(self.trials, self.terminology)

    @cached_property
    def bound(self) -> Bound:
        return bind(self.network.atoms, self.on, self.policy, self._codes)

    @cached_property
    def _parts(self) -> dict[tuple[int, ...], Plan]:
        """Plans of those trials whose questions somebody has answered."""
        return {}

    @cached_property
    def _codes(self) -> Codes:
        return Codes(self.terminology)

    def on_day(self, day: dt.date) -> Run:
        """The same trials at another index date, with what was compiled of them."""
        other = replace(self, on=day, failures=[])
        vars(other).update({name: getattr(self, name) for name in ("network", "_codes", "_parts")})
        return other

    def view(self, facts: Facts) -> View:
        return View(facts, self.on, self._codes, self.policy, self.site.uln)

    def screen(self, facts: Facts) -> Screen:
        """The verdicts of one chunk alone, as `matches` gives them, many times quicker."""
        view = self.view(facts)
        found = screen(self.network, self.bound, view)
        asked = questionnaires(facts)
        answered = tuple(i for i, trial in enumerate(self.trials) if trial.questionnaire in asked)
        if answered:
            if answered not in self._parts:
                self._parts[answered] = plan([self.trials[i] for i in answered], self.terminology)
            part = self._parts[answered]
            evaluated = evaluate(part, view)
            found.planes[list(answered)] = packed(np.array([verdicts(one, evaluated) for one in part.trials]))
        return found

    def matches(self, facts: Facts) -> Iterator[Match]:
        """The matches of one chunk, patient by patient."""
        view = self.view(facts)
        evaluated = evaluate(self.plan, view)
        outcome = [verdicts(planned, evaluated) for planned in self.plan.trials]
        changes = next_changes(self, facts, self.horizon) if self.horizon else None
        for number, patient in enumerate(facts.patients):
            for place, (planned, verdict) in enumerate(zip(self.plan.trials, outcome, strict=True)):
                match = self._match(planned, Verdict(int(verdict[number])), evaluated, view, number, patient)
                yield match if changes is None else self._until(match, changes[number][place])

    def _until(self, match: Match, day: dt.date | None) -> Match:
        end = self.on + dt.timedelta(days=self.horizon)
        return replace(match, next_change=day, unchanged_until=end if day is None else None)

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


def questionnaires(facts: Facts) -> frozenset[str]:
    """The questionnaires that somebody in the chunk has answered."""
    codes, values = facts.columns["code"], facts.vocabulary.codes.values
    numbers = np.unique(codes[facts.columns["kind"] == Kind.ANSWER]).tolist()
    return frozenset(questionnaire for number in numbers for questionnaire, _ in values[number].codings)


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
