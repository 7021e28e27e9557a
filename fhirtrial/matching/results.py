"""Results inside a window, reduced to one truth per patient: the latest decides, or any, all, or several of them.

"Latest" is by clinical time; results that cannot be told apart in time and whose truths differ are conflicting.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fhirtrial.criteria.tree import Atom
from fhirtrial.matching.calendar import Span
from fhirtrial.matching.codes import State
from fhirtrial.matching.grades import (
    NO,
    UNKNOWN,
    YES,
    Answer,
    Bits,
    Graded,
    Grades,
    Ints,
    Places,
    Rows,
    Why,
    fold,
    presumed,
)
from fhirtrial.matching.identity import identified, standing
from fhirtrial.matching.reasons import Reason
from fhirtrial.matching.timing import measured
from fhirtrial.matching.view import View
from fhirtrial.patients.facts import Family, Kind, Standing


class Reduced(NamedTuple):
    """Per patient the truth of some results and why it is unknown, and which rows decided."""

    truth: Ints
    why: Why
    deciding: NDArray[np.bool_]


def reduce_results(
    view: View,
    atom: Atom,
    span: Span,
    select: str,
    judge: Callable[[Ints], tuple[Graded, Callable[[int], str]]],
    *,
    count: int = 1,
) -> Answer:
    """Judges results of the atom's concept in the window and reduces them; `judge` grades rows, words comparisons."""
    kind = view.concept(atom.concept).kind  # type: ignore[union-attr,arg-type]
    rows = view.rows(Kind.OBSERVATION)
    states = view.states_of(atom, rows)
    spoken = ((states >= State.MENTIONED) & (view.at("standing", rows) != Standing.DENIED)).nonzero()[0]
    rows, named = rows[spoken], identified(states[spoken])
    judged, compared = judge(rows)
    if select == "any":
        # a result that may be another one's and does not say so anyway is no result of this one
        kept = ((named.grade == YES) | (judged.grade != NO)).nonzero()[0]
        rows, named, judged, compared = rows[kept], named.at(kept), judged.at(kept), _worded_at(compared, kept)
    graded = _unsure(judged, named, standing(view, rows))
    placed = measured(view, span, rows).grade
    absence = view.absence(kind, atom, (Family.OBSERVATIONS,), span)
    patient = view.at("patient", rows)
    # a result that failed (no value at all) neither outdates nor joins those that succeeded
    empty = judged.reasons & Reason.ABSENT != 0
    if empty.any():
        filled = _per_patient((placed == YES) & ~empty, patient, view.patients)
        placed = np.where(empty & filled[patient], NO, placed).astype(np.int8)
    if select == "latest":
        found = latest(view, rows, graded, placed)
    else:
        found = _several(select, count, patient, graded, placed, view.patients)
    placeable = _per_patient(placed > NO, patient, view.patients)
    # what lies after the index date does not count: it makes nothing stale
    older = _per_patient(view.at("start_low", rows) <= view.today, patient, view.patients)
    told = np.where(placeable, found.truth, np.where(older, UNKNOWN, absence.truth)).astype(np.int8)

    def why() -> Bits:
        stale = np.where(absence.reasons == Reason.ABSENT, Reason.STALE, absence.reasons | Reason.STALE)
        lacking: Bits = np.where(placeable, found.why(), np.where(older, stale, absence.reasons))
        return lacking

    def shows() -> Rows:
        return Rows(rows, patient, graded, compared).at((found.deciding | ~placeable[patient]).nonzero()[0])

    return Answer(presumed(told, span.assumed), why, shows)


def _worded_at(compared: Callable[[int], str], places: Ints) -> Callable[[int], str]:
    return lambda i: compared(int(places[i]))


