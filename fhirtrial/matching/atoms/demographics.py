"""Age and sex: arithmetic on the Patient, never presumed."""

from __future__ import annotations

import numpy as np

from fhirtrial.criteria.tree import Age, Sex
from fhirtrial.matching.calendar import completed
from fhirtrial.matching.grades import NO, UNKNOWN, YES, Answer, Rows
from fhirtrial.matching.reasons import Reason
from fhirtrial.matching.view import View


def age(atom: Age, view: View) -> Answer:
    """Completed age at the index date; a birth date that is only a year or month may leave it open."""
    truth = np.full(view.patients, UNKNOWN, np.int8)
    reasons = np.full(view.patients, Reason.ABSENT, np.uint32)
    for i, patient in enumerate(view.facts.patients):
        if patient.birth is None:
            continue
        said = {_inside(atom, completed(atom.unit, day, view.on)) for day in patient.birth}
        if len(said) == 1:
            truth[i], reasons[i] = (YES if said.pop() else NO), 0
        else:
            reasons[i] = Reason.UNDATED
    return Answer(truth, reasons, Rows.none())


def sex(atom: Sex, view: View) -> Answer:
    known = np.isin(view.sexes, ("female", "male"))
    truth = np.where(view.sexes == atom.value, YES, np.where(known, NO, UNKNOWN)).astype(np.int8)
    reasons = np.where(known, 0, Reason.ABSENT).astype(np.uint32)
    return Answer(truth, reasons, Rows.none())


def _inside(atom: Age, years: int) -> bool:
    above = atom.low is None or (years >= atom.low if atom.low_op == ">=" else years > atom.low)
    below = atom.high is None or (years <= atom.high if atom.high_op == "<=" else years < atom.high)
    return above and below
