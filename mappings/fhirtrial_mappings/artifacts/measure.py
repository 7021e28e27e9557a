"""TrialRecord → Measure: attrition, criterion by criterion in the record's order; a MeasureReport has its groups.

Per criterion: all screened, those who came to it, and those whom it does not rule out; unknown rules nobody out.
"""

from __future__ import annotations

from collections.abc import Sequence

from fhirtrial.criteria.criterion import Criterion
from fhirtrial.expressions.cql import ELIGIBLE, SCREENED, Define, cql, through
from fhirtrial.plugins import Draft, Publication, Resource
from fhirtrial.records.record import TrialRecord
from fhirtrial_mappings import identity
from fhirtrial_mappings.artifacts import logic
from fhirtrial_mappings.artifacts.metadata import metadata, patient
from fhirtrial_mappings.artifacts.primitives import filled, string
from fhirtrial_mappings.narrative import narrative

SCORING = "http://terminology.hl7.org/CodeSystem/measure-scoring"
POPULATION = "http://terminology.hl7.org/CodeSystem/measure-population"


def r4(record: TrialRecord, to: Publication) -> Sequence[Draft]:
    name = f"{identity.library_name(record.id)}Attrition"
    return (
        Draft(
            {
                **metadata("Measure", identity.slug(record.id), record, to, name=name, title="Attrition"),
                "text": narrative(f"Attrition of {record.id}", (), (f"{c.id}: {c.text}" for c in record.criteria)),
                "subjectCodeableConcept": patient(to),
                "library": [identity.library_url(record.id, to)],
                "scoring": {"coding": [{"system": SCORING, "code": "proportion"}]},
                "group": [_verdict(record, to), *_attrition(record, to)],
            }
        ),
    )


def r5(record: TrialRecord, to: Publication) -> Sequence[Draft]:
    """With the linkIds by which R5 reports name the groups."""
    (draft,) = r4(record, to)
    groups = [{**group, "linkId": group["id"]} for group in draft.resource["group"]]
    return (Draft({**draft.resource, "group": groups}),)


def _verdict(record: TrialRecord, to: Publication) -> Resource:
    eligible = logic.identifier(ELIGIBLE, record.id, to)
    screened = logic.identifier(SCREENED, record.id, to)
    return {
        "id": "verdict",
        "code": {"coding": [{"system": identity.library_url(record.id, to), "code": "verdict"}], "text": "verdict"},
        "population": [population("initial-population", screened), population("denominator", screened)],
        "stratifier": [{"code": {"text": "verdict"}, "criteria": eligible}],
    }


def _attrition(record: TrialRecord, to: Publication) -> list[Resource]:
    screened = reached = logic.identifier(SCREENED, record.id, to)
    groups = []
    for criterion in record.criteria:
        remaining = logic.identifier(through(criterion), record.id, to)
        groups.append(
            filled(
                {
                    "id": criterion.id,
                    "code": {"coding": [identity.criterion_coding(criterion, record.id, to)], "text": criterion.id},
                    "description": string(criterion.text),
                    "population": [
                        population("initial-population", screened),
                        population("denominator", reached),
                        population("numerator", remaining),
                    ],
                    "stratifier": [_truths(criterion, record.id, to)],
                }
            )
        )
        reached = remaining
    return groups


def _truths(criterion: Criterion, trial_id: str, to: Publication) -> Resource:
    """Patients by truth; a criterion without CQL has no expression that could tell them apart."""
    known = isinstance(cql(criterion, to.terminology), Define)
    criteria = {"criteria": logic.criterion(criterion, trial_id, to)} if known else {}
    return {"code": {"text": "truth"}, **criteria}


def population(code: str, criteria: Resource) -> Resource:
    return {"code": {"coding": [{"system": POPULATION, "code": code}]}, "criteria": criteria}
