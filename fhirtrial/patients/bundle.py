"""A document → its patients, their facts, and what their reading covers; several patients are told apart by subject."""

from __future__ import annotations

from typing import NamedTuple

from fhirtrial.errors import Problem
from fhirtrial.patients import resources as r4
from fhirtrial.patients.completeness import FAMILIES
from fhirtrial.patients.document import Document
from fhirtrial.patients.elements import Reference
from fhirtrial.patients.facts import Fact, Patient, Vocabulary
from fhirtrial.patients.person import READERS, Person, Terms, latest_of
from fhirtrial.patients.references import References, is_other
from fhirtrial.patients.salvage import Loss
from fhirtrial.patients.source import Item, label
from fhirtrial.patients.versions import latest


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
        as_of = document.as_of or _as_of([person, *groups[number]])
        reading = Person(document, terms, references, vocabulary, result.problems, person, first + number, as_of)
        for item in groups[number]:
            result.rows.extend(reading.take(item))
        result.patients.append(reading.patient(own))
    return result


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
    return latest_of({item.resource.meta.last_updated for item in items if item.resource.meta is not None} - {""})
