"""What the journal promises across a kill, and what it refuses to be opened on."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from client.samples import bundle, put

from fhirtrial.client.entries import read_bundle
from fhirtrial.client.journal import Journal, Note, Refused
from fhirtrial.client.transactions import Transaction
from fhirtrial.errors import ConfigError, InputError

URL = "https://fhir.example.org/r4"
CREATED = Note(201, "List/a/_history/1", changed=True)


def made(*titles: str) -> Transaction:
    return Transaction(tuple(read_bundle(bundle(*(put("List", title[0], title=title) for title in titles)))[0]))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "journal.ndjson"


def test_planned_and_not_settled_is_pending_in_order(path: Path) -> None:
    first, second, third = made("a1"), made("b1"), made("c1")
    with Journal(path, URL) as journal:
        journal.plan([first, second, third])
        journal.note_arrived(second, [CREATED])
    with Journal(path, URL) as journal:
        assert [one.id for one in journal.pending()] == [first.id, third.id]
        assert journal.arrived(second) == (CREATED,)
        assert journal.arrived(first) is None


def test_what_arrived_counts_until_something_else_goes_to_the_same_identity(path: Path) -> None:
    old, new = made("a1"), made("a2", "b1")
    with Journal(path, URL) as journal:
        for one, notes in ((old, [CREATED]), (new, [CREATED, CREATED])):
            journal.plan([one])
            journal.note_arrived(one, notes)
    with Journal(path, URL) as journal:
        assert journal.arrived(old) is None
        assert journal.arrived(new) is not None
        assert journal.arrived(made("b1")) is not None


def test_a_refusal_is_remembered(path: Path) -> None:
    bad, reason = made("a1"), Refused(422, ("invalid at List.title",))
    with Journal(path, URL) as journal:
        journal.plan([bad])
        journal.note_refused(bad, reason)
    with Journal(path, URL) as journal:
        assert journal.refused(bad) == reason
        assert list(journal.pending()) == []


def test_an_entry_that_a_server_refused_inside_a_success_did_not_arrive(path: Path) -> None:
    both = made("a1", "b1")
    with Journal(path, URL) as journal:
        journal.plan([both])
        journal.note_arrived(both, [CREATED, Note(422, None, changed=True)])
        assert journal.arrived(made("a1")) == (CREATED,)
        assert journal.arrived(made("b1")) is None


def test_parts_take_the_place_of_what_was_divided(path: Path) -> None:
    whole, left, right = made("a1", "b1"), made("a1"), made("b1")
    with Journal(path, URL) as journal:
        journal.plan([whole])
        journal.divide(whole, [left, right])
    with Journal(path, URL) as journal:
        assert [one.id for one in journal.pending()] == [left.id, right.id]


def test_parts_stand_where_the_whole_stood(path: Path) -> None:
    """Whatever comes later may refer to what they hold."""
    whole, later, left, right = made("a1", "b1"), made("c1"), made("a1"), made("b1")
    with Journal(path, URL) as journal:
        journal.plan([whole, later])
        journal.divide(whole, [left, right])
        assert journal.divided(whole)
    with Journal(path, URL) as journal:
        assert [one.id for one in journal.pending()] == [left.id, right.id, later.id]
        assert journal.divided(whole)
        assert not journal.divided(later)


def test_a_part_that_is_the_whole_stays_open(path: Path) -> None:
    whole, left = made("a1", "b1"), made("a1")
    with Journal(path, URL) as journal:
        journal.plan([whole])
        journal.divide(whole, [left, whole])
    with Journal(path, URL) as journal:
        assert [one.id for one in journal.pending()] == [left.id, whole.id]


@pytest.mark.parametrize("cut_bytes", [1, 5, 40])
def test_a_torn_last_line_is_dropped_and_writing_goes_on(path: Path, cut_bytes: int) -> None:
    first, second = made("a1"), made("b1")
    with Journal(path, URL) as journal:
        journal.plan([first])
        journal.plan([second])
    path.write_bytes(path.read_bytes()[:-cut_bytes])
    with Journal(path, URL) as journal:
        assert [one.id for one in journal.pending()] == [first.id]
        journal.plan([second])
    with Journal(path, URL) as journal:
        assert [one.id for one in journal.pending()] == [first.id, second.id]


def test_every_torn_beginning_is_opened(path: Path) -> None:
    with Journal(path, URL) as journal:
        journal.plan([made("a1")])
    whole = path.read_bytes()
    for length in (*range(30), *range(30, len(whole), 11), len(whole) - 1):
        path.write_bytes(whole[:length])
        with Journal(path, URL) as journal:
            assert list(journal.pending()) == []


def test_a_finished_journal_is_empty_and_an_open_one_is_not(path: Path) -> None:
    one = made("a1")
    with Journal(path, URL) as journal:
        journal.plan([one])
        journal.close_if_done()
        assert path.stat().st_size > 0
        journal.note_arrived(one, [CREATED])
        journal.close_if_done()
    assert path.read_bytes() == b""


def test_only_its_owner_may_read_it(path: Path) -> None:
    path.parent.mkdir()
    path.touch(mode=0o644)
    with Journal(path, URL):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_one_run_at_a_time(path: Path) -> None:
    with Journal(path, URL), pytest.raises(ConfigError, match="in use by another run"), Journal(path, URL):
        pass
    with Journal(path, URL):
        pass


def test_the_journal_of_another_server_is_refused(path: Path) -> None:
    with Journal(path, URL) as journal:
        journal.plan([made("a1")])
    with pytest.raises(ConfigError, match="a journal for the server"), Journal(path, "https://elsewhere.org"):
        pass


@pytest.mark.parametrize("content", [b"dear diary", b"dear diary\n", b'{"a": 1}\n', b"[]\n", b'{"event":"else"}\n'])
def test_somebody_elses_file_is_left_as_it_is(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(InputError, match="line 1 is not a journal record"), Journal(path, URL):
        pass
    assert path.read_bytes() == content


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be written"), Journal(tmp_path / "file" / "journal", URL):
        pass
