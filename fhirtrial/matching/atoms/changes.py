"""Change between two results of one measurement: needs a pair, the later of them inside the window."""

from __future__ import annotations

import numpy as np

from fhirtrial.criteria.tree import Change
from fhirtrial.matching import calendar
from fhirtrial.matching.grades import NO, UNKNOWN, Answer, Grades, Ints, Rows, constant, presumed
from fhirtrial.matching.quantities import Numbers, compare, numbers
from fhirtrial.matching.reasons import Reason
from fhirtrial.matching.timing import began
from fhirtrial.matching.view import State, View
from fhirtrial.patients.facts import Family, Kind, Standing


def change(atom: Change, view: View) -> Answer:
    """Whether some pair, earlier and later, moved so far; no only when every pair inside the limits did not."""
    span = view.span(atom.window, calendar.recent(view.on, view.policy.recency_days(view.concept(atom.concept))))
    if span is None:
        return constant(view.patients, UNKNOWN, Reason.NO_ANCHOR)
    rows = view.rows(Kind.OBSERVATION)
    mine = (view.states(atom.concept)[rows] == State.HIT) & (view.column("standing")[rows] == Standing.ASSERTED)
    rows = rows[mine]
    concept = view.concept(atom.concept)
    n = numbers(view, rows, concept.unit if atom.relative else atom.unit, concept.molar_mass)
    placed, _ = began(view, rows, span)
    absence = view.absence(concept.kind, atom.concept, (Family.OBSERVATIONS,), span)
    truth, reasons = absence.truth.copy(), absence.reasons.copy()
    patient, instant = view.column("patient")[rows], view.column("instant")[rows]
    grade = np.full(len(rows), NO, np.int8)
    for p in np.unique(patient).tolist():
        order = np.flatnonzero(patient == p)
        order = order[np.argsort(instant[order], kind="stable")]
        truth[p], reasons[p], deciding = _pairs(atom, n, placed, instant, order)
        grade[deciding] = truth[p]
    evidence = Rows(rows, patient, grade, np.where(grade == UNKNOWN, reasons[patient], 0).astype(np.uint32))
    return Answer(presumed(truth) if span.assumed else truth, reasons, evidence)


def _pairs(atom: Change, n: Numbers, placed: Grades, instant: Ints, order: Ints) -> tuple[int, int, list[int]]:
    best, why, deciding = -1, 0, []
    furthest = _milliseconds(atom)
    for j, later in enumerate(order.tolist()):
        for earlier in order[:j].tolist():
            if placed[later] == NO or instant[later] - instant[earlier] > furthest:
                continue
            grade, reason = _moved(atom, n, earlier, later)
            if placed[later] == UNKNOWN and grade != NO:
                grade, reason = UNKNOWN, reason | Reason.UNDATED
            why |= reason
            if grade > best:
                best, deciding = grade, [earlier, later]
    if best < 0:
        return UNKNOWN, int(Reason.ABSENT), order.tolist()
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
    point, closed = np.array([moved]), np.zeros(1, bool)
    grade, _ = compare(Numbers(point, point, closed, closed, np.zeros(1, np.uint32)), atom.op, np.array([atom.amount]))
    return int(grade[0]) if moved > 0 else int(NO if atom.op in {">", ">="} else grade[0]), 0


def _milliseconds(atom: Change) -> float:
    if atom.within is None:
        return np.inf
    days = {"h": 1 / 24, "d": 1, "wk": 7, "mo": 31, "a": 366, "half-life": np.nan}[atom.within.unit]
    return atom.within.value * days * 86_400_000
