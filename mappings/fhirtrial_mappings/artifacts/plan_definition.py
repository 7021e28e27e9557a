"""TrialRecord → PlanDefinition: an action per criterion with its condition, inputs and source; then the arms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.english import english
from fhirtrial.criteria.lower import atoms
from fhirtrial.plugins import Draft, Publication, Resource
from fhirtrial.records.record import TrialRecord
from fhirtrial_mappings import identity
from fhirtrial_mappings.artifacts import activity_definition, logic, related_artifact
from fhirtrial_mappings.artifacts.library import attachment
from fhirtrial_mappings.artifacts.metadata import metadata, patient
from fhirtrial_mappings.artifacts.primitives import filled, present, string, text
from fhirtrial_mappings.artifacts.study_elements import registry_page
from fhirtrial_mappings.data_requirements import data_requirements
from fhirtrial_mappings.narrative import narrative

TYPE_SYSTEM = "http://terminology.hl7.org/CodeSystem/plan-definition-type"
ASKED = {"type": "QuestionnaireResponse", "mustSupport": ["questionnaire", "item"]}


def r4(record: TrialRecord, to: Publication) -> Sequence[Draft]:
    name = f"{identity.library_name(record.id)}Protocol"
    criteria = [action(criterion, record, to) for criterion in record.criteria]
    return (
        Draft(
            filled(
                {
                    **metadata("PlanDefinition", identity.slug(record.id), record, to, name=name, title="Protocol"),
                    "text": narrative(f"Protocol of {record.id}", (), (f"{c.id}: {c.text}" for c in record.criteria)),
                    "type": {"coding": [{"system": TYPE_SYSTEM, "code": "clinical-protocol"}]},
                    "subjectCodeableConcept": patient(to),
                    "relatedArtifact": _sources(record),
                    "library": [identity.library_url(record.id, to)],
                    "action": present([eligibility(criteria), *arms(record, to)]),
                }
            )
        ),
    )


def r5(record: TrialRecord, to: Publication) -> Sequence[Draft]:
    (draft,) = r4(record, to)
    plan = draft.resource
    related = related_artifact.r5(plan.get("relatedArtifact", ()))
    actions = [_in_r5(action) for action in plan.get("action", ())]
    return (Draft(filled({**plan, "relatedArtifact": related, "action": actions})),)


def read(resource: Resource) -> str | None:
    """The hash of the criteria that the plan was made of."""
    return identity.tree_hash(resource)


def _in_r5(action: Resource) -> Resource:
    """R5 has one code per action, a requirement inside each input, and a linkId beside the id."""
    return filled(
        {
            **action,
            "linkId": action.get("id"),
            "code": next(iter(action.get("code", ())), None),
            "documentation": related_artifact.r5(action.get("documentation", ())),
            "input": [{"requirement": requirement} for requirement in action.get("input", ())],
            "action": [_in_r5(inner) for inner in action.get("action", ())],
        }
    )


def eligibility(criteria: list[Resource]) -> Resource | None:
    """All criteria, side by side: each action tells of its own whether it is so, none depends on another."""
    if not criteria:
        return None
    return {
        "id": "eligibility",
        "title": "Eligibility",
        "groupingBehavior": "logical-group",
        "selectionBehavior": "all",
        "action": criteria,
    }


def action(criterion: Criterion, record: TrialRecord, to: Publication) -> Resource:
    words = english(criterion.tree, lambda name: to.terminology.concept(name).label)
    coding = identity.criterion_coding(criterion, record.id, to)
    said = logic.criterion(criterion, record.id, to)
    return filled(
        {
            "id": criterion.id,
            "prefix": criterion.id,
            "title": f"{criterion.kind.capitalize()} {criterion.id}",
            "description": string(criterion.text),
            "textEquivalent": string(words),
            "code": [{"coding": [coding], "text": criterion.kind}],
            "documentation": list(_documentation(criterion, record)),
            "condition": [{"kind": "applicability", "expression": logic.with_alternative(said, criterion, to)}],
            "input": inputs(criterion, to),
        }
    )


def inputs(criterion: Criterion, to: Publication) -> list[Resource]:
    """What the atoms read, each once; a question that only a person answers reads its answer."""
    found: list[Resource] = []
    for atom in dict.fromkeys(atoms(criterion.tree)):
        needed = data_requirements(atom, to) or ((ASKED,) if atom.kind != "defect" else ())
        found += [requirement for requirement in needed if requirement not in found]
    return found


def arms(record: TrialRecord, to: Publication) -> Iterator[Resource]:
    """Each arm with its interventions; an intervention that no arm names stands by itself."""
    placed: set[int] = set()
    for n, arm in enumerate(record.arms, 1):
        members = [i for i, given in enumerate(record.interventions, 1) if activity_definition.belongs(given, arm)]
        placed.update(members)
        yield filled(
            {
                "id": f"arm-{n}",
                "title": string(arm.label) or f"Arm {n}",
                "description": string(arm.description),
                "code": present([text(arm.type)]),
                "action": [_given(i, record, to) for i in members],
            }
        )
    for i in range(1, len(record.interventions) + 1):
        if i not in placed:
            yield _given(i, record, to)


def _given(number: int, record: TrialRecord, to: Publication) -> Resource:
    activity = to.canonical("ActivityDefinition", identity.activity(record.id, number))
    name = string(record.interventions[number - 1].name)
    return filled({"title": name, "definitionCanonical": f"{activity}|{identity.version(record, to)}"})


def _sources(record: TrialRecord) -> list[Resource]:
    """The eligibility text that every span counts in, whole."""
    if not record.eligibility_text:
        return []
    whole = attachment("text/markdown", record.eligibility_text.encode(), "Eligibility text")
    return [filled({"type": "derived-from", "url": registry_page(record), "document": whole})]


def _documentation(criterion: Criterion, record: TrialRecord) -> Iterator[Resource]:
    span = criterion.span
    where = f"Eligibility text, characters {span.start} to {span.end}" if span else "A structured field of the record"
    source = {"type": "derived-from", "label": criterion.id, "display": where, "citation": string(criterion.text)}
    yield filled({**source, "url": registry_page(record)})
    for note in criterion.notes:
        yield filled({"type": "documentation", "label": "note", "display": string(note.text)})
    for defect in criterion.defects:
        yield {"type": "documentation", "label": "defect", "display": defect.replace("_", " ")}
    if criterion.review:
        told = f"Tree reviewed by {criterion.review.reviewer} on {criterion.review.date}"
        yield {"type": "justification", "label": "review", "display": told}
