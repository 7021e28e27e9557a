"""What a run keeps of matches that it has done with: counts per trial, candidates, eight bytes for each patient."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fhirtrial.matching.attrition import Attrition, attrition, joined
from fhirtrial.matching.result import Trial
from fhirtrial.plugins import Candidate, Screening, Summary, mark


class Kept:
    """The trials of one run, all of which screen the same patients."""

    def __init__(self) -> None:
        self._screened = bytearray()
        self._trials: dict[str, Trial] = {}
        self._attrition: dict[str, Attrition] = {}
        self._candidates: dict[str, list[Candidate]] = {}

    def add(self, screenings: Sequence[Screening]) -> None:
        """Every trial's matches of some patients who were not in it before."""
        for one in screenings[:1]:
            self._screened += b"".join(mark(one.subject(match)["reference"]) for match in one.matches)
        for one in screenings:
            name, counted = one.trial.id, attrition(one.trial, one.matches[0].on, one.matches)
            self._trials[name] = one.trial
            self._attrition[name] = joined(self._attrition[name], counted) if name in self._attrition else counted
            found = (Candidate(one.subject(m)["reference"], m.verdict) for m in one.matches if m.candidate)
            self._candidates.setdefault(name, []).extend(found)

    @property
    def attrition(self) -> tuple[Attrition, ...]:
        return tuple(self._attrition.values())

    def summaries(self) -> Iterator[Summary]:
        screened = bytes(self._screened)
        for name, trial in self._trials.items():
            yield Summary(trial, self._attrition[name], tuple(self._candidates[name]), screened)
