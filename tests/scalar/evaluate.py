"""The second opinion: one patient, one atom at a time, one row at a time, in the plainest words; no arrays, no plan.

Written from the rules alone and not from the kernel, which is held to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import assert_never

from scalar.allergies import allergy
from scalar.asked import answer, unanswered
from scalar.conditions import condition
from scalar.demographics import age, sex
from scalar.events import encounter, immunization, procedure
from scalar.findings import available, finding, relative
from scalar.grade import Grade, opposite, ranked
from scalar.measurements import change, measurement, ordinal
from scalar.medications import medication
from scalar.person import Person
from scalar.qualitative import result
from scalar.reproduction import reproductive

from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.lower import lower
from fhirtrial.criteria.questions import asked, link_id
from fhirtrial.criteria.tree import (
    Age,
    Allergy,
    AtLeast,
    Atom,
    Attestation,
    Change,
    ClassificationCriteria,
    Condition,
    DataAvailability,
    Defect,
    Encounter,
    Expected,
    Finding,
    Immunization,
    Measurement,
    Medication,
    Node,
    Not,
    NotComputable,
    Ordinal,
    OtherExperiencer,
    Procedure,
    Reproductive,
    Residue,
    Result,
    Sex,
    TreatmentState,
)
from fhirtrial.criteria.truth import Truth, Verdict
from fhirtrial.matching.result import Trial


def verdict(trial: Trial, criteria: Sequence[Grade]) -> Verdict:
    """The least over inclusions and negated exclusions; a trial without criteria decides nothing."""
    held = [
        opposite(grade).truth if one.kind == "exclusion" else grade.truth
        for one, grade in zip(trial.criteria, criteria, strict=True)
    ]
    return Verdict(min(held, default=Truth.UNKNOWN))


def criterion(person: Person, trial: Trial, one: Criterion) -> Grade:
    return node(person, lower(one.tree), trial.questionnaire, one.id)


def node(person: Person, tree: Node, questionnaire: str, criterion: str) -> Grade:
    match tree:
        case AtLeast(k=k, nodes=nodes):
            return ranked(k, [node(person, n, questionnaire, criterion) for n in nodes])
        case Not(node=inner):
            return opposite(node(person, inner, questionnaire, criterion))
        case _:
            question: Atom = tree  # type: ignore[assignment]
            return atom(person, question, questionnaire, link_id(criterion, question))


def atom(person: Person, question: Atom, questionnaire: str, link: str) -> Grade:
    """What a person answered, where it is theirs to answer; else what the record says."""
    if is_asked(question, person.terminology):
        told = answer(person, questionnaire, link)
        if told is not None:
            found = recorded(person, question)
            # What a person left open is no silence that a presumption could fill.
            settled = told.truth is not Truth.UNKNOWN or found.truth in (Truth.UNKNOWN, Truth.PRESUMED_NO)
            return told if settled else found
    return recorded(person, question)


is_asked = cache(asked)


def recorded(person: Person, question: Atom) -> Grade:
    match question:
        case Age():
            return age(person, question)
        case Sex():
            return sex(person, question)
        case Condition():
            return condition(person, question)
        case Measurement():
            return measurement(person, question)
        case Ordinal():
            return ordinal(person, question)
        case Result():
            return result(person, question)
        case Change():
            return change(person, question)
        case Medication():
            return medication(person, question)
        case Procedure():
            return procedure(person, question)
        case Encounter():
            return encounter(person, question)
        case Allergy():
            return allergy(person, question)
        case Immunization():
            return immunization(person, question)
        case Reproductive():
            return reproductive(person, question)
        case Finding():
            return finding(person, question)
        case DataAvailability(concept=str(concept)):
            return available(person, question, concept)
        case OtherExperiencer(condition=str(concept)):
            return relative(person, question, concept)
        case (
            DataAvailability()
            | OtherExperiencer()
            | ClassificationCriteria()
            | Attestation()
            | TreatmentState()
            | Expected()
            | Residue()
            | NotComputable()
            | Defect()
        ):
            return unanswered(question)
    assert_never(question)
