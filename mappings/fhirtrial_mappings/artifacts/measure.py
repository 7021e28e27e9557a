"""TrialRecord → Measure: attrition, criterion by criterion in the record's order; a MeasureReport has its groups.

Per criterion: all screened, those who came to it, and those whom it does not rule out; unknown rules nobody out. The
verdicts' group counts, in the same way, those whom no criterion rules out. Every part has an id of its own, since
engines of measures ask for them, and a MeasureReport names its parts by the same.
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
TRUTH, VERDICT = "truth", "verdict"


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
    """With the linkIds by which R5 reports name the parts."""
    (draft,) = r4(record, to)
    return (Draft({**draft.resource, "group": [_in_r5(group) for group in draft.resource["group"]]}),)


def _in_r5(group: Resource) -> Resource:
    parts: Resource = {key: [_linked(p) for p in group[key]] for key in ("population", "stratifier") if key in group}
    return {**_linked(group), **parts}


def _linked(part: Resource) -> Resource:
    return {**part, "linkId": part["id"]}


def _verdict(record: TrialRecord, to: Publication) -> Resource:
    eligible = logic.identifier(ELIGIBLE, record.id, to)
    screened = logic.identifier(SCREENED, record.id, to)
    left = logic.identifier(through(record.criteria[-1]), record.id, to) if record.criteria else screened
    return {
        "id": VERDICT,
        "code": {"coding": [{"system": identity.library_url(record.id, to), "code": VERDICT}], "text": VERDICT},
        "population": _populations(VERDICT, screened, screened, left),
        "stratifier": [_stratifier(VERDICT, VERDICT, eligible)],
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
                    "population": _populations(criterion.id, screened, reached, remaining),
                    "stratifier": _truths(criterion, record.id, to),
                }
            )
        )
        reached = remaining
    return groups


def _truths(criterion: Criterion, trial_id: str, to: Publication) -> list[Resource]:
    """Patients by truth; none for a criterion without CQL, as no expression could tell them apart."""
    known = isinstance(cql(criterion, to.terminology), Define)
    return [_stratifier(criterion.id, TRUTH, logic.criterion(criterion, trial_id, to))] if known else []


def _populations(group: str, initial: Resource, denominator: Resource, numerator: Resource) -> list[Resource]:
    counted = zip(identity.POPULATIONS, (initial, denominator, numerator), strict=True)
    return [
        {
            "id": identity.part_id(group, code),
            "code": {"coding": [{"system": identity.POPULATION, "code": code}]},
            "criteria": criteria,
        }
        for code, criteria in counted
    ]


def _stratifier(group: str, name: str, criteria: Resource) -> Resource:
    return {"id": identity.part_id(group, name), "code": {"text": name}, "criteria": criteria}
