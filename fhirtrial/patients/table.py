"""Rows of one chunk, gathered as columns: careful rows one by one, skimmed ones as pattern, times, label and number."""

from __future__ import annotations

from itertools import chain
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fhirtrial.errors import Problem
from fhirtrial.patients.facts import DTYPES, Fact, Facts, Patient, Vocabulary
from fhirtrial.patients.patterns import WHEN, Book, numbered

_STRIDE = 2**24


class Rows:
    """One document's rows until it is known that they all can be had; `order` is the resource's place in it."""

    def __init__(self) -> None:
        self.pattern: list[int] = []
        self.time: list[int] = []
        self.label: list[int] = []
        self.version: list[int] = []
        self.number: list[float] = []
        self.order: list[int] = []
        self.times: list[tuple[int, ...]] = []
        self.careful: list[Fact] = []
        self.careful_order: list[int] = []


class Table:
    """One chunk; its rows come out sorted by patient and by the place of their resource in its document."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.vocabulary = Vocabulary()
        self.patients: list[Patient] = []
        self.problems: list[Problem] = []
        self._all = Rows()
        self._sizes: list[tuple[int, int]] = []
        self._careful_sizes: list[tuple[int, int]] = []

    def add(self, rows: list[Fact]) -> None:
        """Rows in their order, of patients whose numbers they hold."""
        self._all.careful += rows
        self._all.careful_order += range(len(rows))

    def add_skimmed(self, rows: Rows, patient: int) -> None:
        mine = self._all
        shift = len(mine.times)
        mine.time += [time + shift for time in rows.time] if shift else rows.time
        mine.times += rows.times
        mine.pattern += rows.pattern
        mine.label += rows.label
        mine.version += rows.version
        mine.number += rows.number
        mine.order += rows.order
        mine.careful += rows.careful
        mine.careful_order += rows.careful_order
        self._sizes.append((patient, len(rows.order)))

    def facts(self) -> Facts:
        columns = self._careful()
        if self._all.order:
            skimmed = self._skimmed()
            orders = np.concatenate(
                (
                    self._places(columns["patient"], self._all.careful_order),
                    self._places(skimmed["patient"], self._all.order),
                )
            )
            order = np.argsort(orders, kind="stable")
            columns = {name: np.concatenate((columns[name], skimmed[name]))[order] for name in DTYPES}
        return Facts(tuple(self.patients), columns, self.vocabulary, tuple(self.problems))

    @staticmethod
    def _places(patients: NDArray[np.generic], order: list[int]) -> NDArray[np.int64]:
        return patients.astype(np.int64) * _STRIDE + np.array(order, np.int64)

    def _careful(self) -> dict[str, NDArray[np.generic]]:
        rows = self._all.careful
        table: list[Any] = list(zip(*rows, strict=True)) if rows else [() for _ in DTYPES]
        return {name: np.array(table[i], dtype=dtype) for i, (name, dtype) in enumerate(DTYPES.items())}

    def _skimmed(self) -> dict[str, NDArray[np.generic]]:
        mine = self._all
        pattern = np.array(mine.pattern, np.int64)
        used = list(dict.fromkeys(mine.pattern))  # in their order: the numbers follow from the data alone
        places = np.zeros(len(self.book.rows), np.int64)
        places[used] = np.arange(len(used))
        which = places[pattern]
        rows = [numbered(self.book.rows[i], self.vocabulary) for i in used]
        table = list(zip(*rows, strict=True))
        columns: dict[str, NDArray[np.generic]] = {}
        for i, (name, dtype) in enumerate(DTYPES.items()):
            columns[name] = np.array(table[i], dtype=dtype)[which]
        times = np.fromiter(chain.from_iterable(mine.times), np.int64, len(mine.times) * len(WHEN))
        when = np.array(mine.time, np.int64)
        for i, name in enumerate(WHEN):
            columns[name] = times[i :: len(WHEN)].astype(DTYPES[name])[when]
        number = np.array(mine.number, np.float64)
        measured = ~np.isnan(number)
        for name in ("low", "high"):
            columns[name] = np.where(measured, number, columns[name])
        columns["resource"] = np.array(mine.label, np.int32)
        columns["version"] = np.array(mine.version, np.int32)
        patients, sizes = zip(*self._sizes, strict=True)
        columns["patient"] = np.repeat(np.array(patients, np.int32), sizes)
        return columns


NOT_MEASURED = nan
