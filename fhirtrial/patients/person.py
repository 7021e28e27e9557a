"""One patient's resources, read one at a time; what fails costs its family's completeness, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from fhirtrial.errors import Problem
from fhirtrial.patients import (
    allergies,
    answers,
    conditions,
    encounters,
    immunizations,
    medications,
    observations,
    procedures,
    relatives,
)  # fmt: skip
from fhirtrial.patients import resources as r4
from fhirtrial.patients.completeness import FAMILIES, Loaded, coverage, is_redacted
from fhirtrial.patients.dates import DAY_MS, BadValueError, when
from fhirtrial.patients.document import Document
from fhirtrial.patients.elements import Resource
from fhirtrial.patients.facts import CEIL, FLOOR, Enrolment, Fact, Family, Patient, Vocabulary
from fhirtrial.patients.medication_resources import (
    MedicationAdministration,
    MedicationDispense,
    MedicationRequest,
    MedicationStatement,
)
from fhirtrial.patients.references import References
from fhirtrial.patients.salvage import Loss
from fhirtrial.patients.source import Item, Source, label
from fhirtrial.patients.subject import enrolment, read_patient, research_refusal

READERS: Mapping[type[Resource], Callable[[Any, Source], Iterator[Fact]]] = {
    r4.Condition: conditions.facts,
    r4.Observation: observations.facts,
    r4.DiagnosticReport: observations.report_facts,
    r4.ImagingStudy: observations.study_facts,
    MedicationRequest: medications.request_facts,
    MedicationStatement: medications.statement_facts,
    MedicationAdministration: medications.administration_facts,
    MedicationDispense: medications.dispense_facts,
    r4.Procedure: procedures.facts,
    r4.Encounter: encounters.facts,
    r4.AllergyIntolerance: allergies.facts,
    r4.Immunization: immunizations.facts,
    r4.FamilyMemberHistory: relatives.facts,
    r4.QuestionnaireResponse: answers.facts,
}


@dataclass(frozen=True)
class Terms:
    """What the caller says: what was loaded, whether only in part, the record's first day, and the last possible birth.

    `visible` are families that count as seen for every patient, because the export they come from holds them.
    """

    loaded: Loaded = frozenset()
    partial: bool = False
    since: int = FLOOR
    today: int | None = None
    visible: frozenset[Family] = frozenset()


class Person:
    """What has been read of one patient so far."""

    def __init__(
        self,
        document: Document,
        terms: Terms,
        references: References,
        vocabulary: Vocabulary,
        problems: list[Problem],
        person: Item,
        number: int,
        as_of: str,
    ) -> None:
        assert isinstance(person.resource, r4.Patient)  # noqa: S101 - chosen so
        name = label(person)
        today = _day(as_of) if terms.today is None else terms.today
        patient, noticed = read_patient(person.resource, name, f"{person.where}: {name}", today)
        problems.extend(noticed)
        self.source = Source(patient, number, references, vocabulary, problems)
        self.visible = set(document.asked | terms.visible)
        self.lost = set[Family]()
        self.redacted = set[Family]()
        self._document = document
        self._terms = terms
        self._as_of = as_of
        self._refusals: list[int] = []
        self._enrolments: list[Enrolment] = []

    def take(self, item: Item) -> list[Fact]:
        """The resource's facts: all of its rows or none."""
        rows: list[Fact] = []
        resource = item.resource
        kind = type(resource)
        self.source.turn_to(item, doubtful=self._document.doubtful)
        family = FAMILIES.get(kind.__name__)
        try:
            if (reader := READERS.get(kind)) is not None:
                rows = list(reader(resource, self.source))
            elif isinstance(resource, r4.Consent):
                self._refusals += [day for day in (research_refusal(resource),) if day is not None]
            elif isinstance(resource, r4.ResearchSubject):
                self._enrolments += [one for one in (enrolment(resource, self.source),) if one is not None]
        except BadValueError as error:
            self.source.report(error.path, error.got, f"{error.todo}; the resource is left out")
            self.source.incomplete = True
        if family is not None:
            self.visible.add(family)
            if self.source.incomplete or item.included:
                self.lost.add(family)
            if is_redacted(resource):
                self.redacted.add(family)
        return rows

    def patient(self, losses: list[Loss]) -> Patient:
        lost = self.lost | {family for one in losses for family in ([one.family] if one.family is not None else Family)}
        covered = coverage(
            self.visible,
            self._terms.loaded,
            partial=self._terms.partial,
            told_partial=self._document.partial,
            lost=lost,
            redacted=set(Family) if self._document.redacted else self.redacted,
            since=self._terms.since,
        )
        return replace(
            self.source.patient,
            coverage=covered,
            research_refused=min(self._refusals, default=None),
            enrolments=tuple(sorted(self._enrolments)),
            as_of=self._as_of,
        )


def latest_of(stated: Iterable[str]) -> str:
    """The latest of several instants; one that cannot be read comes before all others."""
    return max(stated, key=lambda text: (_moment(text), text), default="")


def _moment(text: str) -> int:
    try:
        return when(text).instant
    except BadValueError:
        return FLOOR * DAY_MS


def _day(text: str) -> int:
    try:
        return when(text).high
    except BadValueError:
        return CEIL
