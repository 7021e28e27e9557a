"""TrialRecord → two definitional Groups: the criteria as characteristics, all of them ANDed, and one expression.

Given a screening day, the prefilters of `cohort` stand beside them.

A criterion that a standard code and value say exactly uses them; any other is a boolean named by its criterion, whose
meaning its Library defines. No extension changes what a characteristic means; the expression excludes characteristics.
"""

from __future__ import annotations

from collections.abc import Sequence

from fhirtrial.expressions.cql import ELIGIBLE
from fhirtrial.plugins import Draft, Publication, Resource
from fhirtrial.records.record import TrialRecord
from fhirtrial_mappings import identity
from fhirtrial_mappings.artifacts import cohort, logic
from fhirtrial_mappings.artifacts.characteristics import characteristic
from fhirtrial_mappings.artifacts.extensions import (
    ARTIFACT_STATUS,
    ARTIFACT_URL,
    ARTIFACT_VERSION,
    CHARACTERISTIC_EXPRESSION,
    CQF_LIBRARY,
)
from fhirtrial_mappings.artifacts.primitives import filled
from fhirtrial_mappings.artifacts.research_study import title
from fhirtrial_mappings.narrative import narrative


def r4(record: TrialRecord, to: Publication) -> Sequence[Draft]:
    library = {"url": CQF_LIBRARY, "valueCanonical": identity.library_url(record.id, to)}
    eligible = {"url": CHARACTERISTIC_EXPRESSION, "valueExpression": logic.identifier(ELIGIBLE, record.id, to)}
    listed = _group(identity.criteria_group(record.id), "Eligibility criteria", record, to, [])
    computed = _group(identity.expression_group(record.id), "Eligibility expression", record, to, [library, eligible])
    characteristics = [characteristic(criterion, record.id, to) for criterion in record.criteria]
    defined = (Draft(filled({**listed, "characteristic": characteristics})), Draft(computed))
    return (*defined, *cohort.groups(record, to)) if to.fhir == "R4" else defined


def r5(record: TrialRecord, to: Publication) -> Sequence[Draft]:
    return [Draft(_in_r5(draft.resource)) for draft in r4(record, to)]


def read(resource: Resource) -> str | None:
    """The hash of the criteria that the Group was made of."""
    return identity.tree_hash(resource)


def _in_r5(group: Resource) -> Resource:
    kept = {key: value for key, value in group.items() if key != "actual"}
    return {**kept, "membership": "definitional"}


def _group(identifier: str, kind: str, record: TrialRecord, to: Publication, extensions: list[Resource]) -> Resource:
    status = identity.publication_status(record.criteria)["status"]
    # What a draft means may change, so that HL7 made its status a modifier; nothing is to be known of an active one.
    draft = [] if status == "active" else [{"url": ARTIFACT_STATUS, "valueCode": status}]
    return {
        "resourceType": "Group",
        "id": identifier,
        "text": narrative(f"{kind} of {record.id}", (), (f"{c.id}: {c.text}" for c in record.criteria)),
        "extension": [
            {"url": ARTIFACT_URL, "valueUri": to.canonical("Group", identifier)},
            {"url": ARTIFACT_VERSION, "valueString": identity.version(record, to)},
            *extensions,
        ],
        **({"modifierExtension": draft} if draft else {}),
        "identifier": [identity.tree_identifier(record.criteria, to)],
        "active": True,
        "type": "person",
        "actual": False,
        "code": {"text": kind},
        "name": f"{kind}: {title(record)}",
    }
