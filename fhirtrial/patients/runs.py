"""Lines sorted outside memory: what does not fit waits in sorted runs in files without a name, which end with them.

Memory is bounded by `room` and by one block of each run; no other process ever sees the files, even after a kill.
"""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeAlias

import msgspec

Record: TypeAlias = tuple[str, int, str, int, int, bytes]
"""Key, a number that no other record of this key has, a name, number of the file, line in it, and the bytes."""

_BLOCK = 2**16
_EACH = 300
"""What a record takes in memory beside its bytes."""
_RECORDS = msgspec.msgpack.Decoder(list[Record])


class Room(NamedTuple):
    """How much may wait in memory, how many runs are read at once, and where files are made (None: TMPDIR)."""

    memory: int = 64 * 2**20
    runs: int = 512
    folder: Path | None = None


class Sorter:
    """Takes records in any order and gives them by key and number, as often as asked; to be closed."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._waiting: list[Record] = []
        self._size = 0
        self._levels: list[_Level] = []

    def add(self, record: Record) -> None:
        """Takes one; OSError where it cannot be kept, and then nothing that was added can be relied on."""
        self._waiting.append(record)
        self._size += len(record[5]) + len(record[0]) + len(record[2]) + _EACH
        if self._size > self._room.memory:
            self._waiting.sort()
            self._write(0, self._waiting)
            self._waiting, self._size = [], 0

    def ordered(self) -> Iterator[Record]:
        self._waiting.sort()
        return heapq.merge(self._waiting, *(run for level in self._levels for run in level.runs()))

    def anyhow(self) -> Iterator[Record]:
        """All of them in no order that means anything, for less work."""
        yield from self._waiting
        for level in self._levels:
            for run in level.runs():
                yield from run

    def close(self) -> None:
        for level in self._levels:
            level.close()
        self._levels, self._waiting = [], []

    def _write(self, height: int, records: Iterable[Record]) -> None:
        """Adds a run; as many as may be read at once become one of the level above."""
        if len(self._levels) == height:
            self._levels.append(_Level(self._room.folder))
        level = self._levels[height]
        level.write(records)
        if level.count >= self._room.runs:
            self._write(height + 1, heapq.merge(*level.runs()))
            level.close()
            self._levels[height] = _Level(self._room.folder)


class _Level:
    """Runs one after another in one file, in blocks of records that are read whole."""

    def __init__(self, folder: Path | None) -> None:
        self._file: BinaryIO = tempfile.TemporaryFile(buffering=0, dir=folder)  # noqa: SIM115 - close() does
        self._ends = [0]

    @property
    def count(self) -> int:
        return len(self._ends) - 1

    def write(self, records: Iterable[Record]) -> None:
        end, block, size = self._ends[-1], list[Record](), 0
        for record in records:
            block.append(record)
            size += len(record[5]) + _EACH
            if size >= _BLOCK:
                end = self._put(block, end)
                block, size = [], 0
        self._ends.append(self._put(block, end) if block else end)

    def runs(self) -> list[Iterator[Record]]:
        return [self._run(start, end) for start, end in zip(self._ends, self._ends[1:], strict=False)]

    def close(self) -> None:
        self._file.close()

    def _put(self, block: list[Record], at: int) -> int:
        packed = msgspec.msgpack.encode(block)
        data = memoryview(len(packed).to_bytes(8, "little") + packed)
        self._file.seek(at)
        while data:
            data = data[self._file.write(data) :]
            at = self._file.tell()
        return at

    def _run(self, at: int, end: int) -> Iterator[Record]:
        while at < end:
            size = int.from_bytes(self._get(at, 8), "little")
            yield from _RECORDS.decode(self._get(at + 8, size))
            at += 8 + size

    def _get(self, at: int, size: int) -> bytes:
        self._file.seek(at)
        found = self._file.read(size)
        while len(found) < size:  # one call reads 2 GiB at most
            more = self._file.read(size - len(found))
            if not more:
                raise OSError("a temporary file is shorter than what was written")
            found += more
        return found
