"""Atom → DataRequirements: what a question reads; a PlanDefinition's inputs, and what would settle an unknown.

A requirement names a concept by its ValueSet. Its dates are bounded only where the bound is the question's own: a
window that starts at a stated time before screening, or how old a result may be.
"""

from __future__ import annotations

from collections.abc import Iterator

from fhirtrial.criteria.tree import (
    Age,
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
    Sex,
    Window,
)
from fhirtrial.plugins import Publication, Resource
from fhirtrial.terminology.policy import load_policy
from fhirtrial.terminology.systems import URIS
from fhirtrial_mappings.identity import value_set_url

_MEDICATIONS = ("MedicationStatement", "MedicationAdministration", "MedicationDispense", "MedicationRequest")
DATED = {
    "Condition": "onset",
    "DiagnosticReport": "effective",
    "Encounter": "period",
    "Immunization": "occurrence",
    "MedicationAdministration": "effective",
    "MedicationDispense": "whenHandedOver",
    "MedicationRequest": "authoredOn",
    "MedicationStatement": "effective",
    "Observation": "effective",
    "Procedure": "performed",
}
"""The element that a date of a resource of each type is asked by."""
# Where the records of a concept of each kind are, and by which elements its code and time are given.
_HELD = {
    "allergen": ("AllergyIntolerance", "code", ""),
    "condition": ("Condition", "code", ""),
    "imaging": ("DiagnosticReport", "code", "effective"),
    "lab": ("Observation", "code", "effective"),
    "medication": ("MedicationRequest", "medication", "authoredOn"),
    "procedure": ("Procedure", "code", "performed"),
    "score": ("Observation", "code", "effective"),
    "vaccine": ("Immunization", "vaccineCode", "occurrence"),
    "vital": ("Observation", "code", "effective"),
}
# What an atom asks of is its own to say: an allergy to a drug is no prescription of it.
_RECORDED: dict[type[Atom], tuple[str, str, str]] = {
    Allergy: _HELD["allergen"],
    Condition: _HELD["condition"],
    Immunization: _HELD["vaccine"],
    Procedure: _HELD["procedure"],
}
# Elements that R5 renamed, by resource type and R4's name.
_R5 = {
    ("Encounter", "period"): "actualPeriod",
    ("Encounter", "reasonCode"): "reason.value.concept",
    ("MedicationAdministration", "effective"): "occurence",  # as R5 5.0.0 spells it
    ("Procedure", "performed"): "occurrence",
    **{(kind, "medication"): "medication.concept" for kind in _MEDICATIONS},
    **{(kind, "reasonCode"): "reason.concept" for kind in _MEDICATIONS},
}
_STATES = {
    "pregnant": ("pregnancy", "hcg-pregnancy-test"),
    "lactating": ("lactation",),
    "childbearing-potential": ("menopause", "hysterectomy"),
}


def data_requirements(atom: Atom, to: Publication) -> tuple[Resource, ...]:
    """Everything that the atom reads of a record; nothing for what only a person can answer."""
    found = tuple(_required(atom, to))
    return tuple(in_r5(requirement) for requirement in found) if to.fhir == "R5" else found


def concepts(atom: Atom) -> tuple[str, ...]:
    """The concepts whose codes the atom needs."""
    match atom:
        case Reproductive(state=state):
            return _STATES[state]
        case Measurement(over=over) if over:
            return (atom.concept, over)
        case Condition() | Procedure():
            return (atom.concept, *atom.also, *atom.unless)
        case Medication():
            weight = ("body-weight",) if atom.dose and "/kg/" in atom.dose.unit else ()
            return tuple(c for c in (atom.concept, *atom.also, *atom.unless, atom.indication, *weight) if c)
        case Finding():
            return (atom.modality, atom.finding)
        case Encounter(reason=reason):
            return (reason,) if reason else ()
        case OtherExperiencer(condition=condition):
            return (condition,) if condition else ()
        case Measurement() | Ordinal() | Result() | Change() | Allergy() | Immunization():
            return (atom.concept,)
        case DataAvailability(concept=concept):
            return (concept,) if concept else ()
        case _:
            return ()


