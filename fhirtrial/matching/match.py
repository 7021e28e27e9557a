"""Patients against trials: a stream of matches, one per pair, with everything that could not be read beside it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fhirtrial.criteria.truth import Truth, Verdict
from fhirtrial.errors import Problem
from fhirtrial.matching.arrow import batch_of
from fhirtrial.matching.aside import Asides, Studies, set_aside, studies
from fhirtrial.matching.atoms.answers import outdated
from fhirtrial.matching.bind import Bound, bind
from fhirtrial.matching.codes import Codes
from fhirtrial.matching.kernel import Evaluated, evaluate, verdicts
from fhirtrial.matching.network import Network, network
from fhirtrial.matching.next_change import next_changes
from fhirtrial.matching.plan import Plan, Planned, plan
from fhirtrial.matching.planes import Planes, packed
from fhirtrial.matching.result import Basis, CriterionResult, Match, Trial
from fhirtrial.matching.screen import Screen, screen
from fhirtrial.matching.trace import traced
from fhirtrial.matching.view import View, distinct
from fhirtrial.patients.facts import Facts, Kind, Patient
from fhirtrial.site import Site
from fhirtrial.terminology import Terminology
from fhirtrial.terminology.policy import Policy

if TYPE_CHECKING:
    import pyarrow as pa


_PARTS = 16
"""Plans that are kept: other patients have answered for other trials, and there may be many chunks."""


@dataclass
class Run:
    """Iterates the matches, chunk by chunk; `failures` fills while it does. It can be iterated once.

    With a `horizon`, each match says when it next changes by time alone, looking so many days ahead. Without `reasons`
    its criteria have truths alone: no evidence, nothing that would settle them.
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
    reasons: bool = True

    def __iter__(self) -> Iterator[Match]:
        for facts in self.chunks:
            self.failures.extend(self.problems(facts))
            yield from self.matches(facts)

    def batches(self, detail: str = "verdict") -> Iterator[pa.RecordBatch]:
        """The matches as Arrow, a batch per chunk; nested values are JSON text. Needs the extra `parquet`."""
        for facts in self.chunks:
            self.failures.extend(self.problems(facts))
            yield batch_of([match.to_json(detail) for match in self.matches(facts)])

    def problems(self, facts: Facts) -> list[Problem]:
        """What could not be read, and what was read but answers questions that are asked no more."""
        answered = self._answered(facts)
        questions = ((a.questionnaire, a.link_id) for a in self._part(answered).atoms if a.link_id) if answered else ()
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

    @cached_property
    def _studies(self) -> Studies:
        return studies(self.trials)

    def asides(self, facts: Facts) -> Asides:
        """Who of one chunk is set aside, and why."""
        return set_aside(facts.patients, self._studies, self.on)

    def screen(self, facts: Facts, *, whole: bool = False) -> Screen:
        """The verdicts of one chunk alone, as `matches` gives them, many times quicker; `whole`: its criteria, too."""
        view = self.view(facts)
        found = screen(self.network, self.bound, view, whole=whole)
        answered = self._answered(facts)
        if not answered:
            return found
        part = self._part(answered)
        evaluated = evaluate(part, view)
        found.planes[list(answered)] = packed(np.array([verdicts(one, evaluated) for one in part.trials]))
        return replace(found, criteria=self._heard(found, answered, part, evaluated)) if whole else found

    def _heard(
        self, found: Screen, answered: tuple[int, ...], part: Plan, evaluated: Evaluated
    ) -> tuple[Planes, NDArray[np.int64]]:
        """The criteria's planes, where those of the trials that somebody has answered for stand after all others."""
        slots, rows = found.criteria
        starts = np.cumsum([0, *(len(trial.criteria) for trial in self.trials)])
        places = [place for i in answered for place in range(starts[i], starts[i + 1])]
        rows[places] = np.arange(len(slots), len(slots) + len(places))
        return np.concatenate([slots, packed(evaluated.truth[[r for one in part.trials for r in one.roots]])]), rows

    def _answered(self, facts: Facts) -> tuple[int, ...]:
        """The trials whose questions somebody in the chunk has answered."""
        asked = questionnaires(facts)
        return tuple(i for i, trial in enumerate(self.trials) if trial.questionnaire in asked) if asked else ()

    def _part(self, answered: tuple[int, ...]) -> Plan:
        if answered not in self._parts:
            if len(self._parts) >= _PARTS:
                self._parts.clear()
            self._parts[answered] = plan([self.trials[i] for i in answered], self.terminology)
        return self._parts[answered]

    def matches(self, facts: Facts) -> Iterator[Match]:
        """The matches of one chunk, patient by patient."""
        view = self.view(facts)
        evaluated = evaluate(self.plan, view)
        outcome = [verdicts(planned, evaluated) for planned in self.plan.trials]
        changes = next_changes(self, facts, self.horizon) if self.horizon else None
        asides = self.asides(facts)
        for number, patient in enumerate(facts.patients):
            for place, (planned, verdict) in enumerate(zip(self.plan.trials, outcome, strict=True)):
                aside = asides.of(number, place)
                match = self._match(planned, Verdict(int(verdict[number])), evaluated, view, number, patient, aside)
                yield match if changes is None else self._until(match, changes[number][place])

    def _until(self, match: Match, day: dt.date | None) -> Match:
        end = self.on + dt.timedelta(days=self.horizon)
        return replace(match, next_change=day, unchanged_until=end if day is None else None)

    def _match(
        self,
        planned: Planned,
        verdict: Verdict,
        evaluated: Evaluated,
        view: View,
        number: int,
        patient: Patient,
        aside: tuple[str, ...],
    ) -> Match:
        trial = planned.trial
        criteria = tuple(
            traced(criterion, root, self.plan, evaluated, view, number)
            if self.reasons
            else CriterionResult(criterion, Truth(int(evaluated.truth[root, number])))
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
            set_aside=aside,
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
    numbers = distinct(codes[facts.columns["kind"] == Kind.ANSWER])
    return frozenset(questionnaire for number in numbers.tolist() for questionnaire, _ in values[number].codings)


def _held(result: CriterionResult) -> int:
    return 4 - result.truth if result.criterion.kind == "exclusion" else int(result.truth)
