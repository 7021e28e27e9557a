"""Rows of one chunk, gathered as columns: careful rows one by one, skimmed ones as pattern, times, label and number.

Columns are made once, at the end: what rows share with their pattern is looked up there, and stands beside what the
careful rows hold.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from math import nan

import numpy as np
from numpy.typing import NDArray

from fhirtrial.errors import Problem
from fhirtrial.patients.facts import DTYPES, Fact, Facts, Patient, Vocabulary
from fhirtrial.patients.patterns import OWN, SHARED, WHEN, Book, cells

NOT_MEASURED = nan
_STRIDE = 2**24
_PATIENT = OWN.index("patient")
_Ints = NDArray[np.int64]


class Rows:
    """One document's rows until it is known that they all can be had.

    One entry for each skimmed resource: its `pattern`, its place among `times`, its label, version, and `order`, its
    place in the document; one `number` for each of its rows.
    """

    def __init__(self) -> None:
        self.pattern: list[int] = []
        self.time: list[int] = []
        self.label: list[str] = []
        self.version: list[int] = []
        self.order: list[int] = []
        self.number: list[float] = []
        self.times: list[int] = []
        self.careful: list[Fact] = []
        self.careful_order: list[int] = []


class Table:
    """One chunk; its rows come out sorted by patient and by the place of their resource in its document."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.vocabulary = Vocabulary()
        self.patients: list[Patient] = []
        self.problems: list[Problem] = []
        self._skimmed: list[tuple[int, Rows]] = []
        self._careful: list[Fact] = []
        self._careful_order: list[int] = []

    def add(self, rows: list[Fact]) -> None:
        """Rows in their order, of patients whose numbers they hold."""
        self._careful += rows
        self._careful_order += range(len(rows))

    def add_skimmed(self, rows: Rows, patient: int) -> None:
        self._skimmed.append((patient, rows))
        self._careful += rows.careful
        self._careful_order += rows.careful_order

    def facts(self) -> Facts:
        row, number, order, own = self._skimmed_columns()
        used = list(dict.fromkeys(row.tolist()))  # in their order: the numbers follow from the data alone
        places = np.zeros(len(self.book.rows), np.int64)
        places[used] = np.arange(len(used))
        shared = np.concatenate((self.book.spelled(used, self.vocabulary), cells(self._careful, SHARED, np.float64)))
        own = np.concatenate((own, cells(self._careful, OWN, np.int64)))
        orders = np.concatenate((order, np.array(self._careful_order, np.int64)))
        sort = np.argsort(own[:, _PATIENT] * _STRIDE + orders, kind="stable")
        which = np.concatenate((places[row], np.arange(len(used), len(shared))))[sort]
        number = np.concatenate((number, np.full(len(self._careful), NOT_MEASURED)))[sort]
        own = own[sort]
        columns = {
            name: own[:, OWN.index(name)].astype(dtype)
            if name in OWN
            else shared[:, SHARED.index(name)].astype(dtype)[which]
            for name, dtype in DTYPES.items()
        }
        for name in ("low", "high"):
            columns[name] = np.where(np.isnan(number), columns[name], number)
        return Facts(tuple(self.patients), columns, self.vocabulary, tuple(self.problems))

    def _skimmed_columns(self) -> tuple[_Ints, NDArray[np.float64], _Ints, _Ints]:
        """The book's rows, the numbers and places of all skimmed rows, and the columns that no pattern holds."""
        documents = [rows for _, rows in self._skimmed]
        sizes = [len(rows.label) for rows in documents]
        first = _gathered(rows.pattern for rows in documents)
        count = self.book.counts[first]
        each = np.repeat(np.arange(len(count)), count)  # the resource of each row
        before = np.cumsum(count) - count
        shifts = np.cumsum([0, *(len(rows.times) // len(WHEN) for rows in documents)])[:-1]
        time = (_gathered(rows.time for rows in documents) + np.repeat(shifts, sizes))[each]
        times = _gathered(rows.times for rows in documents).reshape(-1, len(WHEN))
        label = self.vocabulary.strings.extend(chain.from_iterable(rows.label for rows in documents))
        patient = np.repeat(np.array([patient for patient, _ in self._skimmed], np.int64), sizes)
        version = _gathered(rows.version for rows in documents)
        own = np.column_stack((times[time], patient[each], label + each, version[each]))
        number = np.fromiter(chain.from_iterable(rows.number for rows in documents), np.float64)
        row = (first - before)[each] + np.arange(len(each))
        return row, number, _gathered(rows.order for rows in documents)[each], own


def _gathered(lists: Iterable[Iterable[int]]) -> _Ints:
    return np.fromiter(chain.from_iterable(lists), np.int64)
