"""Things that happened: procedures, stays and visits, vaccinations."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from operator import attrgetter

import numpy as np

from fhirtrial.criteria.tree import Encounter, Immunization, Procedure
from fhirtrial.matching import calendar
from fhirtrial.matching.codes import State
from fhirtrial.matching.grades import (
    UNKNOWN,
    Answer,
    Graded,
    Ints,
    Rows,
    Test,
    constant,
    exists,
    fold,
    graded,
    joined,
    least,
    presumed,
)
from fhirtrial.matching.identity import denials, denied, identified, reasoned, standing
from fhirtrial.matching.reads import qualifiers
from fhirtrial.matching.reasons import Reason
from fhirtrial.matching.timing import lasting
from fhirtrial.matching.view import View, distinct
from fhirtrial.patients.facts import FLOOR, Family, Kind
from fhirtrial.terminology.encounters import setting_of

_WINDOW, _REASON = attrgetter("window"), attrgetter("reason")


def procedure(atom: Procedure, view: View) -> Answer:
    """Also by the status code of a condition ("lung transplant status"), which says that it was done, not when."""
    span = view.span(atom)
    if span is None:
        return constant(view.patients, UNKNOWN, Reason.NO_ANCHOR)
    done = _found(view, view.rows(Kind.PROCEDURE), atom, span)
    status = _found(view, view.rows(Kind.CONDITION), atom, calendar.until(view.on))
    undated = (status.grade >= UNKNOWN) & view.which(atom, _WINDOW, status.index)
    grade = np.where(undated, UNKNOWN, status.grade).astype(np.int8)
    graded_anew = Graded(grade, lambda: np.where(undated, Reason.UNDATED, status.reasons))
    rows = joined(done, replace(status, graded=graded_anew))
    told = exists(rows, view.absence("procedure", atom, (Family.PROCEDURES,), span), assumed=span.assumed)
    return _not_done(view, atom, told, view.rows(Kind.PROCEDURE), span)


def immunization(atom: Immunization, view: View) -> Answer:
    span = view.span(atom)
    if span is None:
        return constant(view.patients, UNKNOWN, Reason.NO_ANCHOR)
    rows = _found(view, view.rows(Kind.IMMUNIZATION), atom, span)
    absence = view.absence("immunization", atom, (Family.IMMUNIZATIONS,), span)
    told = exists(rows, absence, assumed=span.assumed)
    return _not_done(view, atom, told, view.rows(Kind.IMMUNIZATION), span)


def encounter(atom: Encounter, view: View) -> Answer:
    span = view.span(atom)
    if span is None:
        return constant(view.patients, UNKNOWN, Reason.NO_ANCHOR)
    rows = view.rows(Kind.ENCOUNTER)
    grades = least(
        rows,
        standing(view, rows),
        partial(lasting, view, span),
        view.each(atom, _setting_of, partial(_setting, view)),
        view.each(atom, _REASON, partial(reasoned, view)),
    )
    found = Rows(rows, view.at("patient", rows), grades)
    return exists(found, view.uncoded_absence("encounter", (Family.ENCOUNTERS,), span), assumed=span.assumed)


def _setting_of(atom: Encounter) -> str:
    return "" if atom.setting == "any" else atom.setting


def _setting(view: View, asked: str, rows: Ints) -> Graded:
    values = view.facts.vocabulary.codes.values
    same, other = np.zeros(len(values), bool), np.zeros(len(values), bool)
    numbers = view.at("category", rows)
    for number in distinct(numbers).tolist():
        setting = setting_of(values[number].codings)
        same[number], other[number] = setting == asked, setting not in {asked, ""}
    return graded(same[numbers], other[numbers], Reason.ABSENT)


def _not_done(view: View, atom: Procedure | Immunization, told: Answer, rows: Ints, span: calendar.Span) -> Answer:
    """A record that it was not done, by the concept's own code, denies it if its time covers the whole window."""
    denial = denials(view, rows, atom, refuted=True)
    if not len(denial.index):
        return told
    first = np.maximum(view.births, span.first_earliest)[denial.patient]
    low, high = view.at("start_high", denial.index), view.at("end_low", denial.index)
    denial = denial.at(((low <= first) & (high >= span.of(denial.patient).last_latest)).nonzero()[0])
    last = np.broadcast_to(span.of(denial.patient).last_latest, len(denial.index))
    days = fold(np.maximum, last, denial.patient, view.patients, FLOOR)
    answer = denied(view, told, told.rows, denial, days)
    return replace(answer, truth=presumed(answer.truth, span.assumed))


def _found(view: View, rows: Ints, atom: Procedure | Immunization, span: calendar.Span) -> Rows:
    """The rows that are, or may be, what the atom asks for."""
    states = view.states_of(atom, rows)
    spoken = (states >= State.MENTIONED).nonzero()[0]
    rows = rows[spoken]
    tests: list[Test] = [partial(standing, view), partial(lasting, view, span)]
    if isinstance(atom, Procedure):
        tests.append(view.qualified(atom, qualifiers))
    return Rows(rows, view.at("patient", rows), least(rows, identified(states[spoken]), *tests))
