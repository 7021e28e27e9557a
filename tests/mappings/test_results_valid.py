"""Everything a screening writes is valid R4, the same bytes each time, and survives a real server's own rewriting."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests
from fhir_shapes import faults
from mappings.matches import SEEN, TO, TO_R5, match, mixed, screening, trial

from fhirtrial.job.report import Reporting, distinct, summary
from fhirtrial.matching.result import Match
from fhirtrial.plugins import Draft, Mapping, Publication, Registry, Resource, Screening
from fhirtrial_mappings.results import RESULTS, guidance_response

GOLDEN = Path(__file__).parent / "golden"
SECONDS = 60
versions = pytest.mark.parametrize("to", [TO, TO_R5], ids=lambda to: str(to.fhir))


def golden(to: Publication) -> Path:
    return GOLDEN / ("results.json" if to is TO else "results-r5.json")


def drafts(of: Screening, to: Publication = TO) -> list[Draft]:
    made = Reporting(Registry(RESULTS), to, "all")
    return distinct([*made.pairs(of), *made.summary(summary(of))])


def superseding(to: Publication) -> Resource:
    build = guidance_response.r4 if to is TO else guidance_response.r5
    (before,), (after,) = (build(screening(match(tree=tree)), to) for tree in ("tree-1", "tree-2"))
    merged = guidance_response.merge({**before.resource, "meta": {"versionId": "1"}}, after.resource)
    assert merged is not None
    return merged


def every_shape(to: Publication) -> Iterator[Resource]:
    odd = replace(SEEN, value=" two\x07 lines\n<&> ", date="", resource="", compared="")
    unreviewed: list[Match] = [match(of=trial(reviewed=False), evidence={"inc-1": [odd]})]
    for of in (mixed(), screening(*unreviewed), screening(match(of=trial(status="COMPLETED")))):
        yield from (draft.resource for draft in drafts(of, to))
    yield superseding(to)


def as_bytes(of: Screening, to: Publication) -> bytes:
    shown = [
        {"resource": d.resource, **({"ifNoneExist": d.if_none_exist} if d.if_none_exist else {})}
        for d in drafts(of, to)
    ]
    return orjson.dumps(shown, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


@versions
def test_golden(to: Publication) -> None:
    """Write it anew with `PYTHONPATH=tests python -m mappings.test_results_valid`; read the difference; keep it."""
    assert as_bytes(mixed(), to).decode() == golden(to).read_text(encoding="utf-8")


@versions
def test_shapes(to: Publication) -> None:
    assert faults(every_shape(to), to.fhir) == {}


def test_ids_are_unique_and_each_pair_has_its_own() -> None:
    written = [(d.resource["resourceType"], d.resource["id"]) for d in drafts(mixed()) if "id" in d.resource]
    assert len(written) == len(set(written))
    assert sum(kind == "GuidanceResponse" for kind, _ in written) == len(mixed().matches)


def subject(mapping: Mapping, of: Screening) -> Any:
    return of if mapping.of == "match" else summary(of)


@pytest.mark.parametrize("mapping", [m for m in RESULTS if m.merge], ids=lambda m: f"{m.fhir}/{m.resource}/{m.of}")
def test_merging_what_is_there_changes_nothing(mapping: Any) -> None:
    for draft in mapping.build(subject(mapping, mixed()), TO if mapping.fhir == "R4" else TO_R5):
        assert mapping.merge(draft.resource, draft.resource) is None


@pytest.mark.java
@versions
def test_hl7s_validator_finds_no_error(to: Publication, hl7_validate: Callable[..., list[Any]]) -> None:
    found = hl7_validate(list(every_shape(to)), fhir=to.fhir)
    assert {(v.resource_type, v.id): v.errors for v in found if v.errors} == {}


@pytest.mark.java
def test_a_server_that_rewrites_the_json_is_not_written_to_again(hapi: str) -> None:
    name = f"doc-{uuid.uuid4().hex[:16]}"
    of = trial(trial_id=name)
    references = {"Patient/1": f"Patient/{name}", "Observation/9": f"Observation/{name}"}
    known = screening(match(of=of, evidence={"inc-2": [SEEN]}), references=references)
    for resource in (
        {"resourceType": "Patient", "id": name},
        {"resourceType": "Observation", "id": name, "status": "final", "code": {"text": "creatinine"}},
        {"resourceType": "ResearchStudy", "id": name, "status": "active"},
    ):
        put(hapi, resource)
    for draft in drafts(known):
        written(hapi, draft)
    for mapping in (m for m in RESULTS if m.fhir == "R4"):
        for draft in mapping.build(subject(mapping, known), TO):
            if mapping.merge is not None:
                there = requests.get(address(hapi, draft.resource), timeout=SECONDS).json()
                assert mapping.merge(there, draft.resource) is None
            else:
                assert written(hapi, draft).status_code == requests.codes.ok


def address(base: str, resource: Resource) -> str:
    return f"{base}/{resource['resourceType']}/{resource['id']}"


def put(base: str, resource: Resource) -> requests.Response:
    answer = requests.put(address(base, resource), json=resource, timeout=SECONDS)
    assert answer.ok, answer.text
    return answer


def written(base: str, draft: Draft) -> requests.Response:
    if not draft.if_none_exist:
        return put(base, draft.resource)
    kind, headers = draft.resource["resourceType"], {"If-None-Exist": draft.if_none_exist}
    answer = requests.post(f"{base}/{kind}", json=draft.resource, headers=headers, timeout=SECONDS)
    assert answer.ok, answer.text
    return answer


if __name__ == "__main__":
    for written_to in (TO, TO_R5):
        golden(written_to).write_bytes(as_bytes(mixed(), written_to))
