"""One function per kind of atom: tree → CQL; the semantics are the matcher's, told in three values."""

from __future__ import annotations

from typing import assert_never

from fhirtrial.criteria.tree import (
    Age,
    Allergy,
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
from fhirtrial.expressions.cql.atoms.allergies import allergy
from fhirtrial.expressions.cql.atoms.changes import change
from fhirtrial.expressions.cql.atoms.conditions import condition
from fhirtrial.expressions.cql.atoms.demographics import age, sex
from fhirtrial.expressions.cql.atoms.events import encounter, immunization, procedure
from fhirtrial.expressions.cql.atoms.findings import data, finding, other
from fhirtrial.expressions.cql.atoms.measurements import measurement, ordinal
from fhirtrial.expressions.cql.atoms.medications import medication
from fhirtrial.expressions.cql.atoms.qualitative import result
from fhirtrial.expressions.cql.atoms.reproductive import reproductive
from fhirtrial.expressions.cql.piece import Piece
from fhirtrial.terminology import Terminology


def atom_piece(atom: Atom, terminology: Terminology) -> Piece:
    match atom:
        case Age():
            return age(atom)
        case Sex():
            return sex(atom)
        case Condition():
            return condition(atom, terminology)
        case Measurement():
            return measurement(atom, terminology)
        case Ordinal():
            return ordinal(atom, terminology)
        case Result():
            return result(atom, terminology)
        case Change():
            return change(atom, terminology)
        case Medication():
            return medication(atom, terminology)
        case Procedure():
            return procedure(atom, terminology)
        case Encounter():
            return encounter(atom, terminology)
        case Allergy():
            return allergy(atom, terminology)
        case Immunization():
            return immunization(atom, terminology)
        case Reproductive():
            return reproductive(atom, terminology)
        case Finding():
            return finding(atom, terminology)
        case DataAvailability():
            return data(atom, terminology)
        case OtherExperiencer():
            return other(atom)
        case ClassificationCriteria() | Attestation() | TreatmentState() | Expected() | Residue() | NotComputable():
            return Piece.unknown("only a person can answer it")
        case Defect():
            return Piece.unknown("the source lost it")
    assert_never(atom)
