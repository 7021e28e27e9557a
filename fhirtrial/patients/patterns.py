"""Patterns: what resources say apart from their dates, numbers and identity, understood once and then looked up.

A pattern is made by the careful reader from the first resource that has these bytes; nothing is understood here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock
from typing import Any

from fhirtrial.patients.elements import Resource
from fhirtrial.patients.facts import Fact, Vocabulary
from fhirtrial.patients.source import Times

CODES = ("code", "value", "interpretation", "severity", "stage", "category", "reason", "outcome", "route", "site")
STRINGS = ("unit", "dose_unit", "path")
_INDEXED = tuple(
    (Fact._fields.index(name), room)
    for names, room in ((CODES, "codes"), (STRINGS, "strings"), (("ranges",), "ranges"))
    for name in names
)
_LIMIT = 2**16
_LONGEST = 2**14


@dataclass(slots=True, eq=False)
class Pattern:
    """`first`.. number its `count` rows in the book; `example` has no dates, and `alone` they tell all of the times."""

    first: int
    count: int
    alone: bool
    example: Resource


class Book:
    """All patterns met so far. It only grows; a full one is replaced by an empty one between chunks."""

    def __init__(self) -> None:
        self.known: dict[type[Any], dict[bytes, Pattern]] = {}
        self.rows: list[tuple[Any, ...]] = []
        self._lock = Lock()

    @property
    def full(self) -> bool:
        return len(self.rows) >= _LIMIT

    def learn(self, kind: type[Any], key: bytes, rows: Iterable[Fact], words: Vocabulary, **known: Any) -> Pattern:
        with self._lock:
            found = list(rows)
            pattern = Pattern(first=len(self.rows), count=len(found), **known)
            self.rows += [_spelled(row, words) for row in found]
            if len(key) <= _LONGEST:
                self.known.setdefault(kind, {})[key] = pattern
        return pattern


def _spelled(row: Fact, words: Vocabulary) -> tuple[Any, ...]:
    cells = list(row)
    for place, room in _INDEXED:
        cells[place] = getattr(words, room).values[cells[place]]
    return tuple(cells)


def numbered(cells: tuple[Any, ...], words: Vocabulary) -> tuple[Any, ...]:
    """The row in the numbers of one chunk's vocabulary."""
    row = list(cells)
    for place, room in _INDEXED:
        row[place] = getattr(words, room).number(row[place])
    return tuple(row)


def moments(times: Times) -> tuple[int, int, int, int, int, int, int]:
    """The columns that hold a fact's time, in the order of `WHEN`."""
    start, end = times.start, times.end
    return start.low, start.high, end.low, end.high, start.instant, times.recorded, start.blur


WHEN = ("start_low", "start_high", "end_low", "end_high", "instant", "recorded", "blur")
