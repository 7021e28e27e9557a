"""Patients against trials: a stream of matches, one per pair, with everything that could not be read beside it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from fhirtrial.criteria.truth import Truth, Verdict
from fhirtrial.errors import Problem
from fhirtrial.matching.arrow import batch_of
from fhirtrial.matching.aside import Asides, Studies, set_aside, studies
from fhirtrial.matching.atoms.answers import outdated
from fhirtrial.matching.bind import Bound
from fhirtrial.matching.codes import Codes
from fhirtrial.matching.compiled import Compiled
from fhirtrial.matching.network import Network
from fhirtrial.matching.next_change import next_changes
from fhirtrial.matching.planes import unpacked
from fhirtrial.matching.result import Basis, CriterionResult, Match, Trial
from fhirtrial.matching.screen import Screen
from fhirtrial.matching.view import View, distinct
from fhirtrial.patients.facts import Facts, Kind, Patient
from fhirtrial.site import Site
from fhirtrial.terminology import Terminology
from fhirtrial.terminology.policy import Policy

if TYPE_CHECKING:
    import pyarrow as pa


_PARTS = 16
"""Parts that are kept: other patients have answered for other trials, and there may be many chunks."""
_TRUTHS, _VERDICTS = tuple(Truth), tuple(Verdict)


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
        part = self._answered(facts)
        asked = part.network.atoms if part else ()
        questions = ((one.questionnaire, one.link_id) for one in asked if one.link_id)
        return [*facts.problems, *outdated(facts, questions)]

    @cached_property
    def _all(self) -> Compiled:
        """The trials as they are for patients whom nobody asked."""
        return Compiled(self.trials, range(len(self.trials)), self.on, self.policy, Codes(self.terminology))

    @property
    def network(self) -> Network:
        return self._all.network

    @property
    def bound(self) -> Bound:
        return self._all.bound

    @cached_property
    def _parts(self) -> dict[tuple[int, ...], Compiled]:
        """Those trials whose questions somebody has answered, apart from the others."""
        return {}

    def on_day(self, day: dt.date) -> Run:
        """The same trials at another index date, with what was compiled of them."""
        other = replace(self, on=day, failures=[])
        parts = {places: part.on_day(day) for places, part in self._parts.items()}
        vars(other).update(_all=self._all.on_day(day), _parts=parts)
        return other

    def view(self, facts: Facts) -> View:
        return View(facts, self.on, self._all.codes, self.policy, self.site.uln)

    @cached_property
    def _studies(self) -> Studies:
        return studies(self.trials)

    @cached_property
    def _hashes(self) -> tuple[str, str]:
        return self.terminology.hash, self.policy.hash

    @cached_property
    def _items(self) -> list[tuple[tuple[str, bool], ...]]:
        """Of each trial's criteria the id, and whether it excludes."""
        return [tuple((c.id, c.kind == "exclusion") for c in trial.criteria) for trial in self.trials]

    def asides(self, facts: Facts) -> Asides:
        """Who of one chunk is set aside, and why."""
        return set_aside(facts.patients, self._studies, self.on)

    def screen(self, facts: Facts, *, whole: bool = False) -> Screen:
        """The verdicts of one chunk alone, as `matches` gives them, many times quicker; `whole`: its criteria, too."""
        view = self.view(facts)
        found = self._all.screen(view, whole=whole)
        part = self._answered(facts)
        if part is None:
            return found
        theirs = part.screen(view, whole=whole)
        found.planes[list(part.places)] = theirs.planes
        if not whole:
            return found
        # the criteria of the trials that somebody has answered for stand after all others
        (slots, rows), (more, places) = found.criteria, theirs.criteria
        starts = np.cumsum([0, *(len(trial.criteria) for trial in self.trials)])
        rows[[row for i in part.places for row in range(starts[i], starts[i + 1])]] = len(slots) + places
        return replace(found, criteria=(np.concatenate([slots, more]), rows))

    def _answered(self, facts: Facts) -> Compiled | None:
        """The trials whose questions somebody in the chunk has answered."""
        asked = questionnaires(facts)
        places = tuple(i for i, trial in enumerate(self.trials) if trial.questionnaire in asked) if asked else ()
        if places and places not in self._parts:
            if len(self._parts) >= _PARTS:
                self._parts.clear()
            trials = [self.trials[i] for i in places]
            self._parts[places] = replace(self._all, trials=trials, places=places, answered=True)
        return self._parts.get(places)

    def matches(self, facts: Facts) -> Iterator[Match]:
        """The matches of one chunk, patient by patient."""
        changes = next_changes(self, facts, self.horizon) if self.horizon else None
        asides = self.asides(facts)
        told = self._reasoned(facts) if self.reasons else self._truths(facts)
        for number, (patient, criteria) in enumerate(zip(facts.patients, told, strict=True)):
            read = {f.value: c.level.name.lower().replace("_", "-") for f, c in sorted(patient.coverage.items())}
            for place, found in enumerate(criteria):
                match = self._match(patient, place, found, read, asides.of(number, place))
                yield match if changes is None else self._until(match, changes[number][place])

    def _reasoned(self, facts: Facts) -> Iterator[Iterator[tuple[CriterionResult, ...]]]:
        """Patient by patient, the criteria of each trial with their reasons."""
        view, part = self.view(facts), self._answered(facts)
        compiled = [self._all, part] if part else [self._all]
        where = {place: (number, i) for number, some in enumerate(compiled) for i, place in enumerate(some.places)}
        tracers = [(compiled[number].tracer, number, i) for _, (number, i) in sorted(where.items())]
        for known in zip(*(some.people(view) for some in compiled), strict=True):
            yield (tracer.criteria(i, known[number]) for tracer, number, i in tracers)

    def _truths(self, facts: Facts) -> Iterator[Iterator[tuple[CriterionResult, ...]]]:
        """As `_reasoned`, with truths alone."""
        slots, rows = self.screen(facts, whole=True).criteria
        for truths in unpacked(slots[rows], len(facts.patients)).T:
            told = map(_TRUTHS.__getitem__, truths.tolist())
            yield (tuple(map(CriterionResult, trial.criteria, told)) for trial in self.trials)

    def _until(self, match: Match, day: dt.date | None) -> Match:
        end = self.on + dt.timedelta(days=self.horizon)
        return replace(match, next_change=day, unchanged_until=end if day is None else None)

    def _match(
        self,
        patient: Patient,
        place: int,
        criteria: tuple[CriterionResult, ...],
        read: Mapping[str, str],
        aside: tuple[str, ...],
    ) -> Match:
        trial, items = self.trials[place], self._items[place]
        truths = bytes([result.truth for result in criteria])
        held = [4 - truth if excludes else truth for truth, (_, excludes) in zip(truths, items, strict=True)]
        least = min(held, default=int(Verdict.UNDETERMINED))
        return Match(
            patient=patient,
            trial=trial,
            on=self.on,
            verdict=_VERDICTS[least],
            decided_by=tuple([name for (name, _), level in zip(items, held, strict=True) if level == least]),
            counts={truth: truths.count(truth) for truth in _TRUTHS},
            criteria=criteria,
            basis=Basis(self.engine, trial.tree_hash, *self._hashes, completeness=read, as_of=patient.as_of),
            set_aside=aside,
        )


def questionnaires(facts: Facts) -> frozenset[str]:
    """The questionnaires that somebody in the chunk has answered."""
    codes, values = facts.columns["code"], facts.vocabulary.codes.values
    numbers = distinct(codes[facts.columns["kind"] == Kind.ANSWER])
    return frozenset(questionnaire for number in numbers.tolist() for questionnaire, _ in values[number].codings)
