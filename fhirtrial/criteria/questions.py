"""Which atoms a person answers, and under which linkId: a Questionnaire is made of them, its answers are facts."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import orjson

from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.document import node_to_json
from fhirtrial.criteria.lower import atoms
from fhirtrial.criteria.tree import (
    Atom,
    Attestation,
    ClassificationCriteria,
    DataAvailability,
    Defect,
    Expected,
    NotComputable,
    OtherExperiencer,
    Residue,
    TreatmentState,
)
from fhirtrial.terminology import Terminology


class Question(NamedTuple):
    link_id: str
    atom: Atom


def asked(atom: Atom, terminology: Terminology) -> bool:
    """Whether no record can hold the answer: it is a person's to give, or its concept has no code in any system."""
    match atom:
        case Residue() | NotComputable() | Attestation() | ClassificationCriteria() | TreatmentState() | Expected():
            return True
        case DataAvailability(concept=None):
            return True
        case OtherExperiencer(who=who, condition=condition):
            return condition is None or who != "family"
        case Defect():
            return False
        case _:
            concept = getattr(atom, "concept", None)
            return concept is not None and not terminology.value_set(concept)


def link_id(criterion: str, atom: Atom) -> str:
    """Stable while the question's words are: `inc-3.` and eight hex digits of the atom's own JSON."""
    content = orjson.dumps(node_to_json(atom), option=orjson.OPT_SORT_KEYS)
    return f"{criterion}.{hashlib.sha256(content).hexdigest()[:8]}"


def questions(criterion: Criterion, terminology: Terminology) -> tuple[Question, ...]:
    """The distinct questions of a criterion in the order of its tree."""
    found = (Question(link_id(criterion.id, a), a) for a in atoms(criterion.tree) if asked(a, terminology))
    return tuple(dict.fromkeys(found))
