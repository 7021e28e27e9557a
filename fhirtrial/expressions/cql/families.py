"""The families of resource types that an atom reads; only where all are in `Loaded` is a presumption definite."""

from __future__ import annotations

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
from fhirtrial.expressions.cql.names import strings


def families(atom: Atom) -> frozenset[str]:
    """By the names that `--loaded` takes."""
    match atom:
        case Condition():
            return frozenset({"conditions"})
        case Measurement() | Ordinal() | Result() | Change() | Finding() | DataAvailability():
            return frozenset({"observations"})
        case Medication():
            return frozenset({"medications"})
        case Procedure():
            return frozenset({"procedures"})
        case Encounter():
            return frozenset({"encounters"})
        case Allergy():
            return frozenset({"allergies"})
        case Immunization():
            return frozenset({"immunizations"})
        case Reproductive(state="pregnant"):
            return frozenset({"conditions", "observations"})
        case Reproductive(state="lactating"):
            return frozenset({"conditions"})
        case Reproductive():
            return frozenset({"conditions", "procedures"})
        case OtherExperiencer():
            return frozenset({"family-history"})
        case _:
            return frozenset()


def family_list(atom: Atom) -> str:
    """The families as the list that the CQL function "Presumed" takes."""
    return strings(families(atom))
