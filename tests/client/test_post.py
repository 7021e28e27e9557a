"""Posting: sent once, refused entries isolated, what a server out of reach did not take kept. Nothing is lost."""

from __future__ import annotations

import logging
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from client.fake_fhir import (
    Answering,
    FakeFhir,
    fhir,
    hang_up_after_commit,
    outcome,
    web_page,
)
from client.samples import STUDY, SYSTEM, bundle, create, guarded, put, refer, uuid
from client.staging import Poster, bad_title, letters
from werkzeug import Request, Response

from fhirtrial.client import Bearer, Retry, Secret, Server, post
from fhirtrial.errors import ConfigError


def test_the_receipt_says_what_became_of_each_entry(send: Poster, fake: FakeFhir, files: dict[str, Path]) -> None:
    steps: list[int] = []
    receipt = send([STUDY], progress=steps.append)
    assert receipt.complete
    assert receipt.counts == {
        "sent": 5, "created": 5, "updated": 0, "unchanged": 0, "matched": 0, "rejected": 0, "unsent": 0,
    }  # fmt: skip
    assert receipt.location(uuid("1")) == "ResearchSubject/server-2/_history/1"
    assert receipt.location("Group/NCT1") == "Group/NCT1/_history/1"
    assert receipt.location("Group/none") is None
    assert sum(steps) == 5
    assert fake.transactions == 1
    assert fake.requests[0][2]["Content-Type"] == "application/fhir+json"
    assert not any(path.exists() for path in files.values())
    assert (receipt.dead_letters, receipt.unsent_path, receipt.failure) == (None, None, None)


def test_posting_twice_is_posting_once(send: Poster, fake: FakeFhir) -> None:
    send([STUDY])
    once = fake.contents()
    receipt = send([STUDY])
    assert fake.contents() == once
    assert (receipt.sent, receipt.created, receipt.updated, receipt.unchanged) == (5, 0, 0, 5)
    changed = bundle(put("Group", "NCT1", title="amended"))
    assert send([changed]).updated == 1
    assert fake.state["Group/NCT1"]["title"] == "amended"


