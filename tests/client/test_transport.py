"""Broken servers and ways: what is tried again, how often, and where neither credentials nor data may go."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from client.fake_fhir import (
    FakeFhir,
    Fault,
    fhir,
    half_answer,
    half_json,
    hang_up,
    redirect,
    says,
    says_later_by_date,
    web_page,
)
from client.staging import NOW, Clock
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from fhirtrial.client import Bearer, FhirSession, Retry, Secret, Server, World
from fhirtrial.errors import ServerError

TOKEN = "abc-secret"  # noqa: S105  # what must not travel


@pytest.fixture
def session(fake: FakeFhir, server: Server, world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[FhirSession]:
    monkeypatch.setenv("FHIR_TOKEN", TOKEN)
    fake.state["Patient/p1"] = {"resourceType": "Patient", "id": "p1"}
    with FhirSession(replace(server, auth=Bearer(Secret(env="FHIR_TOKEN"))), world) as opened:
        yield opened


@pytest.mark.parametrize(
    ("fault", "least_wait"),
    [
        pytest.param(says(503), 0.5, id="503"),
        pytest.param(says(429, retry_after="7"), 7, id="429 with seconds"),
        pytest.param(says_later_by_date(11, NOW), 11, id="429 with a date"),
        pytest.param(says(500), 0.5, id="500"),
        pytest.param(says(502), 0.5, id="502"),
        pytest.param(says(504), 0.5, id="504"),
        pytest.param(says(408), 0.5, id="408"),
        pytest.param(says(425), 0.5, id="425"),
        pytest.param(hang_up, 0.5, id="no answer"),
        pytest.param(half_answer, 0.5, id="half an answer"),
        pytest.param(half_json, 0.5, id="half a JSON"),
        pytest.param(web_page(503), 0.5, id="a web page with 503"),
    ],
)
def test_what_passes_is_tried_again(
    session: FhirSession, fake: FakeFhir, clock: Clock, fault: Fault, least_wait: float
) -> None:
    fake.faults = [fault]
    assert session.get("Patient/p1")["id"] == "p1"
    assert len(fake.requests) == 2
    assert len(clock.naps) == 1
    assert least_wait <= clock.naps[0] <= least_wait + 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 406, 409, 410, 412, 415, 422, 501])
def test_a_no_is_taken_as_one(session: FhirSession, fake: FakeFhir, status: int) -> None:
    fake.faults = [says(status)] * 2
    with pytest.raises(ServerError) as caught:
        session.get("Patient/p1")
    assert caught.value.status == status
    assert len(fake.requests) == 1


def test_it_ends_after_the_allowed_attempts(session: FhirSession, fake: FakeFhir, clock: Clock) -> None:
    fake.faults = [says(503)] * 9
    with pytest.raises(ServerError, match="HTTP 503"):
        session.get("Patient/p1")
    assert len(fake.requests) == session.server.retry.attempts
    assert clock.naps == sorted(clock.naps)


def test_a_pause_too_long_to_wait_ends_it_at_once(session: FhirSession, fake: FakeFhir, clock: Clock) -> None:
    fake.faults = [says(503, retry_after="86400")] * 2
    with pytest.raises(ServerError, match="HTTP 503"):
        session.get("Patient/p1")
    assert clock.naps == []


def test_nobody_listens(session: FhirSession, world: World) -> None:
    nobody = Server("http://localhost:9/fhir", retry=Retry(attempts=2))
    with FhirSession(nobody, world) as lonely, pytest.raises(ServerError) as caught:
        lonely.get("Patient/p1")
    assert caught.value.status == 0
    assert "connection failed" in str(caught.value)


def test_a_server_that_never_answers(fake: FakeFhir, server: Server, world: World) -> None:
    def slow(request: Request, _answer: object) -> Response:
        request.environ["werkzeug.socket"].settimeout(1)
        request.environ["werkzeug.socket"].recv(1)
        return Response()

    fake.faults = [slow]
    hasty = replace(server, timeout=(1.0, 0.1), retry=Retry(attempts=1))
    with FhirSession(hasty, world) as session, pytest.raises(ServerError, match="no answer in time"):
        session.get("Patient/p1")


def test_an_answer_that_trickles_is_cut(session: FhirSession, fake: FakeFhir, world: World, clock: Clock) -> None:
    def later() -> float:
        clock.time += 40
        return clock.time

    impatient = replace(session.server, patience=60.0, retry=Retry(attempts=1))
    trickle = [fhir([0] * 100_000)]
    fake.faults = [lambda _request, _answer: trickle[0]]
    with (
        FhirSession(impatient, World(world.sleep, later, world.rng)) as slow,
        pytest.raises(ServerError, match="too slowly"),
    ):
        slow.get("Patient/p1")


@pytest.mark.parametrize("status", [200, 403, 404])
def test_a_web_page_is_no_fhir(session: FhirSession, fake: FakeFhir, status: int) -> None:
    fake.faults = [web_page(status)]
    with pytest.raises(ServerError, match="text/html instead of FHIR JSON"):
        session.get("Patient/p1")
    fake.faults = [web_page(404)]
    with pytest.raises(ServerError, match="text/html"):
        session.read("Patient", "p1")


def test_the_token_goes_to_its_server(session: FhirSession, fake: FakeFhir) -> None:
    session.get("Patient/p1")
    assert fake.requests[0][2]["Authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_nothing_travels_to_another_host(
    session: FhirSession, fake: FakeFhir, other_host: HTTPServer, status: int
) -> None:
    seen: list[Request] = []

    def listen(request: Request) -> Response:
        seen.append(request)
        return fhir({"resourceType": "Patient"})

    other_host.expect_request(re.compile(".*")).respond_with_handler(listen)
    fake.faults = [redirect(other_host.url_for("/fhir/Patient/p1"), status)] * 2
    with pytest.raises(ServerError, match="redirected to another host"):
        session.get("Patient/p1")
    answer = session.transaction({"resourceType": "Bundle", "type": "transaction", "entry": []})
    assert not answer.ok
    assert seen == []


def test_a_redirect_on_the_same_host_is_followed(session: FhirSession, fake: FakeFhir) -> None:
    fake.faults = [redirect(f"{fake.base}/Patient/p1", 308)]
    assert session.get("Patient/old")["id"] == "p1"
    fake.faults = [redirect("/fhir/Patient/p1", 302)]
    assert session.get("Patient/old")["id"] == "p1"


def test_a_post_never_becomes_a_get(session: FhirSession, fake: FakeFhir) -> None:
    fake.faults = [redirect(f"{fake.base}/Patient/p1", 302)]
    answer = session.transaction({"resourceType": "Bundle", "type": "transaction", "entry": []})
    assert answer.problem is not None
    assert "redirected a POST" in answer.problem
    assert len(fake.requests) == 1


def test_redirects_in_a_circle_end(session: FhirSession, fake: FakeFhir) -> None:
    fake.faults = [redirect(f"{fake.base}/Patient/p1")] * 20
    with pytest.raises(ServerError, match="in a circle"):
        session.get("Patient/p1")


def test_no_token_goes_to_a_next_page_elsewhere(session: FhirSession, fake: FakeFhir, other_host: HTTPServer) -> None:
    link = [{"relation": "next", "url": other_host.url_for("/fhir?page=2")}]
    fake.faults = [lambda _r, _a: fhir({"resourceType": "Bundle", "type": "searchset", "link": link})]
    with pytest.raises(ServerError, match="next page is on another host"):
        list(session.search("Patient"))
    with pytest.raises(ServerError, match="another host"):
        session.get(other_host.url_for("/fhir/Patient/p1"))
    assert other_host.log == []


def test_credentials_of_a_netrc_file_are_not_added(
    fake: FakeFhir,
    server: Server,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    netrc = tmp_path_factory.mktemp("home") / "netrc"
    netrc.write_text("machine localhost login alice password wonder")
    monkeypatch.setenv("NETRC", str(netrc))
    with FhirSession(server, world) as session:
        session.get("metadata")
    assert "Authorization" not in fake.requests[0][2]


def test_a_token_that_no_header_may_hold_is_refused(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FHIR_TOKEN", "a\nHost: b")
    with pytest.raises(Exception, match="no header may hold"):
        FhirSession(replace(server, auth=Bearer(Secret(env="FHIR_TOKEN"))))
