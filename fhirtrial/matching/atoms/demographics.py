"""Age and sex: arithmetic on the Patient, never presumed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fhirtrial.criteria.tree import Age, Sex
from fhirtrial.matching.calendar import completed
from fhirtrial.matching.grades import NO, UNKNOWN, YES, Answer, Grades, graded
from fhirtrial.matching.reasons import Reason
from fhirtrial.matching.view import View
from fhirtrial.patients.facts import FLOOR


class Bounds(NamedTuple):
    """What several ages in one unit ask: bounds as columns, one row each; an open bound is not reached itself."""

    unit: str
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    low_open: NDArray[np.bool_]
    high_open: NDArray[np.bool_]

    def holds(self, count: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which counts of completed units lie inside each row's bounds."""
        above = (count > self.low) | (~self.low_open & (count == self.low))
        below = (count < self.high) | (~self.high_open & (count == self.high))
        inside: NDArray[np.bool_] = above & below
        return inside


def bounds_of(unit: str, atoms: Sequence[Age]) -> Bounds:
    low = np.array([[-np.inf if a.low is None else a.low] for a in atoms])
    high = np.array([[np.inf if a.high is None else a.high] for a in atoms])
    return Bounds(
        unit, low, high, np.array([[a.low_op == ">"] for a in atoms]), np.array([[a.high_op == "<"] for a in atoms])
    )


def age(atom: Age, view: View) -> Answer:
    """Completed age at the index date; a birth date that is only a year or month may leave it open."""
    truth = ages(bounds_of(atom.unit, [atom]), view)[0]
    return Answer(truth, lambda: np.where(view.births > FLOOR, Reason.UNDATED, Reason.ABSENT))


def ages(bounds: Bounds, view: View) -> Grades:
    """As `age`, for several of them: [atoms × patients]."""
    known = view.births > FLOOR
    low, high = (np.where(known, days, 0) for days in (view.births, view.last_births))
    first, last = (bounds.holds(completed(bounds.unit, days, view.on)) for days in (low, high))
    return graded(known & first & last, known & ~first & ~last, Reason.UNDATED).grade


def sex(atom: Sex, view: View) -> Answer:
    known = (view.sexes == "female") | (view.sexes == "male")
    truth = np.where(view.sexes == atom.value, YES, np.where(known, NO, UNKNOWN)).astype(np.int8)
    return Answer(truth, lambda: Reason.ABSENT)
