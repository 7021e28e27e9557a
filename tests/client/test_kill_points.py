"""Killed at any instant and started again: the server and the dead letters end as in an undisturbed run.

A kill is staged before, amid and after each write to disk, and before and after each request; the last tests kill a
real process. `FHIRTRIAL_LONG` raises the number of kill points tried.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import orjson
import pytest
from client.fake_fhir import Answering, FakeFhir, Refused, Resource, hang_up_after_commit, says
from client.samples import bundle, conditional_put, create, guarded, put, refer, uuid
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from fhirtrial.client import FhirSession, Receipt, Retry, Server, post, private_files

pytestmark = pytest.mark.slow
KILL_POINTS = 500 if os.environ.get("FHIRTRIAL_LONG") else 25


class Killed(BaseException):
    """No handler of the program may see it, as none sees a SIGKILL."""


@dataclass
class Reaper:
    """Counts the instants of a run and ends it at one of them."""

    at: int
    instants: int = 0
    original_append: Callable[[int, bytes], None] = field(default=private_files.append)
    original_send: Callable[..., Any] = field(default=FhirSession.transaction)

    def instant(self) -> None:
        self.instants += 1
        if self.instants == self.at:
            raise Killed

    def append(self, descriptor: int, data: bytes) -> None:
        self.instant()
        try:
            self.instant()
        except Killed:
            os.write(descriptor, data[: len(data) * 2 // 3])
            raise
        self.original_append(descriptor, data)
        self.instant()

    def send(self, session: FhirSession, content: Any) -> Any:
        self.instant()
        answer = self.original_send(session, content)
        self.instant()
        return answer


@dataclass
class Stage:
    """One HTTP server on which a fresh FHIR server stands for every run."""

    httpserver: HTTPServer
    faults: list[Any] = field(default_factory=list)

    def fresh(self) -> FakeFhir:
        self.httpserver.clear()
        fake = FakeFhir()
        fake.on(self.httpserver)
        fake.rule = lambda resource: Refused(422, "business-rule") if resource.get("title") == "bad" else None
        fake.state["List/seen"] = {"resourceType": "List", "id": "seen", "meta": {"versionId": "1"}}
        fake.faults = list(self.faults)
        return fake


@pytest.fixture(scope="module")
def stage(second_server: HTTPServer) -> Stage:
    return Stage(second_server)


def run(
    fake: FakeFhir, bundles: Sequence[Resource], folder: Path, size: int, kill_at: int = 0
) -> tuple[Receipt | None, int]:
    """The receipt, or None where it was killed; and the number of instants that passed."""
    reaper = Reaper(kill_at)
    server = Server(fake.base, transaction_size=size, retry=Retry(attempts=3))
    with (
        mock.patch("fhirtrial.client.journal.append", reaper.append),
        mock.patch("fhirtrial.client.dead_letters.append", reaper.append),
        mock.patch.object(FhirSession, "transaction", autospec=True, side_effect=reaper.send),
    ):
        try:
            receipt = post(
                bundles, server, journal=folder / "journal", sleep=lambda _seconds: None, rng=random.Random(1)
            )
        except Killed:
            return None, reaper.instants
    return receipt, reaper.instants


def letters(folder: Path) -> list[str]:
    path = folder / "fhirtrial-dead-letters.ndjson"
    return sorted(orjson.loads(line)["identity"] for line in path.read_bytes().splitlines()) if path.exists() else []


def undisturbed(stage: Stage, bundles: Sequence[Resource], size: int) -> tuple[list[str], list[str], int]:
    with tempfile.TemporaryDirectory() as folder:
        fake = stage.fresh()
        _, instants = run(fake, bundles, Path(folder), size)
        return fake.contents(), letters(Path(folder)), instants


WORKDAY = [
    bundle(
        put("ResearchStudy", "NCT1", title="one"),
        create("ResearchSubject", "p1", "1", study=refer("ResearchStudy/NCT1")),
        create("Provenance", "pr1", "2", target=[refer(uuid("1"))]),
        put("List", "broken", title="bad", subject=refer(uuid("1"))),
        conditional_put("Device", "engine"),
        guarded("List", "seen", "1", title="screened"),
    ),
    bundle(
        put("Group", "g", title="old"),
        create("List", "x", "3", title="bad"),
        put("List", "y", subject=refer(uuid("3"))),
    ),
    bundle(put("Group", "g", title="new"), create("ResearchSubject", "p1", study=refer("ResearchStudy/NCT1"))),
]


@pytest.mark.parametrize("replayed", [True, False], ids=["input again", "journal alone"])
def test_a_kill_at_each_instant(stage: Stage, tmp_path: Path, *, replayed: bool) -> None:
    """Without its input a Bundle arrives as soon as the journal holds it: the first three instants come before that."""
    given_ = WORKDAY if replayed else WORKDAY[:1]
    state, dead, instants = undisturbed(stage, given_, 3)
    assert instants > 30
    first = 1 if replayed else 4
    step = max(1, (instants - first) // KILL_POINTS)
    for kill_at in range(first, instants + 1, step):
        fake, folder = stage.fresh(), tmp_path / str(kill_at)
        assert run(fake, given_, folder, 3, kill_at)[0] is None
        receipt, _ = run(fake, given_ if replayed else [], folder, 3)
        assert (fake.contents(), letters(folder)) == (state, dead), f"killed at instant {kill_at}"
        assert receipt is not None
        assert receipt.unsent == 0
        assert (folder / "journal").stat().st_size == 0


@st.composite
def days(draw: st.DrawFn) -> list[Resource]:
    """Bundles of creates, updates and bad entries that refer to each other; contents change from Bundle to Bundle."""
    found = []
    for _ in range(draw(st.integers(1, 3))):
        entries: list[Resource] = []
        kinds = draw(st.lists(st.sampled_from(["put", "create", "update"]), min_size=1, max_size=7))
        for number, kind in enumerate(kinds):
            title = draw(st.sampled_from(["a", "b", "bad"]))
            before = draw(st.lists(st.integers(0, max(0, number - 1)), max_size=2, unique=True)) if number else []
            refs = [refer(uuid(str(one)) if kinds[one] != "put" else f"Group/{one}") for one in before]
            elements = {"title": title, **({"member": refs} if refs else {})}
            if kind == "put":
                entries.append(put("Group", str(number), **elements))
            else:
                make = create if kind == "create" else conditional_put
                entries.append(make("List", f"{kind}-{number}", str(number), **elements))
        found.append(bundle(*entries))
    return found


@settings(max_examples=KILL_POINTS, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(days(), st.integers(1, 4), st.lists(st.integers(1, 60), min_size=1, max_size=3))
def test_random_kills_of_random_work(stage: Stage, bundles: list[Resource], size: int, kills: list[int]) -> None:
    state, dead, _ = undisturbed(stage, bundles, size)
    fake = stage.fresh()
    with tempfile.TemporaryDirectory() as folder:
        for kill_at in (*kills, 0):  # Up to the first run that lives to its end; the last is not killed.
            receipt, _ = run(fake, bundles, Path(folder), size, kill_at)
            if receipt is not None:
                break
        assert (fake.contents(), letters(Path(folder))) == (state, dead)
        if not dead:  # What was refused for want of another entry may be taken the second time.
            run(fake, bundles, Path(folder), size)
            assert (fake.contents(), letters(Path(folder))) == (state, dead)


@pytest.mark.parametrize("kill_at", [5, 9, 17, 23])
def test_kills_while_the_way_is_bad_too(stage: Stage, tmp_path: Path, kill_at: int) -> None:
    state, dead, _ = undisturbed(stage, WORKDAY, 3)
    fake = stage.fresh()
    fake.faults = [None, hang_up_after_commit, says(503), None, hang_up_after_commit, None, says(429, retry_after="1")]
    run(fake, WORKDAY, tmp_path, 3, kill_at)
    fake.faults = [hang_up_after_commit, *[says(503)] * 2, None, says(401)]
    run(fake, WORKDAY, tmp_path, 3)
    fake.faults = []
    run(fake, WORKDAY, tmp_path, 3)
    assert (fake.contents(), letters(tmp_path)) == (state, dead)
    assert not (tmp_path / "fhirtrial-unsent.ndjson").exists()


CHILD = """
import sys
from pathlib import Path
from fhirtrial.client import Server, post, read_bundle_file
url, source, folder = sys.argv[1:]
post(read_bundle_file(Path(source)), Server(url, transaction_size=2), journal=Path(folder) / "journal")
"""


@pytest.mark.parametrize("commit_first", [True, False], ids=["after the commit", "before the commit"])
def test_a_process_killed_between_send_and_acknowledgement(stage: Stage, tmp_path: Path, *, commit_first: bool) -> None:
    state, dead, _ = undisturbed(stage, WORKDAY, 2)
    source = tmp_path / "work.ndjson"
    source.write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in WORKDAY))
    fake = stage.fresh()
    children: list[subprocess.Popen[bytes]] = []

    def kill(_request: Request, answer: Answering) -> Response:
        if commit_first:
            answer()
        os.kill(children[-1].pid, signal.SIGKILL)
        return Response(status=500)

    command = [sys.executable, "-c", CHILD, fake.base, str(source), str(tmp_path)]
    codes = []
    for faults in ([None, kill], [None, None, kill], []):
        fake.faults = list(faults)
        children.append(subprocess.Popen(command, stderr=subprocess.PIPE))
        _, complaints = children[-1].communicate(timeout=60)
        codes.append(children[-1].returncode)
        assert b"Traceback" not in complaints, complaints.decode()
    assert codes == [-signal.SIGKILL, -signal.SIGKILL, 0]
    assert (fake.contents(), letters(tmp_path)) == (state, dead)
    assert (tmp_path / "journal").stat().st_size == 0
