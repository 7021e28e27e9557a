"""What a person answered: QuestionnaireResponse items, found by questionnaire and linkId; the latest one counts."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from fhirtrial.errors import Problem
from fhirtrial.matching.atoms.qualitative import reading
from fhirtrial.matching.grades import NO, UNKNOWN, YES, Answer, Graded, Rows, constant, graded
from fhirtrial.matching.reasons import Reason
from fhirtrial.matching.results import latest
from fhirtrial.matching.view import View
from fhirtrial.patients.facts import CodeSet, Facts, Kind, Standing, ValueKind


def answered(view: View, questionnaire: str, link_id: str, why: Reason) -> Answer:
    """Yes or no as answered by the index date; unknown for `why` where nobody did, or "do not know" was the answer."""
    asked = CodeSet(((questionnaire, link_id),))
    values = view.facts.vocabulary.codes.values
    rows = view.rows(Kind.ANSWER)
    codes = view.at("code", rows)
    rows = rows[np.array([values[n].codings == asked.codings for n in codes.tolist()], bool)]
    rows = rows[view.at("start_low", rows) <= view.today]
    if not len(rows):
        return constant(view.patients, UNKNOWN, why)
    said = np.array([_said(view, row) for row in rows.tolist()], np.int8)
    unconfirmed = view.at("standing", rows) == Standing.UNCONFIRMED
    grade = np.where(unconfirmed, UNKNOWN, said).astype(np.int8)
    judged = Graded(grade, lambda: np.where(unconfirmed, Reason.UNCONFIRMED, why))
    placed = graded(view.at("start_high", rows) <= view.today, np.zeros(len(rows), bool), Reason.UNDATED)
    found = latest(view, rows, judged, placed.grade)
    patient = view.at("patient", rows)
    has = np.zeros(view.patients, bool)
    has[patient] = True
    return Answer(
        np.where(has, found.truth, UNKNOWN).astype(np.int8),
        lambda: np.where(has, found.why(), why),
        lambda: Rows(rows, patient, judged).at(found.deciding.nonzero()[0]),
    )


def outdated(facts: Facts, asked: Iterable[tuple[str, str]]) -> list[Problem]:
    """Answers to one of the questionnaires under a linkId that it no longer has: the tree has changed since."""
    known = set(asked)
    ours = {questionnaire for questionnaire, _ in known}
    rows = np.flatnonzero(facts.columns["kind"] == Kind.ANSWER)
    codes, names = facts.vocabulary.codes.values, facts.vocabulary.strings.values
    found = {
        names[resource]: None
        for code, resource in zip(
            facts.columns["code"][rows].tolist(), facts.columns["resource"][rows].tolist(), strict=True
        )
        if any(q in ours and (q, link) not in known for q, link in codes[code].codings)
    }
    todo = "ask again with the Questionnaire as it is now; until then the question counts as unanswered"
    return [Problem(one, "item.linkId", "answers a question that the trial no longer asks", todo) for one in found]


def _said(view: View, row: int) -> int:
    if view.at("value_kind", row) == ValueKind.BOOLEAN:
        return YES if view.at("low", row) else NO
    said = reading(view.facts.vocabulary.codes.values[view.at("value", row)])
    return {"positive": YES, "negative": NO}.get(said, UNKNOWN)
