"""Which resources stand under several owners: numbers alone are kept, outside memory where they are many.

Hashes only find who may have moved. Whether something did is decided by the names and contents of the lines themselves,
so that nothing depends on how hashes fall.
"""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from fhirtrial.patients.runs import Room

_SLICES = 256
_EDGES = np.linspace(-(2.0**63), 2.0**63, _SLICES + 1)[1:-1].astype(np.int64)
_ROW = 3 * 8


class Rows:
    """A set of row numbers, a bit for each row there is."""

    def __init__(self, size: int) -> None:
        self._bits = bytearray((size >> 3) + 1)
        self.any = False

    def add(self, row: int) -> None:
        self._bits[row >> 3] |= 1 << (row & 7)
        self.any = True

    def __contains__(self, row: int) -> bool:
        return bool(self._bits[row >> 3] & 1 << (row & 7))


class Owners:
    """Who each resource was said to be of: (name, owner, row) as numbers, sorted by name in runs; to be closed."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._names, self._owners, self._rows = array("q"), array("q"), array("q")
        self._file: BinaryIO | None = None
        self._runs: list[tuple[BinaryIO, int, list[int]]] = []

    def add(self, name: str, owner: str, row: int) -> None:
        self._names.append(hash(name))
        self._owners.append(hash(owner))
        self._rows.append(row)
        if len(self._rows) * _ROW > self._room.memory // 16:  # sorting takes four times as much
            self._write()

    def moved(self) -> Iterator[int]:
        """The rows of all resources that have more than one owner."""
        last, bounds = self._sorted()
        for n in range(_SLICES):
            parts = [last[bounds[n] : bounds[n + 1]]]
            parts += [_read(file, start, found[n], found[n + 1]) for file, start, found in self._runs]
            rows = np.concatenate(parts)
            rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
            names, owners = rows[:, 0], rows[:, 1]
            several = names[1:][(names[1:] == names[:-1]) & (owners[1:] != owners[:-1])]
            if len(several):
                yield from rows[np.isin(names, several), 2].tolist()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _sorted(self) -> tuple[NDArray[np.int64], list[int]]:
        columns = [np.frombuffer(one, np.int64) for one in (self._names, self._owners, self._rows)]
        rows = np.stack(columns, axis=1)
        rows = rows[np.argsort(rows[:, 0], kind="stable")]
        return rows, [0, *np.searchsorted(rows[:, 0], _EDGES).tolist(), len(rows)]

    def _write(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(buffering=0, dir=self._room.folder)  # noqa: SIM115 - close() does
        rows, bounds = self._sorted()
        start = self._file.seek(0, 2)
        data = memoryview(rows.tobytes())
        while data:
            data = data[self._file.write(data) :]
        self._runs.append((self._file, start, bounds))
        self._names, self._owners, self._rows = array("q"), array("q"), array("q")


def _read(file: BinaryIO, start: int, first: int, last: int) -> NDArray[np.int64]:
    file.seek(start + first * _ROW)
    return np.frombuffer(file.read((last - first) * _ROW), np.int64).reshape(-1, 3)
