"""What was published reads back to what was meant; what was changed on the way does not."""

from __future__ import annotations

import base64
import copy
import hashlib
from collections.abc import Callable

import pytest
from mappings.publishing import SHIPPED, only, published
from mappings.trials import PAGE, RECORDS, REGISTERED
from shipped import samples

from fhirtrial.criteria.document import criteria_hash, criteria_to_bytes
from fhirtrial.errors import ArtifactError, TreeError
from fhirtrial.plugins import Resource
from fhirtrial.records.record import TrialRecord
from fhirtrial_mappings.artifacts import group, library, plan_definition, questionnaire, research_study


@pytest.mark.parametrize("record", [*RECORDS.values(), *samples()], ids=lambda r: str(r.id))
def test_criteria_come_back_byte_for_byte(record: TrialRecord) -> None:
    to = SHIPPED if record in samples() else None
    published_library = only("Library", record, to) if to else only("Library", record)
    assert criteria_to_bytes(library.read(published_library)) == criteria_to_bytes(record.criteria)


def test_the_study_comes_back() -> None:
    assert research_study.read(only("ResearchStudy", REGISTERED)) == {
        "id": "NCT01234567",
        "title": "Something <new> for dermatomyositis",
        "status": "RECRUITING",
        "identifiers": (("https://clinicaltrials.gov/nctid", "NCT01234567"),),
    }
    assert research_study.read(only("ResearchStudy", PAGE)) == {
        "id": "doc-0123456789abcdef",
        "title": "A page without a number",
        "status": "",
        "identifiers": (("https://hospital.example/fhir/NamingSystem/trial", "doc-0123456789abcdef"),),
    }


def test_the_questionnaire_is_known_by_its_canonical() -> None:
    found = questionnaire.read(only("Questionnaire", REGISTERED))
    assert found == "https://hospital.example/fhir/Questionnaire/nct01234567"


@pytest.mark.parametrize("read", [group.read, plan_definition.read], ids=["Group", "PlanDefinition"])
def test_generated_parts_carry_the_hash_of_their_tree(read: Callable[[Resource], str | None]) -> None:
    kind = "Group" if read is group.read else "PlanDefinition"
    parts = [r for r in published(REGISTERED) if r["resourceType"] == kind]
    assert {read(part) for part in parts} == {criteria_hash(REGISTERED.criteria)}
    assert len(parts) == (2 if kind == "Group" else 1)


def test_a_study_that_is_not_ours_is_refused() -> None:
    with pytest.raises(ArtifactError, match="ResearchStudy/x: no NCT number"):
        research_study.read({"resourceType": "ResearchStudy", "id": "x", "identifier": [{"system": "s", "value": "1"}]})


def replaced(resource: Resource, number: int, data: bytes, *, rehash: bool) -> Resource:
    """The Library with another content, as somebody leaves it who edits it on a server."""
    changed = copy.deepcopy(resource)
    content = changed["content"][number]
    content["data"] = base64.b64encode(data).decode()
    if rehash:
        content["hash"] = base64.b64encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode()
    return changed


def decoded(resource: Resource, number: int) -> bytes:
    return base64.b64decode(resource["content"][number]["data"])


def test_changed_cql_is_refused() -> None:
    published_library = only("Library", REGISTERED)
    text = decoded(published_library, 1)
    with pytest.raises(ArtifactError, match="the content text/cql does not have the hash it states"):
        library.read(replaced(published_library, 1, text + b"\n", rehash=False))
    foreign = text.replace(criteria_hash(REGISTERED.criteria).encode(), criteria_hash(PAGE.criteria).encode())
    with pytest.raises(ArtifactError, match="its CQL was generated from another criteria tree"):
        library.read(replaced(published_library, 1, foreign, rehash=True))


def test_a_changed_tree_is_refused() -> None:
    published_library = only("Library", REGISTERED)
    tree = decoded(published_library, 0).replace(b'"value":1.5', b'"value":2.5')
    with pytest.raises(ArtifactError, match="the hash it states is not that of its criteria tree"):
        library.read(replaced(published_library, 0, tree, rehash=True))


def test_a_library_without_a_tree_is_refused() -> None:
    published_library = only("Library", REGISTERED)
    with pytest.raises(ArtifactError, match="no content of type application/json"):
        library.read({**published_library, "content": published_library["content"][1:]})
    with pytest.raises(ArtifactError, match="a content is no base64"):
        library.read({**published_library, "content": [{"contentType": "application/json", "data": "%"}]})


def test_a_tree_of_another_schema_version_is_refused() -> None:
    published_library = only("Library", REGISTERED)
    old = b'{"criteria":[],"schemaVersion":"0"}'
    changed = replaced(published_library, 0, old, rehash=True)
    own = {**changed["identifier"][0], "value": hashlib.sha256(old).hexdigest()}
    text = decoded(changed, 1).replace(criteria_hash(REGISTERED.criteria).encode(), own["value"].encode())
    with pytest.raises(TreeError, match="schema version '0'"):
        library.read(replaced({**changed, "identifier": [own]}, 1, text, rehash=True))
