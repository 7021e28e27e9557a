"""Which facts an atom looks at: kinds of rows, and the concept that their codes must speak of; others say nothing."""

from __future__ import annotations

from typing import NamedTuple

from fhirtrial.criteria.tree import (
    Allergy,
    Atom,
    Change,
    Condition,
    DataAvailability,
    Encounter,
    Finding,
    Immunization,
    Measurement,
    Medication,
    Ordinal,
    OtherExperiencer,
    Procedure,
    Reproductive,
    Result,
)
from fhirtrial.matching.dosing import PER_KILOGRAM, WEIGHT
from fhirtrial.matching.view import KINDS, Qualifiers
from fhirtrial.patients.facts import Family, Kind


class Read(NamedTuple):
    """Rows of these kinds whose code speaks of the concept, or all of them."""

    kinds: tuple[Kind, ...]
    concept: str | None


_OBSERVED = (Kind.OBSERVATION,)
_REPORTED = (Kind.OBSERVATION, Kind.REPORT)
_STATE = {
    "pregnant": (Read((Kind.CONDITION,), "pregnancy"), Read(_OBSERVED, "hcg-pregnancy-test")),
    "lactating": (Read((Kind.CONDITION,), "lactation"),),
    "childbearing-potential": (
        Read((Kind.PROCEDURE, Kind.CONDITION), "hysterectomy"),
        Read((Kind.CONDITION,), "menopause"),
    ),
}


def qualifiers(atom: Condition | Medication | Procedure) -> Qualifiers | None:
    """The other concepts that its facts must be of, and those that they must not be of."""
    return (atom.also, atom.unless) if atom.also or atom.unless else None


def reads(atom: Atom) -> tuple[Read, ...]:
    """What the atom's function may use of a record, its own concept first."""
    match atom:
        case Condition(concept=concept):
            return (Read((Kind.CONDITION,), concept),)
        case Measurement(concept=concept, over=str(over)):
            return Read(_OBSERVED, concept), Read(_OBSERVED, over)
        case (
            Measurement(concept=concept) | Ordinal(concept=concept) | Result(concept=concept) | Change(concept=concept)
        ):
            return (Read(_OBSERVED, concept),)
        case Medication(concept=concept, dose=dose):
            drugs = Read(KINDS[Family.MEDICATIONS], concept)
            weighed = dose is not None and dose.unit.endswith(PER_KILOGRAM)
            return (drugs, Read(_OBSERVED, WEIGHT)) if weighed else (drugs,)
        case Procedure(concept=concept):
            return (Read((Kind.PROCEDURE, Kind.CONDITION), concept),)
        case Immunization(concept=concept):
            return (Read((Kind.IMMUNIZATION,), concept),)
        case Encounter():
            return (Read((Kind.ENCOUNTER,), None),)
        case Allergy():
            return (Read((Kind.ALLERGY,), None),)
        case Reproductive(state=state):
            return _STATE[state]
        case Finding(modality=concept) | DataAvailability(concept=str(concept)):
            return (Read(_REPORTED, concept),)
        case OtherExperiencer(condition=str(concept)):
            return (Read((Kind.RELATIVE,), concept),)
        case _:
            return ()
