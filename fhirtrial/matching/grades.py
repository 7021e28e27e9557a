"""Grades and the few reductions that every kind of atom shares: rows of facts in, one truth per patient out.

A grade is a truth about one fact ("this fact is what the atom asks for"). Grades below presumed-yes that are not
unknown only say "not this one"; what its absence means is decided once, by `absence`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fhirtrial.criteria.truth import Truth
from fhirtrial.matching.reasons import Reason

Ints = NDArray[np.int64]
Grades = NDArray[np.int8]
Bits = NDArray[np.uint32]

NO, PRESUMED_NO, UNKNOWN, PRESUMED_YES, YES = (int(t) for t in Truth)


def _unworded(_: int) -> str:
    return ""


@dataclass(frozen=True)
class Rows:
    """Facts that speak to an atom: indices into the chunk's columns (ascending), each with its grade and reasons.

    `compared(i)` words what the i-th of them was compared with, for evidence only.
    """

    index: Ints
    patient: Ints
    grade: Grades
    reasons: Bits
    compared: Callable[[int], str] = _unworded

    def kept(self, which: NDArray[Any]) -> Rows:
        """Only some of the rows."""
        places = np.flatnonzero(which)
        return Rows(
            self.index[places],
            self.patient[places],
            self.grade[places],
            self.reasons[places],
            lambda i: self.compared(int(places[i])),
        )

    @classmethod
    def none(cls) -> Rows:
        empty = np.empty(0, np.int64)
        return cls(empty, empty, np.empty(0, np.int8), np.empty(0, np.uint32))


@dataclass(frozen=True)
class Answer:
    """An atom's truth and reasons per patient, and the rows that decided or could have."""

    truth: Grades
    reasons: Bits
    rows: Rows

    def or_else(self, other: Answer) -> Answer:
        """This answer where it is definite, else the other's, with both reasons."""
        mine = self.truth != UNKNOWN
        return Answer(
            np.where(mine, self.truth, other.truth).astype(np.int8),
            np.where(mine | (other.truth != UNKNOWN), 0, self.reasons | other.reasons).astype(np.uint32),
            joined(self.rows, other.rows, lambda grade: grade),
        )


@dataclass(frozen=True)
class Absence:
    """What nothing recorded means, per patient: presumed-no, or unknown with its reasons."""

    truth: Grades
    reasons: Bits


def constant(patients: int, truth: int, reasons: int = 0) -> Answer:
    return Answer(np.full(patients, truth, np.int8), np.full(patients, reasons, np.uint32), Rows.none())


def fold(operator: np.ufunc, values: NDArray[np.generic], patient: Ints, patients: int, empty: int) -> Ints:
    """`operator` over each patient's values (rows sorted by patient), `empty` for patients without any."""
    result = np.full(patients, empty, np.int64)
    if len(values):
        first = np.ones(len(patient), bool)
        first[1:] = patient[1:] != patient[:-1]
        starts = np.flatnonzero(first)
        result[patient[starts]] = operator.reduceat(values.astype(np.int64), starts)
    return result


def exists(rows: Rows, absence: Absence, *, assumed: bool | NDArray[np.bool_]) -> Answer:
    """Some fact is it: the best grade where that is presumed-yes or unknown, else what absence means."""
    patients = len(absence.truth)
    best = fold(np.maximum, rows.grade, rows.patient, patients, NO)
    open_rows = rows.grade == UNKNOWN
    why = fold(np.bitwise_or, np.where(open_rows, rows.reasons, 0), rows.patient, patients, 0)
    truth = np.where(best >= UNKNOWN, best, absence.truth).astype(np.int8)
    reasons = np.where(best == UNKNOWN, why, np.where(best > UNKNOWN, 0, absence.reasons)).astype(np.uint32)
    return Answer(presumed(truth, assumed), reasons, rows)


def denied(answer: Answer, denial: Rows, first_day: Ints, denial_day: Ints) -> Answer:
    """`answer` where records deny it too: a denial alone is no; one not older than the assertion conflicts.

    `first_day`, `denial_day`: per patient, the earliest day of a fact that asserts it, the latest of one that denies.
    """
    patients = len(answer.truth)
    has = fold(np.maximum, denial.grade, denial.patient, patients, NO) == YES
    asserted = answer.truth >= PRESUMED_YES
    conflict = has & asserted & (denial_day >= first_day)
    refuted = has & (answer.truth <= PRESUMED_NO) | has & _only_absent(answer)
    truth = np.where(conflict, UNKNOWN, np.where(refuted, NO, answer.truth)).astype(np.int8)
    reasons = np.where(conflict, Reason.CONFLICTING, np.where(refuted, 0, answer.reasons)).astype(np.uint32)
    return Answer(truth, reasons, joined(answer.rows, denial, lambda grade: np.where(grade == YES, NO, grade)))


def _only_absent(answer: Answer) -> NDArray[np.bool_]:
    """Unknown for want of any fact: then a denial settles it."""
    patients = len(answer.truth)
    best = fold(np.maximum, answer.rows.grade, answer.rows.patient, patients, NO)
    absent: NDArray[np.bool_] = (answer.truth == UNKNOWN) & (best < UNKNOWN)
    return absent


def joined(one: Rows, other: Rows, turned: Callable[[Grades], NDArray[Any]]) -> Rows:
    """Both sets of rows in one, sorted by patient, the other's grades turned."""
    index = np.concatenate((one.index, other.index))
    order = np.argsort(index, kind="stable")
    n = len(one.index)

    def compared(i: int) -> str:
        j = int(order[i])
        return one.compared(j) if j < n else other.compared(j - n)

    grade = np.concatenate((one.grade, turned(other.grade))).astype(np.int8)
    return Rows(
        index[order],
        np.concatenate((one.patient, other.patient))[order],
        grade[order],
        np.concatenate((one.reasons, other.reasons))[order],
        compared,
    )


def presumed(truth: Grades, assumed: bool | NDArray[np.bool_]) -> Grades:
    """Never firmer than presumed where an assumption stands in between."""
    if assumed is False:
        return truth
    return np.where(assumed, np.clip(truth, PRESUMED_NO, PRESUMED_YES), truth).astype(np.int8)


def least(*parts: tuple[NDArray[np.generic], NDArray[np.generic]]) -> tuple[Grades, Bits]:
    """The conjunction of (grade, reasons) pairs of the same rows: the least grade, the reasons of its unknowns."""
    grade = parts[0][0].astype(np.int8)
    for part, _ in parts[1:]:
        grade = np.minimum(grade, part.astype(np.int8))
    reasons = np.zeros(len(grade), np.uint32)
    for part, why in parts:
        reasons |= np.where((grade == UNKNOWN) & (part == UNKNOWN), why, 0).astype(np.uint32)
    return grade, reasons
