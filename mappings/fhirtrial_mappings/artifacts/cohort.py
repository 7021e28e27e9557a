"""TrialRecord → Groups of the Bulk Data cohort profile: who is worth exporting on a screening day, as FHIR searches.

A possible patient is in one of them; a server ANDs the filters of one Group, so that what is or'ed stands in several.
The profile is one of R4, and allows no characteristic: nothing but the searches says who is in.
"""

from __future__ import annotations

from collections.abc import Iterator

from fhirtrial.expressions.search import prefilter
from fhirtrial.plugins import Draft, Publication
from fhirtrial.records.record import TrialRecord
from fhirtrial_mappings import identity
from fhirtrial_mappings.artifacts.extensions import ARTIFACT_URL, ARTIFACT_VERSION, MEMBER_FILTER
from fhirtrial_mappings.artifacts.primitives import filled
from fhirtrial_mappings.artifacts.research_study import title
from fhirtrial_mappings.narrative import narrative

LANGUAGE = "application/x-fhir-query"


def groups(record: TrialRecord, to: Publication) -> Iterator[Draft]:
    """None without a screening day, and none where neither age nor sex is asked."""
    if to.on is None:
        return
    for number, query in enumerate(prefilter(record.criteria, to.on), 1):
        identifier = identity.cohort_group(record.id, number)
        kind = f"Prefilter {number} of {record.id} for screening on {to.on}"
        filtered = {"url": MEMBER_FILTER, "valueExpression": {"language": LANGUAGE, "expression": query}}
        yield Draft(
            filled(
                {
                    "resourceType": "Group",
                    "id": identifier,
                    "text": narrative(kind, (), (query,)),
                    "extension": [
                        {"url": ARTIFACT_URL, "valueUri": to.canonical("Group", identifier)},
                        {"url": ARTIFACT_VERSION, "valueString": identity.version(record, to)},
                    ],
                    "modifierExtension": [filtered],
                    "identifier": [identity.tree_identifier(record.criteria, to)],
                    "active": True,
                    "type": "person",
                    "actual": False,
                    "name": f"{kind}: {title(record)}",
                }
            )
        )
