"""Patterns: what resources say apart from their dates, numbers and identity, understood once and then looked up.

A pattern is made by the careful reader from the first resource that has these bytes; nothing is understood here.
"""

from __future__ import annotations

from collections.abc import Sequence
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
_INDEXED = {"codes": CODES, "strings": STRINGS, "ranges": ("ranges",)}
_OWN = {"patient", *WHEN, "resource", "version"}
SHARED = tuple(name for name in DTYPES if name not in _OWN)
"""The columns in which all resources of one pattern are alike."""
_LIMIT = 2**16
_LONGEST = 2**14


class Book:
    """All patterns met so far. It only grows; a full one is replaced by an empty one between chunks.

    A pattern is the number of its first row: `known` finds it by kind and key, and its first row has the `count` of its
    rows. What times depend on beside dates is one of `timed`, and `manners` tells of each row which.
    """

    def __init__(self) -> None:
        self.known: dict[type[Any], dict[bytes, int]] = {}
        self.manners: list[int] = []
        self.timed: list[tuple[Any, ...]] = []
        self.rows = np.zeros(2**8, [*((name, DTYPES[name]) for name in SHARED), ("count", "i4")])
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
            for i, row in enumerate(rows):
                self.rows[first + i] = (*self._spelled(row, words), len(rows))
            manner = self._numbers.setdefault((kind, msgspec.json.encode(timed)), len(self.timed))
            if manner == len(self.timed):
                self.timed.append(timed)
            self.manners += [manner] * len(rows)
            if len(key) <= _LONGEST:
                self.known.setdefault(kind, {})[key] = first
        return first

    def columns(self, rows: list[int], words: Vocabulary) -> dict[str, NDArray[Any]]:
        """What some rows share with all others of their pattern, in the numbers of another vocabulary."""
        some = self.rows[rows]
        columns = {name: some[name] for name in SHARED}
        for room, names in _INDEXED.items():
            numbers = np.stack([some[name] for name in names], axis=1)
            renumbered = _renumbered(numbers, getattr(self._words, room), getattr(words, room))
            columns.update(zip(names, renumbered.T, strict=True))
        return columns

    def _spelled(self, row: Fact, words: Vocabulary) -> tuple[Any, ...]:
        cells = {name: getattr(row, name) for name in SHARED}
        for room, names in _INDEXED.items():
            theirs, ours = getattr(words, room), getattr(self._words, room)
            cells.update((name, ours.number(theirs.values[cells[name]])) for name in names)
        return tuple(cells.values())


def _renumbered(numbers: NDArray[Any], theirs: Index[Any], ours: Index[Any]) -> NDArray[Any]:
    distinct = list(dict.fromkeys(numbers.ravel().tolist()))  # in their order: ours follow from the data alone
    known: NDArray[np.int64] = np.zeros(len(theirs.values), np.int64)
    known[distinct] = [ours.number(theirs.values[number]) for number in distinct]
    found: NDArray[Any] = known[numbers]
    return found


def moments(times: Times) -> tuple[int, int, int, int, int, int, int]:
    """The columns that hold a fact's time, in the order of `WHEN`."""
    start, end = times.start, times.end
    return start.low, start.high, end.low, end.high, start.instant, times.recorded, start.blur
