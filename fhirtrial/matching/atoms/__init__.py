"""One function per kind of atom: the whole chunk's facts in, one truth per patient out."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

import numpy as np

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
from fhirtrial.matching.atoms.allergies import allergy
from fhirtrial.matching.atoms.answers import answered
from fhirtrial.matching.atoms.changes import change
from fhirtrial.matching.atoms.conditions import condition
from fhirtrial.matching.atoms.demographics import age, sex
from fhirtrial.matching.atoms.events import encounter, immunization, procedure
from fhirtrial.matching.atoms.findings import data, finding, other
from fhirtrial.matching.atoms.measurements import measurement, ordinal
from fhirtrial.matching.atoms.medications import medication
from fhirtrial.matching.atoms.qualitative import result
from fhirtrial.matching.atoms.reproductive import reproductive
from fhirtrial.matching.grades import PRESUMED_NO, UNKNOWN, Answer, constant
from fhirtrial.matching.lanes import narrowed
from fhirtrial.matching.network import Asked
from fhirtrial.matching.reasons import Reason
from fhirtrial.matching.view import View


def answer(question: Asked, view: View) -> Answer:
    """The atom's truth for every patient; a person's answer stands in where no record can hold one."""
    atom = question.atom
    if not question.link_id:
        return _of_everyone(atom, view)
    told = answered(view, question.questionnaire, question.link_id, unanswered(atom))
    if getattr(atom, "concept", None) is None or isinstance(atom, TreatmentState | Expected):
        return told
    recorded = _of_everyone(atom, view)
    both = told.or_else(recorded)
    # an answer that is not final, not dated or contradicted is no silence: nothing may be presumed against it
    open_ = (told.truth == UNKNOWN) & (told.reasons != unanswered(atom)) & (recorded.truth == PRESUMED_NO)
    truth = np.where(open_, UNKNOWN, both.truth).astype(np.int8)
    return Answer(truth, lambda: np.where(open_, told.reasons, both.reasons), lambda: both.rows)


def unanswered(atom: Atom) -> Reason:
    """Why it is open where no record can say and no person did."""
    match atom:
        case Residue():
            return Reason.RESIDUE
        case NotComputable() | Defect():
            return Reason.NOT_COMPUTABLE
        case _:
            return Reason.NEEDS_HUMAN


def _of_everyone(atom: Atom, view: View) -> Answer:
    """Answered on the rows that the atom looks at alone; its rows are then those of the chunk again."""
    lane = narrowed(view, atom)
    told = from_record(atom, lane)
    return replace(told, shows=lambda: replace(told.rows, index=lane.origin[told.rows.index]))


def from_record(atom: Atom, view: View) -> Answer:
    """What the record says, for every patient of a chunk or of lanes."""
    match atom:
        case Age():
            return age(atom, view)
        case Sex():
            return sex(atom, view)
        case Condition():
            return condition(atom, view)
        case Measurement():
            return measurement(atom, view)
        case Ordinal():
            return ordinal(atom, view)
        case Result():
            return result(atom, view)
        case Change():
            return change(atom, view)
        case Medication():
            return medication(atom, view)
        case Procedure():
            return procedure(atom, view)
        case Encounter():
            return encounter(atom, view)
        case Allergy():
            return allergy(atom, view)
        case Immunization():
            return immunization(atom, view)
        case Reproductive():
            return reproductive(atom, view)
        case Finding():
            return finding(atom, view)
        case DataAvailability():
            return data(atom, view)
        case OtherExperiencer():
            return other(atom, view)
        case (
            ClassificationCriteria()
            | Attestation()
            | TreatmentState()
            | Expected()
            | Residue()
            | NotComputable()
            | Defect()
        ):
            return constant(view.patients, UNKNOWN, unanswered(atom))
    assert_never(atom)
