"""The journal of one server: what is to be sent is on the disk before it is sent, what arrived is noted after.

Each line is one JSON record. A transaction that was planned and not settled is sent again; that is harmless, as every
entry in it is safe to repeat. What arrived is skipped while nothing else went to the same identity. Once nothing is
open the journal starts afresh: it remembers a run, not a server.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import orjson

from fhirtrial.client.entries import read_bundle
from fhirtrial.client.private_files import append, drop_torn_line, is_torn, locked
from fhirtrial.client.transactions import Transaction
from fhirtrial.errors import ConfigError, InputError

Contents = tuple[tuple[str, bytes], ...]

VERSION = 1
# A file that begins otherwise is somebody else's: it is neither cut nor continued.
BEGINNING = b'{"event":"'


class Note(NamedTuple):
    """What the server said of one entry; `changed` is False where it said that its content was the same already."""

    status: int
    location: str | None
    changed: bool


class Refused(NamedTuple):
    status: int
    reasons: tuple[str, ...]


class _Open(NamedTuple):
    """`turn` orders what is to be sent again: parts stand where that stood which was divided into them."""

    place: int
    turn: tuple[int, ...]
    contents: Contents


class Journal:
    """Held by one process at a time; a second one on the same file is refused."""

    def __init__(self, path: Path, server_url: str) -> None:
        self.path = path
        self._server_url = server_url
        self._lock = locked(path, wait=False)
        self._open: dict[str, _Open] = {}
        self._divided: set[str] = set()
        self._refused: dict[str, Refused] = {}
        self._arrived: dict[str, tuple[bytes, Note]] = {}

    def __enter__(self) -> Self:
        self._file = self._lock.__enter__()
        try:
            self._read()
            drop_torn_line(self._file)
        except BaseException as error:
            self._lock.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.__exit__(kind, error, trace)

    def pending(self) -> Iterator[Transaction]:
        """Planned in an earlier run and not settled, in the order in which that run would have sent it."""
        for one in sorted(self._open.values(), key=lambda one: one.turn):
            with os.fdopen(os.dup(self._file), "rb") as file:
                file.seek(one.place)
                record = orjson.loads(file.readline())
            yield _transaction(record)

    def arrived(self, transaction: Transaction) -> tuple[Note, ...] | None:
        """What the server said, where every entry has arrived and nothing else went to its identity since."""
        found = [self._arrived.get(identity) for identity, _ in transaction.contents]
        notes = tuple(
            one[1] for one, (_, digest) in zip(found, transaction.contents, strict=True) if one and one[0] == digest
        )
        return notes if len(notes) == len(found) else None

    def refused(self, transaction: Transaction) -> Refused | None:
        return self._refused.get(transaction.id)

    def plan(self, transactions: Sequence[Transaction]) -> None:
        self._append(self._to_plan(transactions), transactions)

    def note_arrived(self, transaction: Transaction, notes: Sequence[Note]) -> None:
        if transaction.id in self._open:
            self._append([{"event": "arrived", "id": transaction.id, "notes": notes}])

    def note_refused(self, transaction: Transaction, refused: Refused) -> None:
        if transaction.id in self._open:
            self._append([{"event": "refused", "id": transaction.id, "refused": refused}])

    def divide(self, transaction: Transaction, parts: Sequence[Transaction]) -> None:
        """The parts take its place; they are planned first, so that no kill can lose both."""
        divided = {"event": "divided", "id": transaction.id, "into": [part.id for part in parts]}
        if transaction.id in self._open:
            self._append([*self._to_plan(parts), divided], parts)

    def divided(self, transaction: Transaction) -> bool:
        return transaction.id in self._divided

    def close_if_done(self) -> None:
        if not self._open:
            os.ftruncate(self._file, 0)
            os.fsync(self._file)

    def _to_plan(self, transactions: Sequence[Transaction]) -> list[dict[str, Any]]:
        return [
            {"event": "planned", "id": one.id, "bundle": one.bundle}
            for one in transactions
            if one.id not in self._open and one.id not in self._refused and self.arrived(one) is None
        ]

    def _append(self, records: Sequence[dict[str, Any]], planned: Sequence[Transaction] = ()) -> None:
        if not records:
            return
        contents = {one.id: one.contents for one in planned}
        place = os.lseek(self._file, 0, os.SEEK_END)
        if place == 0:
            records = [{"event": "opened", "version": VERSION, "server": self._server_url}, *records]
        lines = [orjson.dumps(record, default=list, option=orjson.OPT_APPEND_NEWLINE) for record in records]
        append(self._file, b"".join(lines))
        for record, line in zip(records, lines, strict=True):
            self._follow(record, place, contents)
            place += len(line)

    def _read(self) -> None:
        place = 0
        with os.fdopen(os.dup(self._file), "rb") as file:
            file.seek(0)
            for number, line in enumerate(file, 1):
                if is_torn(line, BEGINNING):
                    break
                try:
                    self._follow(orjson.loads(line), place, {})
                except (ValueError, KeyError, TypeError) as error:
                    got = f"line {number} is not a journal record"
                    raise InputError(str(self.path), got, "move the file away and send everything again") from error
                place += len(line)

    def _follow(self, record: dict[str, Any], place: int, known: Mapping[str, Contents]) -> None:
        event, name = record["event"], record.get("id", "")
        if event == "opened":
            self._check(record)
        elif event == "planned":
            contents = known.get(name) or _transaction(record).contents
            self._open[name] = _Open(place, (place,), contents)
        elif event == "arrived":
            for (identity, digest), note in zip(self._open.pop(name).contents, record["notes"], strict=True):
                if note[0] < 400:
                    self._arrived[identity] = digest, Note(*note)
        elif event == "refused":
            status, reasons = record["refused"]
            self._open.pop(name, None)
            self._refused[name] = Refused(status, tuple(reasons))
        elif event == "divided":
            whole = self._open[name] if name in record["into"] else self._open.pop(name)
            self._divided.add(name)
            for number, part in enumerate(record["into"]):
                if part in self._open:
                    self._open[part] = self._open[part]._replace(turn=(*whole.turn, number))
        else:
            raise ValueError(event)

    def _check(self, record: dict[str, Any]) -> None:
        if record["version"] != VERSION:
            got = f"a journal of version {record['version']}"
            raise ConfigError(str(self.path), got, "finish it with the release that wrote it")
        if record["server"] != self._server_url:
            got = f"a journal for the server {record['server']}"
            raise ConfigError(str(self.path), got, "name that server, or another journal")


def _transaction(record: dict[str, Any]) -> Transaction:
    return Transaction(tuple(read_bundle(record["bundle"])[0]))
