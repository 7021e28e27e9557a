"""Several different drugs of a class: exposures are counted and doses added by ingredient, never by record.

Codes that name a drug of the class without saying which of its members are one ingredient together: whether two of
them are two drugs is not known.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fhirtrial.criteria.tree import Dose, Medication
from fhirtrial.matching.codes import State
from fhirtrial.matching.grades import (
    NO,
    PRESUMED_YES,
    UNKNOWN,
    YES,
    Answer,
    Bits,
    Graded,
    Grades,
    Ints,
    Rows,
    fold,
    presumed,
)
from fhirtrial.matching.quantities import Numbers, compare, significant
from fhirtrial.matching.reasons import Reason
from fhirtrial.matching.view import View


def several(atom: Medication, view: View, found: Rows, absence: Answer, *, assumed: bool | NDArray[np.bool_]) -> Answer:
    """The exposure to `atom.distinct` ingredients: the so-many-th best of each ingredient's best."""
    mine = [view.routed_states(name, found.index) == State.HIT for name in _drugs(atom.concept, view)]
    rest = ~np.logical_or.reduce(mine) if mine else np.ones(len(found.index), bool)

    def best(which: NDArray[np.bool_]) -> Ints:
        return fold(np.maximum, np.where(which, found.grade, NO), found.patient, view.patients, NO)

    each = np.array([best(which) for which in (*mine, rest)])
    each = np.sort(np.vstack([each, np.full((atom.distinct, view.patients), NO)]), axis=0)[::-1]
    kth = each[atom.distinct - 1]
    possible = (each >= UNKNOWN).sum(axis=0) - (best(rest) >= UNKNOWN)
    possible = possible + fold(np.add, rest & (found.grade >= UNKNOWN), found.patient, view.patients, 0)
    perhaps = (kth < UNKNOWN) & (possible >= atom.distinct)
    truth = np.where(perhaps, UNKNOWN, np.where(kth >= UNKNOWN, kth, absence.truth)).astype(np.int8)

    def why() -> Bits:
        open_ = fold(np.bitwise_or, found.reasons, found.patient, view.patients, 0)
        known = np.where(kth == UNKNOWN, open_, absence.reasons)
        return np.where(perhaps, open_ | Reason.CODE_TOO_COARSE, known)

    return Answer(presumed(truth, assumed), why, lambda: found)


def together(dose: Dose, concept: str, view: View, rows: Ints, other: Grades, doses: Numbers, alone: Graded) -> Graded:
    """Each exposure's grade by its dose, raised where different drugs of the class, taken at once, reach the bound.

    `other` are the rows' grades apart from the dose. One drug recorded twice (ordered and dispensed) is taken once.
    """
    if dose.op not in {">", ">="}:
        return alone
    grade, reasons = alone.grade.copy(), alone.reasons.copy()
    patient = view.at("patient", rows)
    taken = (other >= PRESUMED_YES) & (doses.why == 0)
    drugs = [np.flatnonzero(taken & (view.routed_states(name, rows) == State.HIT)) for name in _drugs(concept, view)]
    for p in np.unique(patient[taken]).tolist():
        mine = [drug[patient[drug] == p] for drug in drugs]
        mine = [drug for drug in mine if len(drug)]
        if len(mine) < 2:
            continue
        total = Numbers.exactly(np.array([0.0]))
        total = replace(
            total,
            low=significant(np.array([sum(doses.low[drug].max() for drug in mine)])),
            high=significant(np.array([sum(doses.high[drug].max() for drug in mine)])),
        )
        told = compare(total, dose.op, np.array([dose.value]))
        all_of = np.concatenate(mine)
        at_once = _at_once(view, rows[all_of])
        reached = int(min(told.grade[0], at_once))
        higher = all_of[grade[all_of] < reached]
        open_ = int(told.reasons[0]) | (Reason.UNDATED if at_once == UNKNOWN else 0)
        grade[higher], reasons[higher] = reached, open_ if reached == UNKNOWN else 0
    return Graded(grade, lambda: reasons)


def _drugs(concept: str, view: View) -> list[str]:
    """The single drugs under the class."""
    return [name for name in view.terminology.members(concept) if not view.concept(name).members]


def _at_once(view: View, rows: Ints) -> int:
    """Whether all the exposures have a day in common."""
    columns = ("start_low", "start_high", "end_low", "end_high")
    start_low, start_high, end_low, end_high = (view.at(name, rows) for name in columns)
    if start_high.max() <= min(end_low.min(), view.today):
        return YES
    return UNKNOWN if start_low.max() <= min(end_high.min(), view.today) else NO
