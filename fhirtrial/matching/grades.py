"""Grades and the few reductions that every kind of atom shares: rows of facts in, one truth per patient out.

A grade is a truth about one fact ("this fact is what the atom asks for"). Grades below presumed-yes that are not
unknown only say "not this one"; what its absence means is decided once, by `absence`. Why something is unknown, and
which rows show it, is found only when somebody asks: verdicts alone never do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fhirtrial.criteria.truth import Truth

Ints = NDArray[np.int64]
Grades = NDArray[np.int8]
Bits = NDArray[np.uint32]
Places = Ints | slice

NO, PRESUMED_NO, UNKNOWN, PRESUMED_YES, YES = (int(t) for t in Truth)
Why = Callable[[], NDArray[Any] | int]
"""The reasons of what is unknown; what it says of anything else does not count."""


@dataclass(frozen=True)
class Graded:
    """A grade for each of some rows, and why those that are unknown are so."""

    grade: Grades
    why: Why

    @cached_property
    def reasons(self) -> Bits:
        return _reasons(self.grade, self.why)

    def at(self, places: Places) -> Graded:
        """Those of some of the rows."""
        return Graded(self.grade[places], lambda: self.reasons[places])


Test = Callable[[Ints], Graded | None]
"""Grades some rows; None where it asks nothing of any."""


def graded(yes: NDArray[np.bool_], no: NDArray[np.bool_], why: int) -> Graded:
    """Grades from two tests; what is neither is unknown for `why`."""
    # twice 1 + 1, 0 + 1 or 0 + 0: choosing by rows (`where`) costs a branch for each
    return Graded((yes.view(np.int8) + (yes >= no).view(np.int8)) << 1, lambda: why)


def spread(rows: int, parts: Sequence[tuple[Places, Graded]]) -> Graded:
    """Grades of parts of so many rows; the others are held."""
    grade = np.full(rows, YES, np.int8)
    for places, one in parts:
        grade[places] = one.grade
    return Graded(grade, lambda: _spread(rows, parts))


def _spread(rows: int, parts: Sequence[tuple[Places, Graded]]) -> Bits:
    reasons = np.zeros(rows, np.uint32)
    for places, one in parts:
        reasons[places] |= one.reasons
    return reasons


def least(rows: Ints, first: Graded, *tests: Test) -> Graded:
    """The conjunction: the least grade, the reasons of its unknowns. What one test denied is not asked of another."""
    grade = first.grade.copy()
    told: list[tuple[Places, Graded]] = [(slice(None), first)]
    places: Places = slice(None)
    for test in tests:
        left = grade.nonzero()[0]
        if not len(left):
            break
        if len(left) < len(grade):
            places = left
        one = test(rows[places])
        if one is not None:
            grade[places] = np.minimum(grade[places], one.grade)
            told.append((places, one))
    return Graded(grade, lambda: _spread(len(rows), told))


def _unworded(_: int) -> str:
    return ""


@dataclass(frozen=True)
class Rows:
    """Facts that speak to an atom: indices into the chunk's columns (ascending), each with its grade.

    `compared(i)` words what the i-th of them was compared with, for evidence only.
    """

    index: Ints
    patient: Ints
    graded: Graded
    compared: Callable[[int], str] = _unworded

    @property
    def grade(self) -> Grades:
        return self.graded.grade

    @property
    def reasons(self) -> Bits:
        return self.graded.reasons

    def at(self, places: Ints) -> Rows:
        """Some of the rows, in this order."""
        return Rows(
            self.index[places], self.patient[places], self.graded.at(places), lambda i: self.compared(int(places[i]))
        )

    @classmethod
    def certain(cls, index: Ints, patient: Ints, grade: int) -> Rows:
        """Rows of one grade that is not unknown."""
        return cls(index, patient, Graded(np.full(len(index), grade, np.int8), lambda: 0))

    @classmethod
    def none(cls) -> Rows:
        empty = np.empty(0, np.int64)
        return cls.certain(empty, empty, NO)


@dataclass(frozen=True)
class Answer:
    """An atom's truth per patient, why it is unknown, and the rows that decided or could have (`shows`)."""

    truth: Grades
    why: Why
    shows: Callable[[], Rows] = Rows.none

    @cached_property
    def reasons(self) -> Bits:
        return _reasons(self.truth, self.why)

    @cached_property
    def rows(self) -> Rows:
        return self.shows()

    def or_else(self, other: Answer) -> Answer:
        """This answer where it is definite, else the other's, with both reasons."""
        truth = np.where(self.truth != UNKNOWN, self.truth, other.truth)
        return Answer(truth, lambda: self.reasons | other.reasons, lambda: joined(self.rows, other.rows))


def _reasons(grade: Grades, why: Why) -> Bits:
    return np.where(grade == UNKNOWN, why(), 0).astype(np.uint32)


def constant(patients: int, truth: int, reasons: int = 0) -> Answer:
    return Answer(np.full(patients, truth, np.int8), lambda: reasons)


def fold(operator: np.ufunc, values: NDArray[np.generic], patient: Ints, patients: int, empty: int) -> Ints:
    """`operator` over each patient's values (rows sorted by patient), `empty` for patients without any."""
    result = np.full(patients, empty, np.int64)
    if len(values):
        first = np.ones(len(patient), bool)
        first[1:] = patient[1:] != patient[:-1]
        starts = np.flatnonzero(first)
        result[patient[starts]] = operator.reduceat(values.astype(np.int64), starts)
    return result


def exists(rows: Rows, absence: Answer, *, assumed: bool | NDArray[np.bool_]) -> Answer:
    """Some fact is it: the best grade where that is presumed-yes or unknown, else what absence means."""
    # absence says at most unknown, so the better grade stands where it is written last
    truth = absence.truth.copy()
    for grade in (UNKNOWN, PRESUMED_YES, YES):
        truth[rows.patient[(rows.grade == grade).nonzero()[0]]] = grade

    def why() -> Bits:
        found = fold(np.bitwise_or, rows.reasons, rows.patient, len(truth), 0)
        open_ = fold(np.maximum, rows.grade, rows.patient, len(truth), NO) == UNKNOWN
        return np.where(open_, found, absence.reasons)

    return Answer(presumed(truth, assumed), why, lambda: rows)


def joined(one: Rows, other: Rows) -> Rows:
    """Both sets of rows in one, sorted by patient."""
    if not len(other.index):
        return one
    both = followed(one, other)
    return both.at(np.argsort(both.index, kind="stable"))


def followed(one: Rows, other: Rows) -> Rows:
    """One set of rows after the other."""
    n = len(one.index)
    return Rows(
        np.concatenate((one.index, other.index)),
        np.concatenate((one.patient, other.patient)),
        Graded(np.concatenate((one.grade, other.grade)), lambda: np.concatenate((one.reasons, other.reasons))),
        lambda i: one.compared(i) if i < n else other.compared(i - n),
    )


def presumed(truth: Grades, assumed: bool | NDArray[np.bool_]) -> Grades:
    """Never firmer than presumed where an assumption stands in between."""
    if assumed is False:
        return truth
    return np.where(assumed, np.clip(truth, PRESUMED_NO, PRESUMED_YES), truth)
