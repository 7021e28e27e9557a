"""A document → its patients, their facts, and what their reading covers; several patients are told apart by subject."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

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
from fhirtrial.patients.elements import Reference, Resource
from fhirtrial.patients.facts import CEIL, FLOOR, Enrolment, Fact, Family, Patient, Vocabulary
from fhirtrial.patients.medication_resources import (
    MedicationAdministration,
    MedicationDispense,
    MedicationRequest,
    MedicationStatement,
)
from fhirtrial.patients.references import References, is_other
from fhirtrial.patients.salvage import Loss
from fhirtrial.patients.source import Item, Source, label
from fhirtrial.patients.subject import enrolment, read_patient, research_refusal
from fhirtrial.patients.versions import latest

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


class Result(NamedTuple):
    patients: list[Patient]
    rows: list[Fact]
    problems: list[Problem]


def facts_in(document: Document, vocabulary: Vocabulary, first: int, terms: Terms) -> Result:
    """Everything that `document` says; its patients are numbered from `first`, in the order of their references."""
    items, problems, losses = latest(document)
    result = Result([], [], [*document.problems, *problems])
    people = sorted((item for item in items if type(item.resource) is r4.Patient), key=label)
    if not people:
        if result.problems and not items:
            return result
        todo = "send the Patient resource in the same Bundle"
        result.problems.append(Problem(document.name, "", "no Patient that can be used", todo))
        return result
    references = References(((item.url, item.resource) for item in items), document.shared)
    groups, strays = split(items, people, references, document.name, result.problems)
    losses += [*document.losses, *strays]
    for number, person in enumerate(people):
        own = [loss for loss in losses if _concerns(loss, person, references)]
        reading = _Reading(document, terms, references, vocabulary, result)
        result.patients.append(reading.person(person, first + number, groups[number], own))
    return result


@dataclass(frozen=True)
class _Reading:
    document: Document
    terms: Terms
    references: References
    vocabulary: Vocabulary
    result: Result

    def person(self, person: Item, number: int, items: list[Item], losses: list[Loss]) -> Patient:
        """Reads one patient's resources; what fails costs its family's completeness, nothing else."""
        as_of = self.document.as_of or _as_of([person, *items])
        patient = self._patient(person, as_of)
        source = Source(patient, number, self.references, self.vocabulary, self.result.problems)
        visible, lost, redacted = set(self.document.asked | self.terms.visible), set[Family](), set[Family]()
        refusals: list[int] = []
        enrolments: list[Enrolment] = []
        for item in items:
            resource = item.resource
            kind = type(resource)
            source.turn_to(item, doubtful=self.document.doubtful)
            family = FAMILIES.get(kind.__name__)
            try:
                if (reader := READERS.get(kind)) is not None:
                    self.result.rows.extend(list(reader(resource, source)))  # all of its rows or none
                elif isinstance(resource, r4.Consent):
                    refusals += [day for day in (research_refusal(resource),) if day is not None]
                elif isinstance(resource, r4.ResearchSubject):
                    enrolments += [one for one in (enrolment(resource, source),) if one is not None]
            except BadValueError as error:
                source.report(error.path, error.got, f"{error.todo}; the resource is left out")
                source.incomplete = True
            if family is not None:
                visible.add(family)
                if source.incomplete or item.included:
                    lost.add(family)
                if is_redacted(resource):
                    redacted.add(family)
        lost |= {family for loss in losses for family in ([loss.family] if loss.family is not None else Family)}
        covered = coverage(
            visible,
            self.terms.loaded,
            partial=self.terms.partial,
            told_partial=self.document.partial,
            lost=lost,
            redacted=set(Family) if self.document.redacted else redacted,
            since=self.terms.since,
        )
        refused = min(refusals, default=None)
        return replace(
            patient, coverage=covered, research_refused=refused, enrolments=tuple(sorted(enrolments)), as_of=as_of
        )

    def _patient(self, person: Item, as_of: str) -> Patient:
        assert isinstance(person.resource, r4.Patient)  # noqa: S101 - chosen so
        today = _day(as_of) if self.terms.today is None else self.terms.today
        name = label(person)
        patient, problems = read_patient(person.resource, name, f"{person.where}: {name}", today)
        self.result.problems.extend(problems)
        return patient


def split(
    items: list[Item], people: list[Item], references: References, name: str, problems: list[Problem]
) -> tuple[list[list[Item]], list[Loss]]:
    """Each patient's own resources; one whose subject is not here, or not told, is nobody's and is reported."""
    numbers = {id(person.resource): number for number, person in enumerate(people)}
    groups: list[list[Item]] = [[] for _ in people]
    known: dict[tuple[str, str], int | None] = {}
    strays: list[Loss] = []
    missing: dict[str, list[Item]] = {}
    for item in items:
        kind = type(item.resource)
        if kind not in READERS and kind not in (r4.Consent, r4.ResearchSubject):
            continue
        subject: Reference | None = getattr(item.resource, "subject", None)
        said = subject.reference if subject is not None else ""
        base = item.url.rpartition("/")[0] if item.url.startswith("http") else ""
        if not said or said.startswith("#") or (said, base) not in known:
            number = numbers.get(id(references.find(subject, item.resource, item.url)))
            known[said, base] = number
        else:
            number = known[said, base]
        if number is not None:
            groups[number].append(item)
        elif subject is None or not is_other(subject):
            missing.setdefault(said, []).append(item)
            if kind.__name__ in FAMILIES:
                strays.append(Loss(FAMILIES[kind.__name__]))
    for said, lost in missing.items():
        some = ", ".join(label(item) for item in lost[:3]) + (", ..." if len(lost) > 3 else "")
        got = "a subject that is not here" if said else "no subject that can be found"
        todo = "send the Patient along, or correct the subject; they are left out"
        problems.append(Problem(lost[0].where or name, "subject", f"{got} in {len(lost)} ({some})", todo))
    return groups, strays


def _concerns(loss: Loss, person: Item, references: References) -> bool:
    """Whether what was lost may have been this patient's."""
    if loss.subject is None:
        return True
    found = references.find(loss.subject, None, loss.url)
    return found is None or found is person.resource


def _as_of(items: list[Item]) -> str:
    stated = {item.resource.meta.last_updated for item in items if item.resource.meta is not None} - {""}
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
