"""Change between two results of one measurement: needs a pair, the later of them inside the window."""

from __future__ import annotations

import numpy as np

from fhirtrial.criteria.tree import Change, Offset
from fhirtrial.matching import calendar
from fhirtrial.matching.codes import State
from fhirtrial.matching.grades import NO, UNKNOWN, YES, Answer, Graded, Grades, Ints, Rows, constant, presumed
from fhirtrial.matching.quantities import EMPTY, Numbers, compare, numbers
from fhirtrial.matching.reasons import Reason
from fhirtrial.matching.timing import measured
from fhirtrial.matching.view import View
from fhirtrial.patients.facts import CEIL, FLOOR, Family, Kind, Standing


def change(atom: Change, view: View) -> Answer:
    """Whether some pair, earlier and later, moved so far; no only when every pair inside the limits did not."""
    span = view.span(atom)
    if span is None:
        return constant(view.patients, UNKNOWN, Reason.NO_ANCHOR)
    rows = view.rows(Kind.OBSERVATION)
    mine = (view.states_of(atom, rows) == State.HIT) & (view.at("standing", rows) == Standing.ASSERTED)
    rows = rows[(mine & ~EMPTY[view.at("value_kind", rows)]).nonzero()[0]]
    concept = view.concept(atom.concept)
    placed = measured(view, span, rows).grade
    absence = view.absence(concept.kind, atom, (Family.OBSERVATIONS,), span)
    truth, reasons = absence.truth.copy(), absence.reasons.copy()
    patient = view.at("patient", rows)
    grade = np.full(len(rows), NO, np.int8)
    # without a later result in the window there is no pair
    timely = np.zeros(view.patients, bool)
    timely[patient[placed > NO]] = True
    alone = ~timely[patient]
    truth[patient[alone]], reasons[patient[alone]], grade[alone] = UNKNOWN, Reason.ABSENT, UNKNOWN
    if timely.any():
        n = numbers(view, rows, concept.unit if atom.relative else atom.unit, concept.molar_mass)
        for p in np.flatnonzero(timely).tolist():
            found = np.arange(*np.searchsorted(patient, [p, p + 1]))
            truth[p], reasons[p], deciding = _pairs(atom, view, rows, n, placed, found)
            grade[deciding] = truth[p]
    evidence = Rows(rows, patient, Graded(grade, lambda: reasons[patient]))
    return Answer(presumed(truth, span.assumed), lambda: reasons, lambda: evidence)


def _pairs(atom: Change, view: View, rows: Ints, n: Numbers, placed: Grades, found: Ints) -> tuple[int, int, list[int]]:
    """The best pair; two results of which nobody knows which came first are a pair both ways, and undated."""
    best, why, deciding = -1, 0, []
    instant, blur = (view.at(name, rows) for name in ("instant", "blur"))
    for later in found.tolist():
        for earlier in found.tolist():
            apart = _apart(atom, view, int(rows[earlier]), int(rows[later]))
            if (
                later == earlier
                or placed[later] == NO
                or apart == NO
                or instant[later] < instant[earlier] - blur[earlier]
            ):
                continue
            grade, reason = _moved(atom, n, earlier, later)
            ordered = instant[earlier] < instant[later] - blur[later]
            if grade != NO and (UNKNOWN in (placed[later], apart) or not ordered):
                grade, reason = UNKNOWN, reason | Reason.UNDATED
            why |= reason
            if grade > best:
                best, deciding = grade, [earlier, later]
    if best < 0:
        return UNKNOWN, int(Reason.ABSENT), found.tolist()
    return best, why if best == UNKNOWN else 0, deciding


def _moved(atom: Change, n: Numbers, earlier: int, later: int) -> tuple[int, int]:
    """One pair's grade; numbers with comparators make no difference that can be told."""
    why = int(n.why[earlier] | n.why[later])
    exact = n.low[earlier] == n.high[earlier] and n.low[later] == n.high[later]
    if why or not exact or (atom.relative and n.low[earlier] == 0):
        return UNKNOWN, why or int(Reason.COMPARATOR_UNDECIDED)
    moved = n.low[later] - n.low[earlier]
    if atom.relative:
        moved = 100 * moved / abs(n.low[earlier])
    moved = -moved if atom.direction == "decrease" else moved
    told = compare(Numbers.exactly(np.array([moved])), atom.op, np.array([atom.amount]))
    return int(told.grade[0]), 0


def _apart(atom: Change, view: View, earlier: int, later: int) -> int:
    """Whether the two are no further apart than `within`, by the calendar."""
    if atom.within is None:
        return YES
    first, last = (int(view.at(name, earlier)) for name in ("start_low", "start_high"))
    low, high = (int(view.at(name, later)) for name in ("start_low", "start_high"))
    due = [_due(day, atom.within) for day in (first, last)]
    if high <= due[0]:
        return YES
    return NO if low > due[1] else UNKNOWN


def _due(day: int, within: Offset) -> int:
    """The last day that is no further than `within` after `day`; FLOOR and CEIL stay what they are."""
    shifted = calendar.shift(calendar.date(day), within) if FLOOR < day < CEIL else None
    return day if shifted is None else shifted
