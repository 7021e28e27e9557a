"""What stands above the criteria: such a patient is reported, and never becomes a candidate."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from fhirtrial.matching.calendar import day
from fhirtrial.matching.result import Trial
from fhirtrial.patients.facts import FLOOR, Enrolment, Patient

POTENTIAL = frozenset({"candidate", "potential-candidate"})
"""ResearchSubject states that a machine may have written; any other is a person's decision."""

Studies = Mapping[object, Sequence[int]]
"""The numbers of the trials that a study's reference or identifier means."""


@dataclass(frozen=True)
class Asides:
    """Why patients of one chunk are set aside: for `every` trial, and in the `pairs` (patient, trial) of enrolments.

    A pair's reasons begin with those of its patient.
    """

    every: tuple[tuple[str, ...], ...]
    pairs: Mapping[tuple[int, int], tuple[str, ...]]

    def of(self, patient: int, trial: int) -> tuple[str, ...]:
        return self.pairs.get((patient, trial), self.every[patient])


def studies(trials: Sequence[Trial]) -> Studies:
    found: dict[object, list[int]] = {}
    for number, trial in enumerate(trials):
        for name in {f"ResearchStudy/{trial.id.lower()}", *trial.identifiers}:
            found.setdefault(name, []).append(number)
    return found


def set_aside(patients: Iterable[Patient], of: Studies, on: dt.date) -> Asides:
    today = day(on)
    every: list[tuple[str, ...]] = []
    pairs: dict[tuple[int, int], dict[str, None]] = {}
    for number, patient in enumerate(patients):
        every.append(tuple(_always(patient, today)))
        for enrolment in patient.enrolments:
            if enrolment.state not in POTENTIAL and (enrolment.since == FLOOR or enrolment.since <= today):
                for trial in _meant(enrolment, of):
                    reasons = pairs.setdefault((number, trial), dict.fromkeys(every[number]))
                    reasons[f"enrolment:{enrolment.state}"] = None
    return Asides(tuple(every), {pair: tuple(reasons) for pair, reasons in pairs.items()})


def _always(patient: Patient, today: int) -> Iterable[str]:
    if patient.died is not None and patient.died[0] <= today:
        yield "deceased"
    if not patient.active:
        yield "inactive"
    if patient.replaced:
        yield "replaced"
    if patient.research_refused is not None and patient.research_refused <= today:
        yield "research-refused"


def _meant(enrolment: Enrolment, of: Studies) -> set[int]:
    return {trial for name in (enrolment.study, *enrolment.identifiers) for trial in of.get(name, ())}
