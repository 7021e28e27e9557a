"""TrialRecord → Questionnaire: what no record holds, asked of a person; its answers are read as facts by linkId."""

from __future__ import annotations

from collections.abc import Sequence

from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.english import sentence
from fhirtrial.criteria.questions import questions
from fhirtrial.criteria.tree import Atom
from fhirtrial.plugins import Draft, Publication, Resource
from fhirtrial.records.record import TrialRecord
from fhirtrial_mappings import identity
from fhirtrial_mappings.artifacts.metadata import metadata
from fhirtrial_mappings.artifacts.primitives import filled, present, string
from fhirtrial_mappings.narrative import narrative

NOTHING = {"linkId": "none", "type": "display", "text": "No criterion of this trial needs a person's answer."}


def r4(record: TrialRecord, to: Publication) -> Sequence[Draft]:
    identifier = identity.slug(record.id)
    name = f"{identity.library_name(record.id)}Questions"
    items = present(_group(criterion, to) for criterion in record.criteria) or [NOTHING]
    asked = (question["text"] for item in items for question in item.get("item", ()))
    return (
        Draft(
            {
                **metadata("Questionnaire", identifier, record, to, name=name, title="Questions on eligibility"),
                "text": narrative(f"Questions on eligibility for {record.id}", (), asked),
                "subjectType": ["Patient"],
                "item": items,
            }
        ),
    )


def r5(record: TrialRecord, to: Publication) -> Sequence[Draft]:
    """Groups, displays and yes-or-no questions are the same in R5."""
    return r4(record, to)


def read(resource: Resource) -> str:
    """The canonical that a QuestionnaireResponse cites."""
    return str(resource["url"])


def question(atom: Atom, to: Publication) -> str:
    """What a person reads; the answer yes means that it is so."""
    return string(sentence(atom, lambda name: to.terminology.concept(name).label)) or atom.kind


def _group(criterion: Criterion, to: Publication) -> Resource | None:
    """The questions of one criterion under its own words."""
    asked = questions(criterion, to.terminology)
    if not asked:
        return None
    items = [{"linkId": q.link_id, "text": question(q.atom, to), "type": "boolean"} for q in asked]
    return filled(
        {"linkId": criterion.id, "text": string(criterion.text) or criterion.id, "type": "group", "item": items}
    )
