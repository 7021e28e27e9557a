"""Which resources of the patient's record, in which versions, one GuidanceResponse was made from.

It is written when its GuidanceResponse is, and only then: its target carries that result's content hash. `recorded`
is the start of the index date in UTC, as nothing here knows the hour.
"""

from __future__ import annotations

from typing import Any

from fhirtrial.matching.result import Match
from fhirtrial.plugins import Draft, Publication, Resource, Screening
from fhirtrial_mappings.identity import slug
from fhirtrial_mappings.narrative import narrative
from fhirtrial_mappings.results.content import Contents, content_of
from fhirtrial_mappings.results.device import author
from fhirtrial_mappings.results.pair import pair_id, source

AUTHOR = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"


def r4(screening: Screening, to: Publication) -> list[Draft]:
    contents = Contents(screening, to)
    return [Draft(_provenance(screening, match, to, contents)) for match in screening.matches]


def r5(screening: Screening, to: Publication) -> list[Draft]:
    """R5 names the patient, too, so that all that was made of one patient's record is found."""
    made = zip(r4(screening, to), screening.matches, strict=True)
    return [Draft({**draft.resource, "patient": screening.subject(match)}) for draft, match in made]


def merge(existing: Resource, new: Resource) -> Resource | None:
    return None if _target(existing) == _target(new) else new


def _target(provenance: Resource) -> str:
    targets = provenance.get("target", [])
    return content_of([t["identifier"] for t in targets if "identifier" in t])


def _provenance(screening: Screening, match: Match, to: Publication, contents: Contents) -> Resource:
    name = pair_id(screening, match)
    read = dict.fromkeys((e.resource, e.version) for r in match.criteria for e in r.evidence if e.resource)
    entities = [{"role": "source", "what": source(screening, to, *one)} for one in read]
    resource: dict[str, Any] = {
        "resourceType": "Provenance",
        "id": name,
        "text": narrative(f"Made from {len(entities)} resources of the patient's record"),
        "target": [{"reference": f"GuidanceResponse/{name}", "identifier": contents.of(match)}],
        "recorded": f"{match.on.isoformat()}T00:00:00Z",
        "policy": [to.canonical("PlanDefinition", slug(screening.trial.id))],
        "agent": [{"type": {"coding": [{"system": AUTHOR, "code": "author"}]}, "who": author(to)}],
    }
    return {**resource, "entity": entities} if entities else resource
