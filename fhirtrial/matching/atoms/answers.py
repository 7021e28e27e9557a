"""What a person answered: QuestionnaireResponse items, found by questionnaire and linkId; the latest one counts."""

from __future__ import annotations

import numpy as np

from fhirtrial.matching.atoms.qualitative import reading
from fhirtrial.matching.grades import NO, UNKNOWN, YES, Answer, Rows, constant
from fhirtrial.matching.reasons import Reason
from fhirtrial.matching.results import latest
from fhirtrial.matching.timing import graded
from fhirtrial.matching.view import View
from fhirtrial.patients.facts import CodeSet, Kind, Standing, ValueKind


def answered(view: View, questionnaire: str, link_id: str, why: Reason) -> Answer:
    """Yes or no as answered by the index date; unknown for `why` where nobody did, or "do not know" was the answer."""
    asked = CodeSet(((questionnaire, link_id),))
    values = view.facts.vocabulary.codes.values
    rows = view.rows(Kind.ANSWER)
    codes = view.column("code")[rows]
    rows = rows[np.array([values[n].codings == asked.codings for n in codes.tolist()], bool)]
    rows = rows[view.column("start_low")[rows] <= view.today]
    if not len(rows):
        return constant(view.patients, UNKNOWN, why)
    said = np.array([_said(view, row) for row in rows.tolist()], np.int8)
    unconfirmed = view.column("standing")[rows] == Standing.UNCONFIRMED
    grade = np.where(unconfirmed, UNKNOWN, said).astype(np.int8)
    reasons = np.where(grade == UNKNOWN, np.where(unconfirmed, Reason.UNCONFIRMED, why), 0).astype(np.uint32)
    placed, _ = graded(view.column("start_high")[rows] <= view.today, np.zeros(len(rows), bool))
    truth, open_, deciding = latest(view, rows, grade, reasons, placed)
    patient = view.column("patient")[rows]
    has = np.zeros(view.patients, bool)
    has[patient] = True
    evidence = Rows(rows, patient, grade, reasons).kept(deciding)
    return Answer(
        np.where(has, truth, UNKNOWN).astype(np.int8),
        np.where(has, np.where(truth == UNKNOWN, open_, 0), why).astype(np.uint32),
        evidence,
    )


def _said(view: View, row: int) -> int:
    if view.column("value_kind")[row] == ValueKind.BOOLEAN:
        return YES if view.column("low")[row] else NO
    said = reading(view.facts.vocabulary.codes.values[view.column("value")[row]])
    return {"positive": YES, "negative": NO}.get(said, UNKNOWN)
