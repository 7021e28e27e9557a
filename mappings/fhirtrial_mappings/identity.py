"""Names that artifacts and results share: ids, canonical URLs, versions, codings; each follows from its arguments.

An id ends its canonical URL, has at most 64 characters of [A-Za-z0-9-.], and depends on the trial's id alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from fhirtrial.criteria.criterion import Criterion, reviewed
from fhirtrial.criteria.document import criteria_hash
from fhirtrial.plugins import Publication, Resource
from fhirtrial.records.record import TrialRecord, record_to_bytes

NCT = "https://clinicaltrials.gov/nctid"
# These end identifier systems under the canonical base; a reader needs no base to know them.
TRIAL_SYSTEM = "/NamingSystem/trial"
TREE_SYSTEM = "/NamingSystem/criteria-hash"
POPULATION = "http://terminology.hl7.org/CodeSystem/measure-population"
POPULATIONS = ("initial-population", "denominator", "numerator")
_DIGITS = 12
_LONGEST = 64


def slug(trial_id: str) -> str:
    """The id of the trial's ResearchStudy, PlanDefinition, Measure and Questionnaire."""
    return trial_id.lower()


def library_name(trial_id: str) -> str:
    """The id of the trial's Library and the name of its CQL: letters and digits only (Using CQL with FHIR 2.1)."""
    return trial_id.replace("-", "").upper()


def criteria_group(trial_id: str) -> str:
    return f"{slug(trial_id)}-criteria"


def expression_group(trial_id: str) -> str:
    return f"{slug(trial_id)}-expression"


def cohort_group(trial_id: str, number: int) -> str:
    """The id of the trial's prefilter `number`, from 1."""
    return f"{slug(trial_id)}-cohort-{number}"


def characteristics(trial_id: str) -> str:
    """The id of the trial's EvidenceVariable."""
    return f"{slug(trial_id)}-characteristics"


def activity(trial_id: str, number: int) -> str:
    """The id of the trial's intervention `number`, from 1."""
    return f"{slug(trial_id)}-intervention-{number}"


def value_set(concept: str) -> str:
    """The id of a concept's ValueSet, which all trials share."""
    name = f"concept-{concept}"
    return name if len(name) <= _LONGEST else f"concept-{_digest(concept.encode())}"


def library_url(trial_id: str, to: Publication) -> str:
    return to.canonical("Library", library_name(trial_id))


def value_set_url(concept: str, to: Publication) -> str:
    return to.canonical("ValueSet", value_set(concept))


@lru_cache(maxsize=8)
def version(record: TrialRecord, to: Publication) -> str:
    """The record's own version and a hash of all that its artifacts are made of; it orders by the record's date."""
    made_of = (record_to_bytes(record), to.base, to.fhir, to.terminology.hash, to.software_version)
    content = b"\0".join(part if isinstance(part, bytes) else part.encode() for part in made_of)
    return f"{date(record) or '0'}.{_digest(content)}"


def date(record: TrialRecord) -> str | None:
    """The day of the record's last change, as its source gives it."""
    posted = record.last_update_post_date or record.study_first_post_date
    return (posted.date if posted else None) or record.last_update_submit_date or record.status_verified_date


def publication_status(criteria: Sequence[Criterion]) -> dict[str, Any]:
    """`status` and `experimental` of everything made of these criteria."""
    return (
        {"status": "active", "experimental": False} if reviewed(criteria) else {"status": "draft", "experimental": True}
    )


def tree_identifier(criteria: Sequence[Criterion], to: Publication) -> dict[str, str]:
    """The hash of the criteria that an artifact was generated from."""
    return {"system": f"{to.base}{TREE_SYSTEM}", "value": _criteria_hash(tuple(criteria))}


@lru_cache(maxsize=8)
def _criteria_hash(criteria: tuple[Criterion, ...]) -> str:
    return criteria_hash(criteria)


def tree_hash(resource: Resource) -> str | None:
    """The hash that `tree_identifier` put into a published resource."""
    found = (i for i in resource.get("identifier", ()) if str(i.get("system", "")).endswith(TREE_SYSTEM))
    return next((i.get("value") for i in found), None)


def criterion_coding(criterion: Criterion, trial_id: str, to: Publication) -> dict[str, str]:
    """The criterion by its id within the trial's Library, which defines what the id means."""
    return {"system": library_url(trial_id, to), "code": criterion.id}


def part_id(group: str, part: str) -> str:
    """The id of a population or stratifier within a Measure and its reports."""
    return f"{group}-{part}"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_DIGITS]
