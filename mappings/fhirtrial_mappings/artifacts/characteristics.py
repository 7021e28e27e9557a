"""Criterion → Group.characteristic, by standard code and value only where these say exactly what the tree says."""

from __future__ import annotations

from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.lower import Lowered, lower
from fhirtrial.criteria.tree import Age, Condition, Measurement, Sex
from fhirtrial.plugins import Publication, Resource
from fhirtrial.terminology import Concept, Terminology
from fhirtrial.terminology.systems import URIS
from fhirtrial_mappings.artifacts.primitives import string
from fhirtrial_mappings.identity import criterion_coding

_AGE = {"coding": [{"system": "http://loinc.org", "code": "30525-0", "display": "Age"}]}
_SEX = {"coding": [{"system": "http://loinc.org", "code": "46098-0", "display": "Sex"}]}
_DISEASE = {"coding": [{"system": "http://snomed.info/sct", "code": "64572001", "display": "Disease (disorder)"}]}
GENDER = "http://hl7.org/fhir/administrative-gender"
# The same as codes; SNOMED CT's age and current age say the same as LOINC's.
AGE_CODES = frozenset(
    {
        ("http://loinc.org", "30525-0"),
        ("http://snomed.info/sct", "424144002"),
        ("http://snomed.info/sct", "397669002"),
    }
)
SEX_CODE = ("http://loinc.org", "46098-0")
DISEASE = ("http://snomed.info/sct", "64572001")


def characteristic(criterion: Criterion, trial_id: str, to: Publication) -> Resource:
    said = standard(lower(criterion.tree), to) or {
        "code": {
            "coding": [criterion_coding(criterion, trial_id, to)],
            "text": string(criterion.text) or criterion.id,
        },
        "valueBoolean": True,
    }
    return {"id": criterion.id, **said, "exclude": criterion.kind == "exclusion"}


def standard(tree: Lowered, to: Publication) -> Resource | None:
    """Code and value of a tree that is one atom without any qualifier that these could not hold."""
    match tree:
        case Age():
            return _age(tree)
        case Sex(value=value):
            return {"code": _SEX, "valueCodeableConcept": {"coding": [{"system": GENDER, "code": value}]}}
        case Condition() if tree == Condition(concept=tree.concept):
            found = single(to.terminology.concept(tree.concept), to.terminology)
            return {"code": _DISEASE, "valueCodeableConcept": found} if found else None
        case Measurement() if tree == _bare(tree) and tree.unit and tree.op != "=":
            found = single(to.terminology.concept(tree.concept), to.terminology)
            return {"code": found, **_bound(tree.op, tree.value, tree.unit)} if found else None
        case _:
            return None


def _bare(atom: Measurement) -> Measurement:
    return Measurement(concept=atom.concept, op=atom.op, value=atom.value, unit=atom.unit)


def _age(atom: Age) -> Resource | None:
    """One bound only. "Up to 75 years" counts completed years, so as a quantity it is below 76."""
    if atom.low is not None and atom.high is None:
        return {"code": _AGE, **_bound(atom.low_op, atom.low, atom.unit)} if atom.low_op == ">=" else None
    if atom.low is None and atom.high is not None:
        if atom.high_op == "<":
            return {"code": _AGE, **_bound("<", atom.high, atom.unit)}
        return {"code": _AGE, **_bound("<", atom.high + 1, atom.unit)} if atom.high.is_integer() else None
    return None


def _bound(op: str, value: float, unit: str) -> Resource:
    """A Range includes its ends, so that a strict bound is a Quantity with a comparator."""
    quantity = {
        "value": int(value) if value.is_integer() else value,
        "unit": unit,
        "system": URIS["ucum"],
        "code": unit,
    }
    match op:
        case ">=":
            return {"valueRange": {"low": quantity}}
        case "<=":
            return {"valueRange": {"high": quantity}}
        case _:
            return {"valueQuantity": {**quantity, "comparator": op}}


def single(concept: Concept, terminology: Terminology) -> Resource | None:
    """The concept as one CodeableConcept: one code per system and nothing under it, so that all its codings agree."""
    codes = terminology.value_set(concept.name)
    systems = [code.system for code in codes]
    if not codes or concept.members or len(systems) != len(set(systems)):
        return None
    return {
        "coding": [{"system": c.system, "code": c.code, "display": c.display} for c in codes],
        "text": concept.label,
    }