def latest(view: View, rows: Ints, graded: Graded, placed: Grades) -> Reduced:
    """The truth of the latest results, why it is open, and which rows were the latest."""
    patient, instant, blur = (view.at(name, rows) for name in ("patient", "instant", "blur"))
    inside = placed == YES
    floor = np.iinfo(np.int64).min
    last = _folded(np.maximum, instant, inside, patient, view.patients, floor)
    at_last = inside & (instant == last[patient])
    earliest = _folded(np.minimum, instant - blur, at_last, patient, view.patients, -floor - 1)
    deciding = inside & (instant >= earliest[patient])
    low, truth = _range(deciding, patient, graded, view.patients)
    has = truth >= 0
    conflict = has & (low != truth)
    # of the results that may lie inside, only those matter that are not surely older than the latest
    unplaced = (placed == UNKNOWN) & ~(has[patient] & (instant < earliest[patient]))
    low, high = _range(unplaced, patient, graded, view.patients)
    unsure = (high >= 0) & (~has | (low != truth) | (high != truth))

    def why() -> Ints:
        why = _folded(np.bitwise_or, graded.reasons, deciding, patient, view.patients, 0)
        return why | np.where(conflict, Reason.CONFLICTING, 0) | np.where(unsure, Reason.UNDATED, 0)

    return Reduced(np.where(conflict | unsure, UNKNOWN, truth), why, deciding | unplaced)


def _several(select: str, count: int, patient: Ints, graded: Graded, placed: Grades, patients: int) -> Reduced:
    """`any`: the count-th best result; `all`: the worst. A result that may lie outside can only keep it open.

    Where none surely lies inside, or fewer than are counted, nobody knows of how many there are.
    """
    grade = graded.grade
    inside, unplaced = placed == YES, placed == UNKNOWN
    blocking = grade >= UNKNOWN if select == "any" else grade <= UNKNOWN
    outside = NO if select == "any" else YES
    kept = np.where(inside, grade, np.where(unplaced & blocking, UNKNOWN, outside)).astype(np.int8)
    few = np.zeros(patients, bool)
    if select == "all":
        truth = fold(np.minimum, kept, patient, patients, NO)
    elif count == 1:
        truth = fold(np.maximum, kept, patient, patients, NO)
    else:
        truth = np.full(patients, NO, np.int64)
        for p in np.unique(patient):
            mine = np.sort(kept[(patient == p) & (inside | unplaced)])[::-1]
            truth[p] = mine[count - 1] if len(mine) >= count else min(UNKNOWN, mine.max(initial=0))
            few[p] = len(mine) < count
    lacking = ~_per_patient(inside, patient, patients) & _per_patient(unplaced, patient, patients)

    def why() -> Ints:
        reasons = np.where(inside, graded.reasons, np.where(unplaced, graded.reasons | Reason.UNDATED, 0))
        told = _folded(np.bitwise_or, reasons, kept == UNKNOWN, patient, patients, 0)
        return told | np.where(lacking, Reason.UNDATED, 0) | np.where(few, Reason.ABSENT, 0)

    return Reduced(np.where(lacking, UNKNOWN, truth), why, inside | unplaced)


def _range(which: NDArray[np.bool_], patient: Ints, graded: Graded, patients: int) -> tuple[Ints, Ints]:
    """Per patient the least and greatest grade of these rows; (9, -1) without any."""
    low = _folded(np.minimum, graded.grade, which, patient, patients, 9)
    return low, _folded(np.maximum, graded.grade, which, patient, patients, -1)


def _folded(
    operator: np.ufunc,
    values: NDArray[np.generic],
    which: NDArray[np.bool_],
    patient: Ints,
    patients: int,
    empty: int,
) -> Ints:
    """As `fold`, over some of the rows."""
    places: Places = which.nonzero()[0]
    return fold(operator, values[places], patient[places], patients, empty)


def _per_patient(which: NDArray[np.bool_], patient: Ints, patients: int) -> NDArray[np.bool_]:
    result = np.zeros(patients, bool)
    result[patient[which.nonzero()[0]]] = True
    return result


def _unsure(judged: Graded, *doubts: Graded) -> Graded:
    """A result whose code or status is doubtful can only be unknown, whichever way it points."""
    grade = judged.grade.copy()
    for doubt in doubts:
        grade[(doubt.grade == UNKNOWN).nonzero()[0]] = UNKNOWN

    def why() -> Bits:
        reasons = judged.reasons
        for doubt in doubts:
            reasons = reasons | doubt.reasons
        return reasons

    return Graded(grade, why)
