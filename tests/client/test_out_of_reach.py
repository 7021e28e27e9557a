"""A server out of reach: what passes leaves no trace, what lasts leaves a file that `post` takes. Nothing is lost."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from client.fake_fhir import (
    Answering,
    FakeFhir,
    Fault,
    fhir,
    half_answer,
    hang_up,
    hang_up_after_commit,
    outcome,
    redirect,
    says,
    web_page,
)
from client.samples import STUDY, bundle, create, put, refer, uuid
from client.staging import Clock, Poster, bad_title, unsent
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from fhirtrial.client import BackendServices, Secret, Server, post, read_bundle_file


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(says(429, retry_after="3"), id="429"),
        pytest.param(says(503), id="503"),
        pytest.param(hang_up, id="hang-up"),
        pytest.param(hang_up_after_commit, id="hang-up after the commit"),
        pytest.param(half_answer, id="half an answer"),
    ],
)
def test_what_passes_leaves_no_trace(send: Poster, fake: FakeFhir, fault: Fault) -> None:
    send([STUDY])
    undisturbed = fake.contents()
    fake.state = {}
    fake.faults = [fault, fault]
    assert send([STUDY]).complete
    assert fake.contents() == undisturbed


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        pytest.param(says(503), 503, id="503 for long"),
        pytest.param(says(500), 500, id="500 for long"),
        pytest.param(hang_up, 0, id="hang-ups for long"),
        pytest.param(hang_up_after_commit, 0, id="answers lost for long"),
        pytest.param(lambda _r, _a: outcome(401, "login"), 401, id="401"),
        pytest.param(lambda _r, _a: outcome(403, "forbidden"), 403, id="403"),
        pytest.param(lambda _r, _a: outcome(405, "not-supported"), 405, id="no transactions"),
        pytest.param(web_page(404), 404, id="a wrong address"),
        pytest.param(says(404), 404, id="a wrong address, in short"),
        pytest.param(web_page(200), 200, id="a log-in page"),
        pytest.param(web_page(400), 400, id="a proxy"),
        pytest.param(lambda _r, _a: fhir({"resourceType": "Bundle", "entry": []}), 200, id="no statuses"),
        pytest.param(lambda _r, _a: fhir({"entry": [{"response": {"status": "fine"}}] * 5}), 200, id="odd statuses"),
        pytest.param(lambda _r, _a: fhir([]), 200, id="a list"),
        pytest.param(lambda _r, _a: Response(status=204), 204, id="no content"),
        pytest.param(redirect("http://other.example.org/fhir"), 307, id="another host"),
    ],
)
def test_what_is_not_taken_is_kept_and_can_be_posted(
    send: Poster, fake: FakeFhir, files: dict[str, Path], fault: Fault, status: int
) -> None:
    more = bundle(put("List", "after", source=refer("ResearchStudy/NCT1")))
    send([STUDY, more])
    undisturbed, fake.state = fake.contents(), {}
    fake.faults = [fault] * 99
    receipt = send([STUDY, more])
    assert (receipt.sent, receipt.unsent, receipt.rejected) == (0, 6, ())
    assert receipt.failure is not None
    assert receipt.failure.status == status
    assert receipt.unsent_path == files["unsent"]
    assert stat.S_IMODE(files["unsent"].stat().st_mode) == 0o600
    fake.faults = []
    again = send(read_bundle_file(files["unsent"]))
    assert again.complete
    assert again.sent == 6
    assert fake.contents() == undisturbed
    assert not files["unsent"].exists()


def test_the_first_transactions_may_arrive_and_the_rest_waits(
    send: Poster, fake: FakeFhir, files: dict[str, Path]
) -> None:
    fake.faults = [None, *[says(503)] * 99]
    receipt = send([STUDY, bundle(put("List", "a")), bundle(put("List", "b"))])
    assert (receipt.sent, receipt.unsent) == (5, 2)
    assert len(fake.requests) == 5
    assert unsent(files["unsent"]) == ["List/a", "List/b"]


def test_unsent_files_of_several_runs_add_up(send: Poster, fake: FakeFhir, files: dict[str, Path]) -> None:
    a, b, c = (bundle(put("List", name)) for name in "abc")
    for bundles in ([a, b], [b, c]):
        fake.faults = [says(401)]
        assert send(bundles).unsent == 2
    assert unsent(files["unsent"]) == ["List/a", "List/b", "List/c"]
    fake.faults = []
    assert send([b]).complete
    assert unsent(files["unsent"]) == ["List/a", "List/c"]


def test_unsent_transactions_cut_anew_are_taken_out(
    send: Poster, fake: FakeFhir, files: dict[str, Path], server: Server
) -> None:
    fake.faults = [says(401)]
    send([STUDY])
    assert send(read_bundle_file(files["unsent"]), server=replace(server, transaction_size=1)).complete
    assert not files["unsent"].exists()


def test_a_server_that_breaks_on_one_entry_gets_the_others(
    send: Poster, fake: FakeFhir, files: dict[str, Path]
) -> None:
    def poison(request: Request, answer: Answering) -> Response:
        return says(500)(request, answer) if b'"poison"' in request.get_data() else answer()

    fake.faults = [poison] * 99
    receipt = send([bundle(*(put("List", f"l{n}", title="poison" if n == 3 else "fine") for n in range(8)))])
    assert sorted(fake.state) == [f"List/l{n}" for n in range(8) if n != 3]
    assert (receipt.sent, receipt.unsent, receipt.rejected) == (7, 1, ())
    assert receipt.failure is not None
    assert receipt.failure.status == 500
    assert unsent(files["unsent"]) == ["List/l3"]


def test_what_is_tied_to_a_kept_entry_waits_with_it(send: Poster, fake: FakeFhir, files: dict[str, Path]) -> None:
    def poison(request: Request, answer: Answering) -> Response:
        return says(500)(request, answer) if b'"poison"' in request.get_data() else answer()

    fake.faults = [poison] * 99
    entries = [
        create("Group", "g", "1", title="poison"),
        put("List", "tied", subject=refer(uuid("1"))),
        put("List", "free"),
    ]
    receipt = send([bundle(*entries)])
    assert (receipt.sent, receipt.unsent) == (1, 2)
    fake.faults = []
    assert send(read_bundle_file(files["unsent"])).complete
    assert sorted(fake.state) == ["Group/server-1", "List/free", "List/tied"]
    assert not files["unsent"].exists()


def test_a_token_that_cannot_be_had_keeps_everything(
    send: Poster, server: Server, fake: FakeFhir, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("cryptography", reason="needs the extra fhirtrial[smart]")
    monkeypatch.setenv("KEY", "unused")
    auth = BackendServices("c", Secret(env="KEY"), "k", ("system/*.cruds",))
    receipt = send([STUDY], server=replace(server, auth=auth))
    assert receipt.unsent == 5
    assert receipt.failure is not None
    assert "smart-configuration" in receipt.failure.where
    assert fake.transactions == 0


def test_no_data_travels_to_another_host(send: Poster, fake: FakeFhir, other_host: HTTPServer) -> None:
    fake.faults = [redirect(other_host.url_for("/fhir"), 307)]
    receipt = send([STUDY])
    assert receipt.unsent == 5
    assert receipt.failure is not None
    assert "redirected to another host" in str(receipt.failure)
    assert other_host.log == []


def test_the_journal_skips_what_arrived_and_ends_empty(send: Poster, fake: FakeFhir, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    fake.faults = [None, says(401)]
    first = send([STUDY, bundle(put("List", "b"))], journal=journal)
    assert (first.sent, first.unsent) == (5, 1)
    assert journal.stat().st_size > 0
    assert stat.S_IMODE(journal.stat().st_mode) == 0o600
    second = send([STUDY, bundle(put("List", "b"))], journal=journal)
    assert second.complete
    assert (second.sent, sum(one.earlier for one in second.results)) == (1, 6)
    assert second.location(uuid("1")) == "ResearchSubject/server-2/_history/1"
    assert journal.stat().st_size == 0
    assert fake.commits == 2


def test_what_the_journal_holds_is_sent_without_its_input(
    send: Poster, fake: FakeFhir, tmp_path: Path, files: dict[str, Path]
) -> None:
    fake.faults = [says(401)]
    send([STUDY], journal=tmp_path / "journal")
    assert files["unsent"].exists()
    receipt = send([], journal=tmp_path / "journal")
    assert (receipt.sent, receipt.complete) == (5, True)
    assert not files["unsent"].exists()


def test_a_fault_of_the_input_leaves_what_was_unsent_in_its_file(
    send: Poster, fake: FakeFhir, files: dict[str, Path]
) -> None:
    def broken() -> Iterable[dict[str, Any]]:
        yield STUDY
        raise RuntimeError("a bug")

    fake.faults = [says(401)]
    with pytest.raises(RuntimeError, match="a bug"):
        send(broken())
    assert len(unsent(files["unsent"])) == 5


def test_files_lie_beside_the_journal(fake: FakeFhir, server: Server, tmp_path: Path, clock: Clock) -> None:
    fake.rule = bad_title
    fake.faults = [None, None, None, says(401)]
    bundles = [bundle(put("List", "a", title="bad"), put("List", "b")), bundle(put("List", "c"))]
    receipt = post(bundles, server, journal=tmp_path / "state" / "journal", sleep=clock.sleep)
    assert sorted(path.name for path in (tmp_path / "state").iterdir()) == [
        "fhirtrial-dead-letters.ndjson",
        "fhirtrial-unsent.ndjson",
        "journal",
    ]
    assert not receipt.complete


def test_a_second_start_repeats_what_the_first_was_told(send: Poster, fake: FakeFhir, tmp_path: Path) -> None:
    """What was refused for want of a Group stays refused when the run goes on, as it would have without the break."""
    bundles = [
        bundle(put("List", "early", subject=refer("Group/late")), put("List", "other")),
        bundle(put("Group", "late")),
        bundle(put("List", "last")),
    ]
    fake.faults = [None] * 4 + [says(401)]
    first = send(bundles, journal=tmp_path / "journal")
    assert ([one.identity for one in first.rejected], first.unsent) == (["List/early"], 1)
    second = send(bundles, journal=tmp_path / "journal")
    assert [(one.identity, one.status) for one in second.rejected] == [("List/early", 400)]
    assert (second.sent, second.unsent) == (1, 0)
    assert sorted(fake.state) == ["Group/late", "List/last", "List/other"]
