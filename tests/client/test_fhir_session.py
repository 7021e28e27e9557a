"""Reads, searches and single writes: pages to the last, and a server's refusals as clear errors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from client.fake_fhir import FakeFhir, fhir, outcome
from client.samples import SYSTEM
from werkzeug import Response

from fhirtrial.client import FhirSession, Server, World, capability
from fhirtrial.errors import ConfigError, ServerError

PATIENTS = 7


@pytest.fixture
def session(fake: FakeFhir, server: Server, world: World) -> FhirSession:
    for number in range(PATIENTS):
        resource = {"resourceType": "Patient", "id": f"p{number}", "meta": {"versionId": "1"}}
        fake.state[f"Patient/p{number}"] = resource
    return FhirSession(server, world)


def test_reads(session: FhirSession, fake: FakeFhir) -> None:
    held = session.read("Patient", "p1")
    assert held is not None
    assert held["id"] == "p1"
    assert session.read("Patient", "p99") is None
    assert fake.requests[0][2]["Accept"] == "application/fhir+json"


def test_a_search_follows_every_page(session: FhirSession, fake: FakeFhir) -> None:
    fake.page_size = 2
    found = [resource["id"] for resource in session.search("Patient", {"_sort": "_id"})]
    assert found == [f"p{number}" for number in range(PATIENTS)]
    assert len(fake.requests) == 4


def test_more_pages_than_allowed_is_an_error_and_not_a_short_answer(session: FhirSession, fake: FakeFhir) -> None:
    fake.page_size = 1
    with pytest.raises(ServerError, match="more than 3 pages"):
        list(session.search("Patient", most_pages=3))
    fake.page_size = 3
    assert len(list(session.search("Patient", most_pages=3))) == PATIENTS


@pytest.mark.parametrize(
    ("page", "says"),
    [
        ({"resourceType": "Patient"}, "no searchset"),
        ({"resourceType": "Bundle", "type": "searchset", "entry": {}}, "entry is no list"),
        (
            {
                "resourceType": "Bundle",
                "type": "searchset",
                "entry": [
                    {
                        "resource": {
                            "resourceType": "OperationOutcome",
                            "issue": [{"severity": "error", "code": "timeout"}],
                        }
                    }
                ],
            },
            "incomplete: timeout",
        ),
    ],
)
def test_half_a_search_is_an_error(session: FhirSession, fake: FakeFhir, page: dict[str, Any], says: str) -> None:
    fake.faults = [lambda _request, _answer: fhir(page)]
    with pytest.raises(ServerError, match=says):
        list(session.search("Patient"))


def test_a_warning_among_the_entries_is_not_fatal(session: FhirSession, fake: FakeFhir) -> None:
    warning = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "informational"}]}
    entries = [{"resource": {"resourceType": "Patient", "id": "a"}}, {"resource": warning}]
    fake.faults = [lambda _r, _a: fhir({"resourceType": "Bundle", "type": "searchset", "entry": entries})]
    assert [one["id"] for one in session.search("Patient")] == ["a"]


def test_pages_in_a_circle_end(session: FhirSession, fake: FakeFhir) -> None:
    link = [{"relation": "next", "url": f"{fake.base}/Patient?_page=1"}]
    page = {"resourceType": "Bundle", "type": "searchset", "link": link}
    fake.faults = [lambda _request, _answer: fhir(page)] * 9
    with pytest.raises(ServerError, match="already read"):
        list(session.pages("Patient"))


def test_a_relative_next_link_is_followed(session: FhirSession, fake: FakeFhir) -> None:
    link = [{"relation": "next", "url": "Patient?_page=0"}]
    first = {"resourceType": "Bundle", "type": "searchset", "link": link}
    fake.faults = [lambda _request, _answer: fhir(first)]
    assert len(list(session.search("Patient"))) == PATIENTS


@pytest.mark.parametrize(
    ("status", "code", "todo"),
    [
        (400, "invalid", "cannot read"),
        (401, "login", "credentials"),
        (403, "forbidden", "scopes"),
        (404, "not-supported", "address"),
        (422, "business-rule", "log"),
    ],
)
def test_a_refusal_names_code_and_place_but_no_patient(
    session: FhirSession, fake: FakeFhir, status: int, code: str, todo: str
) -> None:
    fake.faults = [lambda _request, _answer: outcome(status, code, "Patient.birthDate")]
    with pytest.raises(ServerError) as caught:
        session.get("Patient", {"family": "Doe", "identifier": f"{SYSTEM}|4711"})
    text = str(caught.value)
    assert caught.value.status == status
    assert f"GET {fake.base}/Patient: HTTP {status}: {code} at Patient.birthDate" in text
    assert todo in text
    assert not any(secret in text for secret in ("Doe", "4711", "1970"))
    assert len(fake.requests) == 1


def test_a_conditional_create_is_made_once(session: FhirSession, fake: FakeFhir) -> None:
    resource = {"resourceType": "List", "identifier": [{"system": SYSTEM, "value": "a"}], "status": "current"}
    first = session.create(resource, if_none_exist=f"identifier={SYSTEM}|a")
    second = session.create(resource, if_none_exist=f"identifier={SYSTEM}|a")
    assert (first.status, second.status) == (201, 200)
    assert first.location == second.location == f"{fake.base}/List/server-1/_history/1"


def test_a_create_without_a_condition_is_refused(session: FhirSession) -> None:
    with pytest.raises(ConfigError, match="no condition"):
        session.create({"resourceType": "List"}, if_none_exist="")


def test_a_condition_beyond_ascii_is_escaped(session: FhirSession, fake: FakeFhir) -> None:
    session.create({"resourceType": "List"}, if_none_exist=f"identifier={SYSTEM}|Zoë\n")
    assert fake.requests[-1][2]["If-None-Exist"] == f"identifier={SYSTEM}|Zo%C3%AB%0A"


def test_an_update_against_an_older_version_is_refused(session: FhirSession, fake: FakeFhir) -> None:
    resource = {"resourceType": "Patient", "id": "p1", "active": True}
    assert session.update(resource, if_match="1").etag == 'W/"2"'
    with pytest.raises(ServerError) as caught:
        session.update({**resource, "active": False}, if_match="1")
    assert caught.value.status == 412
    assert fake.state["Patient/p1"]["active"] is True


def test_capability(session: FhirSession, fake: FakeFhir) -> None:
    found = capability(session, "R4")
    assert (found.fhir_version, found.transaction) == ("4.0.1", False)
    statement = {
        "resourceType": "CapabilityStatement",
        "fhirVersion": "5.0.0",
        "software": {"name": "Fake"},
        "rest": [{"mode": "server", "interaction": [{"code": "transaction"}], "resource": [{"type": "List"}]}],
    }
    fake.faults = [lambda _request, _answer: fhir(statement)] * 2
    found = capability(session, "R5")
    assert (found.software, found.transaction, found.types) == ("Fake", True, frozenset({"List"}))
    with pytest.raises(ServerError, match=r"a server of FHIR 5\.0\.0; name a server of FHIR R4"):
        capability(session, "R4")


@pytest.mark.parametrize("version", ["4.3.0", "3.0.2", "4.01", None, 4.0])
def test_a_server_of_another_release_is_refused(session: FhirSession, fake: FakeFhir, version: object) -> None:
    fake.faults = [lambda _r, _a: fhir({"resourceType": "CapabilityStatement", "fhirVersion": version})]
    with pytest.raises(ServerError, match="a server of FHIR"):
        capability(session, "R4")


def test_something_else_at_the_address_is_said(session: FhirSession, fake: FakeFhir) -> None:
    fake.faults = [lambda _request, _answer: fhir({"hello": "world"})]
    with pytest.raises(ServerError, match="no CapabilityStatement"):
        capability(session, "R4")


def test_an_answer_above_the_limit_is_not_read(session: FhirSession, fake: FakeFhir, world: World) -> None:
    small = FhirSession(replace(session.server, longest_answer=1000), world)
    huge = b"[" + b"0," * 100_000 + b"0]"
    fake.faults = [lambda _request, _answer: Response(huge, content_type="application/fhir+json")] * 2
    with pytest.raises(ServerError, match="above the limit"):
        small.get("Patient")
    assert len(fake.requests) == 1