def test_a_url_is_enough(fake: FakeFhir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert post([STUDY], fake.base + "/").complete
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", [0, 7, 19])
def test_one_bad_entry_among_twenty(
    send: Poster, fake: FakeFhir, files: dict[str, Path], place: int, caplog: pytest.LogCaptureFixture
) -> None:
    fake.rule = bad_title
    caplog.set_level(logging.DEBUG)
    entries = [
        put("List", f"l{n}", title="bad" if n == place else "good", note=[{"text": "Jane Doe"}]) for n in range(20)
    ]
    receipt = send([bundle(*entries)])
    assert len(fake.state) == 19
    assert receipt.created == 19
    assert [(one.identity, one.status) for one in receipt.rejected] == [(f"List/l{place}", 422)]
    assert receipt.rejected[0].reasons == ("business-rule at Bundle.entry[0].resource.title",)
    (letter,) = letters(files["dead_letters"])
    assert letter["entry"] == {"fullUrl": f"{fake.base}/List/l{place}", **entries[place]}
    assert letter["status"] == 422
    assert letter["outcome"]["issue"][0]["diagnostics"] == "Jane Doe was born in 1970"
    assert stat.S_IMODE(files["dead_letters"].stat().st_mode) == 0o600
    assert "Doe" not in caplog.text + repr(receipt)
    assert "List refused: HTTP 422: business-rule" in caplog.text
    assert fake.transactions <= 11


def test_a_refused_entry_is_written_down_once(send: Poster, fake: FakeFhir, files: dict[str, Path]) -> None:
    fake.rule = bad_title
    for _ in range(2):
        send([bundle(put("List", "a", title="bad"), put("List", "b"))])
    assert len(letters(files["dead_letters"])) == 1


def test_what_refers_to_a_bad_entry_alone_is_lost_with_it(send: Poster, fake: FakeFhir, files: dict[str, Path]) -> None:
    fake.rule = bad_title
    receipt = send(
        [
            bundle(
                create("Group", "bad", "1", title="bad"),
                create("Group", "good", "2"),
                put("List", "of-bad", subject=refer(uuid("1"))),
                put("List", "of-good", subject=refer(uuid("2"))),
                put("List", "of-list-of-bad", source=refer("List/of-bad")),
            )
        ]
    )
    assert {one.identity: one.status for one in receipt.rejected} == {
        f"Group?identifier={SYSTEM}|bad": 422,
        "List/of-bad": 0,
        "List/of-list-of-bad": 400,
    }
    assert receipt.created == 2
    assert len(letters(files["dead_letters"])) == 3
    assert sorted(fake.state) == ["Group/server-1", "List/of-good"]


def test_a_bad_entry_does_not_take_along_what_it_refers_to(send: Poster, fake: FakeFhir) -> None:
    fake.rule = bad_title
    receipt = send(
        [
            bundle(
                create("Group", "g", "1"),
                put("List", "bad", title="bad", subject=refer(uuid("1"))),
                put("List", "good", subject=refer(uuid("1"))),
            )
        ]
    )
    assert [one.identity for one in receipt.rejected] == ["List/bad"]
    assert sorted(fake.state) == ["Group/server-1", "List/good"]
    assert fake.state["List/good"]["subject"] == refer("Group/server-1")
    assert [one.outcome for one in receipt.results] == ["created", "created"]


def test_what_cannot_be_sent_safely_is_refused_here(send: Poster, fake: FakeFhir, files: dict[str, Path]) -> None:
    plain = {"resource": {"resourceType": "List"}, "request": {"method": "POST", "url": "List"}}
    receipt = send([bundle(plain, put("List", "a")), {"resourceType": "Patient"}])
    assert [one.status for one in receipt.rejected] == [0, 0]
    assert sorted(fake.state) == ["List/a"]
    assert [letter["entry"] for letter in letters(files["dead_letters"])] == [plain, {"resourceType": "Patient"}]


def test_a_transaction_too_large_is_halved(send: Poster, fake: FakeFhir) -> None:
    def small_only(request: Request, answer: Answering) -> Response:
        large = len(orjson.loads(request.get_data())["entry"]) > 3
        return web_page(413)(request, answer) if large else answer()

    fake.faults = [small_only] * 99
    receipt = send([bundle(*(put("List", f"l{n}") for n in range(10)))])
    assert receipt.complete
    assert len(fake.state) == 10


def test_what_nests_too_deep_is_named_and_the_rest_goes_on(
    send: Poster, fake: FakeFhir, files: dict[str, Path]
) -> None:
    deep: dict[str, Any] = {}
    for _ in range(5000):
        deep = {"a": deep}
    receipt = send([bundle(put("List", "deep", extension=deep), put("List", "a")), {"type": deep}])
    assert [one.reasons for one in receipt.rejected] == [
        ("too-long: nested deeper than 100 levels",),
        ("structure: not a Bundle of type transaction",),
    ]
    assert [letter["entry"] for letter in letters(files["dead_letters"])] == [None, None]
    assert sorted(fake.state) == ["List/a"]


@pytest.mark.parametrize(("status", "code"), [(409, "conflict"), (412, "multiple-matches"), (409, "duplicate")])
def test_a_race_on_create_is_tried_once_more(send: Poster, fake: FakeFhir, status: int, code: str) -> None:
    fake.faults = [lambda _r, _a: outcome(status, code)]
    assert send([STUDY]).complete
    assert fake.transactions == 2


def test_several_matches_are_no_race(send: Poster, fake: FakeFhir) -> None:
    for name in ("x", "y"):
        fake.state[f"List/{name}"] = {**create("List", "twice")["resource"], "id": name, "meta": {"versionId": "1"}}
    receipt = send([bundle(create("List", "twice"), put("List", "fine"))])
    assert [(one.status, one.reasons) for one in receipt.rejected] == [(412, ("multiple-matches",))]
    assert "List/fine" in fake.state


def test_a_guarded_update_never_overwrites_a_later_version(send: Poster, fake: FakeFhir) -> None:
    fake.state["List/a"] = {"resourceType": "List", "id": "a", "title": "a person's", "meta": {"versionId": "2"}}
    receipt = send([bundle(guarded("List", "a", "1", title="ours"), put("List", "b"))])
    assert [(one.identity, one.status) for one in receipt.rejected] == [("List/a", 412)]
    assert fake.state["List/a"]["title"] == "a person's"
    assert "List/b" in fake.state


@pytest.mark.parametrize("neighbours", [0, 3])
def test_a_guarded_update_whose_answer_was_lost_is_recognized(send: Poster, fake: FakeFhir, neighbours: int) -> None:
    fake.state["List/a"] = {"resourceType": "List", "id": "a", "meta": {"versionId": "1"}}
    fake.faults = [hang_up_after_commit]
    entries = [guarded("List", "a", "1", title="ours"), *(put("List", f"l{n}") for n in range(neighbours))]
    receipt = send([bundle(*entries)])
    assert receipt.complete
    assert fake.state["List/a"]["meta"]["versionId"] == "2"


def test_a_server_that_is_not_atomic(send: Poster, fake: FakeFhir, files: dict[str, Path]) -> None:
    """It answers 200, keeps the good entries and refuses the bad one among them."""

    def not_atomic(request: Request, _answer: Answering) -> Response:
        entries = []
        for entry in orjson.loads(request.get_data())["entry"]:
            resource = entry["resource"]
            if resource["title"] == "bad":
                oo = orjson.loads(outcome(422, "invalid").get_data())
                entries.append({"response": {"status": "422", "outcome": oo}})
            elif resource["title"] == "late":
                entries.append({"response": {"status": "503 Service Unavailable"}})
            else:
                fake.state[f"List/{resource['id']}"] = resource
                entries.append({"response": {"status": "201 Created", "location": f"List/{resource['id']}"}})
        return fhir({"resourceType": "Bundle", "type": "batch-response", "entry": entries})

    fake.faults = [not_atomic] * 99
    titles = {"a": "good", "b": "bad", "c": "good", "d": "late"}
    receipt = send([bundle(*(put("List", name, title=title) for name, title in titles.items()))])
    assert sorted(fake.state) == ["List/a", "List/c"]
    assert [(one.identity, one.status, one.reasons) for one in receipt.rejected] == [("List/b", 422, ("invalid",))]
    assert receipt.unsent == 1
    assert letters(files["dead_letters"])[0]["outcome"]["issue"][0]["code"] == "invalid"


def test_credentials_that_are_missing_stop_everything_before_it_starts(
    send: Poster, server: Server, fake: FakeFhir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FHIR_TOKEN", raising=False)
    with pytest.raises(ConfigError, match="FHIR_TOKEN"):
        send([STUDY], server=replace(server, auth=Bearer(Secret(env="FHIR_TOKEN"))))
    assert fake.requests == []


def test_content_that_comes_back_is_sent_again(send: Poster, fake: FakeFhir, tmp_path: Path) -> None:
    contents = [bundle(put("List", "a", title=title)) for title in ("old", "new", "old")]
    assert send(contents, journal=tmp_path / "journal").complete
    assert fake.state["List/a"]["title"] == "old"
    assert fake.state["List/a"]["meta"]["versionId"] == "3"


def test_somebody_elses_dead_letter_file_is_refused(send: Poster, fake: FakeFhir, files: dict[str, Path]) -> None:
    fake.rule = bad_title
    files["dead_letters"].write_text("dear diary\nline two")
    with pytest.raises(Exception, match="no dead letter"):
        send([bundle(put("List", "a", title="bad"))])
    assert files["dead_letters"].read_text() == "dear diary\nline two"


def test_the_same_input_makes_the_same_requests(send: Poster, fake: FakeFhir, server: Server) -> None:
    seen: list[list[bytes]] = []
    small = replace(server, transaction_size=2, retry=Retry(attempts=1))
    for _ in range(2):
        bodies: list[bytes] = []
        fake.state = {}

        def watch(request: Request, answer: Answering, bodies: list[bytes] = bodies) -> Response:
            bodies.append(request.get_data())
            return answer()

        fake.faults = [watch] * 9
        send([STUDY], server=small)
        seen.append(bodies)
    assert seen[0] == seen[1] != []
