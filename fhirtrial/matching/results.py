"""Results inside a window, reduced to one truth per patient: the latest decides, or any, all, or several of them.

"Latest" is by clinical time; results that cannot be told apart in time and whose truths differ are conflicting.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fhirtrial.criteria.tree import Atom
from fhirtrial.matching.calendar import Span
from fhirtrial.matching.codes import State
from fhirtrial.matching.grades import NO, UNKNOWN, YES, Answer, Bits, Grades, Ints, Rows, fold, presumed
from fhirtrial.matching.identity import identified, standing
from fhirtrial.matching.reasons import Reason
from fhirtrial.matching.timing import Graded, measured
from fhirtrial.matching.view import View
from fhirtrial.patients.facts import Family, Kind, Standing


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
    states = view.states_of(atom)[rows]
    spoken = (states >= State.MENTIONED) & (view.column("standing")[rows] != Standing.DENIED)
    rows, states = rows[spoken], states[spoken]
    judged, compared = judge(rows)
    named = identified(states)
    if select == "any":
        # a result that may be another one's and does not say so anyway is no result of this one
        rows, compared, judged, named = _without(rows, compared, (named[0] != YES) & (judged[0] == NO), judged, named)
    grade, reasons = _unsure(judged, named, standing(view, rows))
    placed, _ = measured(view, rows, span)
    absence = view.absence(kind, atom, (Family.OBSERVATIONS,), span)
    patient = view.column("patient")[rows]
    # a result that failed (no value at all) neither outdates nor joins those that succeeded
    empty = (grade == UNKNOWN) & (reasons & Reason.ABSENT != 0)
    filled = _per_patient((placed == YES) & ~empty, patient, view.patients)
    placed = np.where(empty & filled[patient], NO, placed).astype(np.int8)
    if select == "latest":
        truth, why, deciding = latest(view, rows, grade, reasons, placed)
    else:
        truth, why, deciding = _several(select, count, patient, grade, reasons, placed, view.patients)
    placeable = _per_patient(placed > NO, patient, view.patients)
    # what lies after the index date does not count: it makes nothing stale
    older = _per_patient(view.column("start_low")[rows] <= view.today, patient, view.patients)
    stale = np.where(absence.reasons == Reason.ABSENT, Reason.STALE, absence.reasons | Reason.STALE)
    lacking = np.where(older, stale, absence.reasons)
    told = np.where(placeable, truth, np.where(older, UNKNOWN, absence.truth)).astype(np.int8)
    open_ = np.where(placeable, np.where(told == UNKNOWN, why, 0), lacking).astype(np.uint32)
    shown = deciding | ~placeable[patient]
    evidence = Rows(rows, patient, grade, reasons, compared).kept(shown)
    return Answer(presumed(told, span.assumed), open_, evidence)


def _without(
    rows: Ints, compared: Callable[[int], str], which: NDArray[np.bool_], *parts: Graded
) -> tuple[Ints, Callable[[int], str], Graded, Graded]:
    """The rows and their parts without some of the rows."""
    kept = np.flatnonzero(~which)
    judged, named = ((grade[kept], reasons[kept]) for grade, reasons in parts)
    return rows[kept], lambda i: compared(int(kept[i])), judged, named


def latest(
    view: View, rows: Ints, grade: Grades, reasons: Bits, placed: Grades
) -> tuple[Ints, Ints, NDArray[np.bool_]]:
    """The truth of the latest results, why it is open, and which rows were the latest."""
    patient, instant, blur = (view.column(name)[rows] for name in ("patient", "instant", "blur"))
    inside = placed == YES
    floor = np.iinfo(np.int64).min
    last = fold(np.maximum, np.where(inside, instant, floor), patient, view.patients, floor)
    has_last = last > floor
    at_last = inside & (instant == last[patient])
    earliest = fold(np.minimum, np.where(at_last, instant - blur, -floor - 1), patient, view.patients, -floor - 1)
    deciding = inside & (instant >= earliest[patient])
    truth, conflict, why = _agreed(deciding, patient, grade, reasons, view.patients)
    # of the results that may lie inside, only those matter that are not surely older than the latest
    unplaced = (placed == UNKNOWN) & ~(has_last[patient] & (instant < earliest[patient]))
    low, high = _range(unplaced, patient, grade, view.patients)
    has = _per_patient(deciding, patient, view.patients)
    unsure = (high >= 0) & (~has | (low != truth) | (high != truth))
    why = why | np.where(conflict, Reason.CONFLICTING, 0) | np.where(unsure, Reason.UNDATED, 0)
    return np.where(conflict | unsure, UNKNOWN, truth), why, deciding | unplaced


def _several(
    select: str, count: int, patient: Ints, grade: Grades, reasons: Bits, placed: Grades, patients: int
) -> tuple[Ints, Ints, NDArray[np.bool_]]:
    """`any`: the count-th best result; `all`: the worst. A result that may lie outside can only keep it open.

    Where none surely lies inside, or fewer than are counted, nobody knows of how many there are.
    """
    inside, unplaced = placed == YES, placed == UNKNOWN
    blocking = grade > UNKNOWN if select == "any" else grade < UNKNOWN
    outside = NO if select == "any" else YES
    kept = np.where(inside, grade, np.where(unplaced & (blocking | (grade == UNKNOWN)), UNKNOWN, outside))
    why = np.where(inside, reasons, np.where(unplaced, reasons | Reason.UNDATED, 0))
    why = np.where(kept == UNKNOWN, why, 0)
    if select == "all":
        truth = fold(np.minimum, kept, patient, patients, NO)
    elif count == 1:
        truth = fold(np.maximum, kept, patient, patients, NO)
    else:
        truth = np.full(patients, NO, np.int64)
        for p in np.unique(patient):
            mine = np.sort(kept[(patient == p) & (inside | unplaced)])[::-1]
            truth[p] = mine[count - 1] if len(mine) >= count else min(UNKNOWN, mine.max(initial=0))
            if len(mine) < count:
                why[patient == p] |= Reason.ABSENT
    told = fold(np.bitwise_or, why, patient, patients, 0)
    lacking = ~_per_patient(inside, patient, patients) & _per_patient(unplaced, patient, patients)
    truth = np.where(lacking, UNKNOWN, truth)
    return truth, np.where(lacking, told | Reason.UNDATED, told), inside | unplaced


def _agreed(
    deciding: NDArray[np.bool_], patient: Ints, grade: Grades, reasons: Bits, patients: int
) -> tuple[Ints, NDArray[np.bool_], Ints]:
    low, high = _range(deciding, patient, grade, patients)
    why = fold(np.bitwise_or, np.where(deciding & (grade == UNKNOWN), reasons, 0), patient, patients, 0)
    return high, (high >= 0) & (low != high), why


def _range(which: NDArray[np.bool_], patient: Ints, grade: Grades, patients: int) -> tuple[Ints, Ints]:
    """Per patient the least and greatest grade of these rows; (9, -1) without any."""
    low = fold(np.minimum, np.where(which, grade, 9), patient, patients, 9)
    return low, fold(np.maximum, np.where(which, grade, -1), patient, patients, -1)


def _per_patient(which: NDArray[np.bool_], patient: Ints, patients: int) -> NDArray[np.bool_]:
    result = np.zeros(patients, bool)
    result[patient[which]] = True
    return result


def _unsure(judged: Graded, *doubts: Graded) -> Graded:
    """A result whose code or status is doubtful can only be unknown, whichever way it points."""
    grade, reasons = judged
    for doubt, why in doubts:
        open_ = doubt == UNKNOWN
        reasons = np.where(open_, np.where(grade == UNKNOWN, reasons | why, why), reasons).astype(np.uint32)
        grade = np.where(open_, UNKNOWN, grade).astype(np.int8)
    return grade, reasons
