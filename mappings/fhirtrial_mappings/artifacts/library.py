"""TrialRecord → Library: the criteria tree byte for byte (normative) and the CQL made of it; and the criteria back."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence

from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.document import criteria_from_bytes, criteria_to_bytes
from fhirtrial.criteria.lower import atoms
from fhirtrial.errors import ArtifactError
from fhirtrial.expressions.cql import ELIGIBLE, Define, cql, library, tree_hash
from fhirtrial.plugins import Draft, Publication, Resource
from fhirtrial.records.record import TrialRecord
from fhirtrial_mappings import identity
from fhirtrial_mappings.artifacts.metadata import metadata, patient
from fhirtrial_mappings.artifacts.primitives import filled
from fhirtrial_mappings.data_requirements import concepts, data_requirements
from fhirtrial_mappings.narrative import narrative

TREE = "application/json"
CQL = "text/cql"
AGAIN = "publish the record again (fhirtrial map)"
PARAMETERS = (
    {
        "name": "IndexDate",
        "use": "in",
        "min": 1,
        "max": "1",
        "documentation": "The screening day; every window and age counts from it.",
        "type": "date",
    },
    {
        "name": "Loaded",
        "use": "in",
        "min": 0,
        "max": "*",
        "documentation": "The families that were loaded whole; only there a presumption is true or false.",
        "type": "string",
    },
    {
        "name": "RecordStart",
        "use": "in",
        "min": 0,
        "max": "1",
        "documentation": "The day the record begins; of the days before it, absence says nothing.",
        "type": "date",
    },
)


def r4(record: TrialRecord, to: Publication) -> Sequence[Draft]:
    name = identity.library_name(record.id)
    text = library(name, identity.version(record, to), record.criteria, to.terminology)
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
                    "subjectCodeableConcept": patient(to),
                    "relatedArtifact": _value_sets(record, to),
                    "parameter": [*PARAMETERS, *_defines(record, to)],
                    "dataRequirement": _data(record, to),
                    "content": [
                        attachment(TREE, criteria_to_bytes(record.criteria), "Criteria tree (normative)"),
                        attachment(CQL, text.encode(), "CQL, generated from the criteria tree"),
                    ],
                }
            )
        ),
    )


def r5(record: TrialRecord, to: Publication) -> Sequence[Draft]:
    """R5 has the same elements; the CQL in it asks R4 data here, too: the model that it names is FHIR 4.0.1."""
    return r4(record, to)


def read(resource: Resource) -> tuple[Criterion, ...]:
    """The criteria, if nothing in the Library was changed by itself; every content keeps its own hash, too."""
    where = f"Library/{resource.get('id', '?')}"
    contents = {str(c.get("contentType")): _content(c, where) for c in resource.get("content", ())}
    if TREE not in contents:
        raise ArtifactError(where, f"no content of type {TREE}", AGAIN)
    tree = contents[TREE]
    own = hashlib.sha256(tree).hexdigest()
    if identity.tree_hash(resource) != own:
        raise ArtifactError(where, "the hash it states is not that of its criteria tree", AGAIN)
    if CQL in contents and tree_hash(contents[CQL].decode(errors="replace")) != own:
        raise ArtifactError(where, "its CQL was generated from another criteria tree", AGAIN)
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


def _defines(record: TrialRecord, to: Publication) -> list[Resource]:
    """What an engine gets out: per criterion its truth and whether its data are there, and the whole."""
    found = (cql(criterion, to.terminology) for criterion in record.criteria)
    names = [name for d in found if isinstance(d, Define) for name in (d.name, f"{d.name} data present")]
    return [{"name": name, "use": "out", "min": 0, "max": "1", "type": "boolean"} for name in (*names, ELIGIBLE)]


def _data(record: TrialRecord, to: Publication) -> list[Resource]:
    found: list[Resource] = []
    for atom in dict.fromkeys(a for criterion in record.criteria for a in atoms(criterion.tree)):
        found += [requirement for requirement in data_requirements(atom, to) if requirement not in found]
    return found


def _value_sets(record: TrialRecord, to: Publication) -> list[Resource]:
    named = {name for c in record.criteria for atom in atoms(c.tree) for name in concepts(atom)}
    return [{"type": "depends-on", "resource": identity.value_set_url(name, to)} for name in sorted(named)]


def _content(content: Resource, where: str) -> bytes:
    try:
        data = base64.b64decode(content.get("data", ""), validate=True)
    except binascii.Error as error:
        raise ArtifactError(where, "a content is no base64", AGAIN) from error
    sha1 = base64.b64encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode()
    if content.get("hash") != sha1:
        got = f"the content {content.get('contentType')} does not have the hash it states"
        raise ArtifactError(where, got, AGAIN)
    return data
