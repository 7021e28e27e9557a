"""What would settle an unknown atom, in words a coordinator can act on: data to get or a question to answer.

It never proposes starting, stopping or delaying a therapy.
"""

from __future__ import annotations

from fhirtrial.criteria.english import english
from fhirtrial.criteria.tree import (
    Age,
    Atom,
    Change,
    Condition,
    DataAvailability,
    Encounter,
    Finding,
    Measurement,
    Medication,
    Ordinal,
    OtherExperiencer,
    Reproductive,
    Result,
    Sex,
)
from fhirtrial.matching.network import Asked
from fhirtrial.matching.result import Need
from fhirtrial.terminology import Terminology

UNSETTLED = ("no-anchor",)
"""Reasons that no further data and no answer to the Questionnaire can take away."""


def need(question: Asked, terminology: Terminology, reasons: tuple[str, ...]) -> Need:
    words = english(question.atom, lambda name: terminology.concept(name).label)
    text = f"answer: {words}" if question.link_id else words
    return Need(
        f"{text} [{', '.join(reasons)}]" if reasons else text,
        question.atom,
        question.link_id,
        reasons,
        _item(question, text, reasons, terminology),
    )


def _item(question: Asked, text: str, reasons: tuple[str, ...], terminology: Terminology) -> str:
    if question.link_id:
        return text
    return "" if set(reasons) & set(UNSETTLED) or _unsaid(question.atom) else _datum(question.atom, terminology)


def _unsaid(atom: Atom) -> bool:
    """What FHIR has no element for: that a course is acute or chronic, that a drug failed."""
    return (isinstance(atom, Condition) and atom.course in {"acute", "chronic"}) or (
        isinstance(atom, Medication) and atom.outcome is not None
    )


def _datum(atom: Atom, terminology: Terminology) -> str:
    """What is to be looked for in the record: one result of a measurement answers every question about it."""

    def label(name: str | None) -> str:
        return terminology.concept(name).label if name else "any"

    match atom:
        case Age():
            return "date of birth"
        case Sex():
            return "sex"
        case Measurement(concept=concept, over=str(over)):
            return f"results: {label(concept)} and {label(over)} together"
        case Measurement() | Ordinal() | Result() | Change() | DataAvailability():
            return f"result: {label(atom.concept)}"
        case Encounter(setting=setting, reason=reason):
            return f"stays and visits: {setting}, for {label(reason)}"
        case Finding(modality=modality, finding=finding):
            return f"{label(modality)}: {label(finding)}"
        case OtherExperiencer(condition=condition):
            return f"family history: {label(condition)}"
        case Reproductive(state=state):
            return f"reproduction: {state}"
        case _:
            return f"{atom.kind}: {label(getattr(atom, 'concept', None))}"