def _required(atom: Atom, to: Publication) -> Iterator[Resource]:
    match atom:
        case Age():
            yield {"type": "Patient", "mustSupport": ["birthDate"]}
        case Sex():
            yield {"type": "Patient", "mustSupport": ["gender"]}
        case Measurement() | Ordinal() | Result() | Change():
            for concept in concepts(atom):
                yield _recent(concept, atom.window, to)
        case Medication():
            for kind in _MEDICATIONS:
                yield _coded(kind, "medication", atom.concept, to, _since(DATED[kind], atom.window))
            if "body-weight" in concepts(atom):
                yield _recent("body-weight", None, to)
        case Encounter():
            yield {"type": "Encounter", **_coding("reasonCode", atom.reason, to), **_since("period", atom.window)}
        case Finding():
            dates = _since("effective", atom.window)
            yield _coded("DiagnosticReport", "code", atom.modality, to, dates)
            seen = _coded("Observation", "code", atom.modality, to, dates)
            yield {**seen, "codeFilter": [*seen["codeFilter"], *_coding("value", atom.finding, to)["codeFilter"]]}
        case OtherExperiencer(condition=condition) if condition:
            yield _coded("FamilyMemberHistory", "condition.code", condition, to, {})
        case Condition() | Procedure() | Allergy() | Immunization() | Reproductive() | DataAvailability():
            for concept in concepts(atom)[: None if isinstance(atom, Reproductive) else 1]:
                kind, path, when = _RECORDED.get(type(atom)) or _held(concept, to)
                yield _coded(kind, path, concept, to, _since(when, getattr(atom, "window", None)))
        case _:
            return


def in_r5(requirement: Resource) -> Resource:
    """The same with R5's names of elements."""
    kind = requirement["type"]
    filters: Resource = {
        key: [{**one, "path": _R5.get((kind, one["path"]), one["path"])} for one in requirement[key]]
        for key in ("codeFilter", "dateFilter")
        if key in requirement
    }
    if "mustSupport" in requirement:
        filters["mustSupport"] = [_R5.get((kind, path), path) for path in requirement["mustSupport"]]
    return {**requirement, **filters}


def _held(concept: str, to: Publication) -> tuple[str, str, str]:
    return _HELD[to.terminology.concept(concept).kind]


def _recent(concept: str, window: Window | None, to: Publication) -> Resource:
    """A result inside its window, else no older than results of its kind may be; the latest first."""
    days = load_policy().recency_days(to.terminology.concept(concept))
    dates = _since("effective", window) if window else _duration("effective", days, "d")
    latest = {"sort": [{"path": "effective", "direction": "descending"}]}
    return {**_coded("Observation", "code", concept, to, dates), **latest}


def _coded(kind: str, path: str, concept: str, to: Publication, dates: Resource) -> Resource:
    return {"type": kind, **_coding(path, concept, to), **dates}


def _coding(path: str, concept: str | None, to: Publication) -> Resource:
    return {"codeFilter": [{"path": path, "valueSet": value_set_url(concept, to)}]} if concept else {}


def _since(path: str, window: Window | None) -> Resource:
    """A window that reaches back from screening; any other anchor is not the day on which data are asked for."""
    if not path or window is None or window.start is None or window.anchor not in {"screening", "unspecified"}:
        return {}
    if window.start.unit == "half-life" or window.start.value >= 0:
        return {}
    return _duration(path, -window.start.value, window.start.unit)


def _duration(path: str, value: float | None, unit: str) -> Resource:
    if value is None:
        return {}
    length = {"value": value, "unit": unit, "system": URIS["ucum"], "code": unit}
    return {"dateFilter": [{"path": path, "valueDuration": length}]}
