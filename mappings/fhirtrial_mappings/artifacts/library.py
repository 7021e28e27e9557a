"""TrialRecord → Library: the criteria tree byte for byte (normative) and the CQL made of it; and the criteria back."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence

from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.document import criteria_from_bytes, criteria_to_bytes
from fhirtrial.errors import ArtifactError
from fhirtrial.plugins import Draft, Publication, Resource
from fhirtrial.records.record import TrialRecord
from fhirtrial_mappings import identity
from fhirtrial_mappings.artifacts.metadata import metadata
from fhirtrial_mappings.artifacts.primitives import filled
from fhirtrial_mappings.narrative import narrative

TREE = "application/json"


def r4(record: TrialRecord, to: Publication) -> Sequence[Draft]:
    name = identity.library_name(record.id)
    return (
        Draft(
            filled(
                {
                    **metadata("Library", name, record, to, name=name, title="Eligibility logic"),
                    "text": narrative(f"Eligibility logic of {record.id}", (), (c.text for c in record.criteria)),
                    "type": {
                        "coding": [
                            {"system": "http://terminology.hl7.org/CodeSystem/library-type", "code": "logic-library"}
                        ]
                    },
                    "content": [attachment(TREE, criteria_to_bytes(record.criteria), "Criteria tree (normative)")],
                }
            )
        ),
    )


def read(resource: Resource) -> tuple[Criterion, ...]:
    """The criteria, if nothing in the Library was changed by itself; every content keeps its own hash, too."""
    where = f"Library/{resource.get('id', '?')}"
    contents = [(c.get("contentType", ""), _content(c, where)) for c in resource.get("content", ())]
    tree = next((data for kind, data in contents if kind == TREE), None)
    if tree is None:
        raise ArtifactError(where, f"no content of type {TREE}", "publish the record again (fhirtrial map)")
    stated = identity.tree_hash(resource)
    if stated != hashlib.sha256(tree).hexdigest():
        raise ArtifactError(
            where, "the hash it states is not that of its criteria tree", "publish the record again (fhirtrial map)"
        )
    return criteria_from_bytes(tree, where)


def attachment(kind: str, data: bytes, title: str) -> Resource:
    """`hash` is SHA-1, as FHIR defines it: it tells a damaged content, the tree's own hash is SHA-256."""
    sha1 = hashlib.sha1(data, usedforsecurity=False).digest()
    return {
        "contentType": kind,
        "data": base64.b64encode(data).decode(),
        "hash": base64.b64encode(sha1).decode(),
        "title": title,
    }


def _content(content: Resource, where: str) -> bytes:
    try:
        data = base64.b64decode(content.get("data", ""), validate=True)
    except binascii.Error as error:
        raise ArtifactError(where, "a content is no base64", "publish the record again (fhirtrial map)") from error
    sha1 = base64.b64encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode()
    if content.get("hash") != sha1:
        got = f"the content {content.get('contentType')} does not have the hash it states"
        raise ArtifactError(where, got, "publish the record again (fhirtrial map)")
    return data
