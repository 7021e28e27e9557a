"""The client against the real server: what the fake one plays is what HAPI does."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from client.samples import bundle, guarded, put, refer
from client.staging import letters

from fhirtrial.client import FhirSession, Receipt, Server, capability, post, read_bundle_file

pytestmark = pytest.mark.java

IDS = "https://example.org/client-tests"


@pytest.fixture
def name() -> str:
    """Tests share the server, so each has ids of its own."""
    return str(uuid.uuid4())


def send(base: str, folder: Path, *bundles: dict[str, Any], **options: Any) -> Receipt:
    server = Server(base, **options)
    return post(bundles, server, journal=folder / "journal", dead_letters=folder / "dead.ndjson")


def create(kind: str, name: str, urn: str, **elements: Any) -> dict[str, Any]:
    """With an identifier where the type has one; the condition then is on it."""
    resource = {"resourceType": kind, "identifier": [{"system": IDS, "value": name}], **elements}
    request = {"method": "POST", "url": kind, "ifNoneExist": f"identifier={IDS}|{name}"}
    return {"fullUrl": urn, "resource": resource, "request": request}


def screening(name: str, **changed: Any) -> dict[str, Any]:
    urns = [f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{name}{number}')}" for number in range(2)]
    study = f"ResearchStudy/{name}"
    return bundle(
        put("ResearchStudy", name, status="active", title="A trial"),
        create("Patient", name, urns[0], gender="female"),
        create("ResearchSubject", name, urns[1], status="candidate", study=refer(study), individual=refer(urns[0])),
        put("List", name, status="current", mode="working", **{"entry": [{"item": refer(urns[1])}], **changed}),
    )


def test_the_server_says_what_it_is(hapi: str) -> None:
    with FhirSession(Server(hapi)) as session:
        found = capability(session, "R4")
    assert found.transaction
    assert "ResearchSubject" in found.types


def test_twice_is_once(hapi: str, tmp_path: Path, name: str) -> None:
    first = send(hapi, tmp_path, screening(name))
    assert (first.failure, first.created, first.rejected) == (None, 4, ())
    second = send(hapi, tmp_path, screening(name))
    assert (second.created, second.updated, second.unchanged) == (0, 0, 4)
    assert {one.outcome for one in second.results} == {"unchanged", "matched"}
    with FhirSession(Server(hapi)) as session:
        subjects = list(session.search("ResearchSubject", {"study": f"ResearchStudy/{name}"}))
        held = session.read("List", name)
    assert len(subjects) == 1
    assert held is not None
    assert held["meta"]["versionId"] == "1"
    assert held["entry"][0]["item"]["reference"] == f"ResearchSubject/{subjects[0]['id']}"
    assert first.location(f"ResearchSubject?identifier={IDS}|{name}") is not None


def test_a_change_is_an_update(hapi: str, tmp_path: Path, name: str) -> None:
    send(hapi, tmp_path, screening(name))
    changed = send(hapi, tmp_path, screening(name, title="screened"))
    assert (changed.updated, changed.unchanged) == (1, 3)


def test_the_bad_one_among_twenty_is_found(hapi: str, tmp_path: Path, name: str) -> None:
    entries = [put("List", f"{name[:20]}-{n}", status="current", mode="working") for n in range(20)]
    entries[7]["resource"]["status"] = "zzz"
    receipt = send(hapi, tmp_path, bundle(*entries))
    assert (receipt.failure, receipt.created) == (None, 19)
    assert [one.identity for one in receipt.rejected] == [f"List/{name[:20]}-7"]
    (letter,) = letters(tmp_path / "dead.ndjson")
    assert letter["status"] in (400, 422)
    assert letter["outcome"]["resourceType"] == "OperationOutcome"


def test_a_reference_to_nothing_is_refused_alone(hapi: str, tmp_path: Path, name: str) -> None:
    lost = put("List", f"{name[:20]}-a", status="current", mode="working", source=refer(f"Device/{name}"))
    receipt = send(hapi, tmp_path, bundle(lost, put("List", f"{name[:20]}-b", status="current", mode="working")))
    assert [one.identity for one in receipt.rejected] == [f"List/{name[:20]}-a"]
    assert receipt.created == 1


def test_more_than_one_transaction_keeps_the_order(hapi: str, tmp_path: Path, name: str) -> None:
    """Twelve Lists mention a Device that comes last in the Bundle and fits with three of them at a time."""
    plain = {"status": "current", "mode": "working", "source": refer(f"Device/{name}")}
    lists = [put("List", f"{name[:20]}-{n}", **plain) for n in range(12)]
    receipt = send(hapi, tmp_path, bundle(*lists, put("Device", name)), transaction_size=4)
    assert (receipt.rejected, receipt.created) == ((), 13)


def test_pages_are_followed(hapi: str, tmp_path: Path, name: str) -> None:
    lists = [put("List", f"{name[:20]}-{n}", status="current", mode="working", title=name) for n in range(7)]
    send(hapi, tmp_path, bundle(*lists))
    with FhirSession(Server(hapi)) as session:
        found = list(session.search("List", {"title": name, "_count": "2"}))
    assert len(found) == 7


def test_a_guarded_update_gives_way_and_knows_its_own(hapi: str, tmp_path: Path, name: str) -> None:
    plain = {"status": "current", "mode": "working"}
    send(hapi, tmp_path, bundle(put("List", name, **plain)))
    mine = bundle(guarded("List", name, "1", title="mine", **plain))
    assert send(hapi, tmp_path, mine).updated == 1
    again = send(hapi, tmp_path, mine)
    assert (again.rejected, again.unchanged) == ((), 1)
    late = send(hapi, tmp_path, bundle(guarded("List", name, "1", title="late", **plain)))
    assert [one.status for one in late.rejected] in ([409], [412])
    with FhirSession(Server(hapi)) as session:
        held = session.read("List", name)
        assert session.read("List", f"{name[:20]}-none") is None
    assert held is not None
    assert held["title"] == "mine"


def test_a_wrong_address_keeps_everything(hapi: str, tmp_path: Path, name: str) -> None:
    receipt = send(hapi.rpartition("/")[0] + "/no-such-place", tmp_path, screening(name))
    assert (receipt.unsent, receipt.rejected) == (4, ())
    assert receipt.failure is not None
    assert receipt.failure.status in (404, 405)
    assert receipt.unsent_path is not None
    sent = post(read_bundle_file(receipt.unsent_path), hapi, unsent=receipt.unsent_path)
    assert sent.complete
    assert not receipt.unsent_path.exists()
