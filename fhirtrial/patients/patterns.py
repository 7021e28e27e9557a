"""Patterns: what resources say apart from their dates, numbers and identity, understood once and then looked up.

A pattern is made by the careful reader from the first resource that has these bytes; nothing is understood here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import itemgetter
from threading import Lock
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from fhirtrial.patients.facts import DTYPES, Fact, Index, Vocabulary
from fhirtrial.patients.source import Times

CODES = ("code", "value", "interpretation", "severity", "stage", "category", "reason", "outcome", "route", "site")
STRINGS = ("unit", "dose_unit", "path")
WHEN = ("start_low", "start_high", "end_low", "end_high", "instant", "recorded", "blur")
OWN = (*WHEN, "patient", "resource", "version")
"""The columns that are each resource's own."""
SHARED = tuple(name for name in DTYPES if name not in OWN)
"""The columns in which all resources of one pattern are alike; their values are exact as floats."""
_INDEXED = {
    room: [SHARED.index(name) for name in names]
    for room, names in {"codes": CODES, "strings": STRINGS, "ranges": ("ranges",)}.items()
}
_LIMIT = 2**16
_LONGEST = 2**14


class Book:
    """All patterns met so far. It only grows; a full one is replaced by an empty one between chunks.

    A pattern is the number of its first row: `known` finds it by kind and key, and `counts` tells there how many rows
    it has. What times depend on beside dates is one of `timed`, and `manners` tells of each row which.
    """

    def __init__(self) -> None:
        self.known: dict[type[Any], dict[bytes, int]] = {}
        self.manners: list[int] = []
        self.timed: list[tuple[Any, ...]] = []
        self.rows = np.zeros((2**8, len(SHARED)))
        self.counts = np.zeros(2**8, np.int64)
        self._words = Vocabulary()
        self._numbers: dict[tuple[type[Any], bytes], int] = {}
        self._lock = Lock()

    @property
    def full(self) -> bool:
        return len(self.manners) >= _LIMIT

    def learn(
        self, kind: type[Any], key: bytes, rows: Sequence[Fact], words: Vocabulary, timed: tuple[Any, ...]
    ) -> int:
        with self._lock:
            first = len(self.manners)
            while len(self.rows) < first + len(rows):
                self.rows = np.concatenate((self.rows, np.zeros_like(self.rows)))
                self.counts = np.concatenate((self.counts, np.zeros_like(self.counts)))
            for i, row in enumerate(rows):
                self.rows[first + i] = self._renumbered(row, words)
            self.counts[first] = len(rows)
            manner = self._numbers.setdefault((kind, msgspec.json.encode(timed)), len(self.timed))
            if manner == len(self.timed):
                self.timed.append(timed)
            self.manners += [manner] * len(rows)
            if len(key) <= _LONGEST:
                self.known.setdefault(kind, {})[key] = first
        return first

    def spelled(self, rows: list[int], words: Vocabulary) -> NDArray[np.float64]:
        """Some of the rows, in the numbers of another vocabulary."""
        found: NDArray[np.float64] = self.rows[rows]
        for room, places in _INDEXED.items():
            numbers = found[:, places].astype(np.int64)
            found[:, places] = _renumbered(numbers, getattr(self._words, room), getattr(words, room))
        return found

    def _renumbered(self, row: Fact, words: Vocabulary) -> list[float]:
        cells = [getattr(row, name) for name in SHARED]
        for room, places in _INDEXED.items():
            theirs, ours = getattr(words, room).values, getattr(self._words, room)
            for place in places:
                cells[place] = ours.number(theirs[cells[place]])
        return cells


def _renumbered(numbers: NDArray[np.int64], theirs: Index[Any], ours: Index[Any]) -> NDArray[np.int64]:
    distinct = list(dict.fromkeys(numbers.ravel().tolist()))  # in their order: ours follow from the data alone
    known: NDArray[np.int64] = np.zeros(len(theirs.values), np.int64)
    known[distinct] = [ours.number(theirs.values[number]) for number in distinct]
    return known.take(numbers)


def cells(rows: Iterable[Fact], names: Sequence[str], dtype: type[Any]) -> NDArray[Any]:
    """Some columns of some rows."""
    some = itemgetter(*map(Fact._fields.index, names))
    return np.array(list(map(some, rows)), dtype).reshape(-1, len(names))


def moments(times: Times) -> tuple[int, int, int, int, int, int, int]:
    """The columns that hold a fact's time, in the order of `WHEN`."""
    start, end = times.start, times.end
    return start.low, start.high, end.low, end.high, start.instant, times.recorded, start.blur
