"""Things that happened: procedures, stays and visits, vaccinations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fhirtrial.criteria.tree import Encounter, Immunization, Procedure
from fhirtrial.matching import calendar
from fhirtrial.matching.codes import State
from fhirtrial.matching.grades import (
    UNKNOWN,
    Answer,
    Ints,
    Rows,
    constant,
    denied,
    exists,
    fold,
    joined,
    least,
    presumed,
)
from fhirtrial.matching.identity import denials, first_days, identified, reasoned, standing
from fhirtrial.matching.reasons import Reason
from fhirtrial.matching.timing import Graded, graded, lasting
from fhirtrial.matching.view import View
from fhirtrial.patients.facts import FLOOR, Family, Kind
from fhirtrial.terminology.encounters import setting_of


def procedure(atom: Procedure, view: View) -> Answer:
    """Also by the status code of a condition ("lung transplant status"), which says that it was done, not when."""
    span = view.span(atom)
    if span is None:
        return constant(view.patients, UNKNOWN, Reason.NO_ANCHOR)
    done = _found(view, view.rows(Kind.PROCEDURE), atom, span)
    status = _found(view, view.rows(Kind.CONDITION), atom, calendar.until(view.on))
    if atom.window is not None:
        undated = np.where(status.grade >= UNKNOWN, UNKNOWN, status.grade).astype(np.int8)
        status = replace(status, grade=undated, reasons=np.full(len(undated), Reason.UNDATED, np.uint32))
    rows = joined(done, status, lambda grade: grade)
    told = exists(rows, view.absence("procedure", atom.concept, (Family.PROCEDURES,), span), assumed=span.assumed)
    return _not_done(view, atom, told, view.rows(Kind.PROCEDURE), span)


def immunization(atom: Immunization, view: View) -> Answer:
    span = view.span(atom)
    if span is None:
        return constant(view.patients, UNKNOWN, Reason.NO_ANCHOR)
    rows = _found(view, view.rows(Kind.IMMUNIZATION), atom, span)
    absence = view.absence("immunization", atom.concept, (Family.IMMUNIZATIONS,), span)
    told = exists(rows, absence, assumed=span.assumed)
    return _not_done(view, atom, told, view.rows(Kind.IMMUNIZATION), span)


def encounter(atom: Encounter, view: View) -> Answer:
    span = view.span(atom)
    if span is None:
        return constant(view.patients, UNKNOWN, Reason.NO_ANCHOR)
    rows = view.rows(Kind.ENCOUNTER)
    parts = [standing(view, rows), lasting(view, rows, span)]
    if atom.setting != "any":
        parts.append(_setting(view, rows, atom.setting))
    if atom.reason:
        parts.append(reasoned(view, rows, atom.reason))
    grade, reasons = least(*parts)
    found = Rows(rows, view.column("patient")[rows], grade, reasons)
    return exists(found, view.uncoded_absence("encounter", (Family.ENCOUNTERS,), span), assumed=span.assumed)


def _setting(view: View, rows: Ints, asked: str) -> Graded:
    values = view.facts.vocabulary.codes.values
    numbers = view.column("category")[rows].tolist()
    settings = {n: setting_of(values[n].codings) for n in set(numbers)}
    found = [settings[n] for n in numbers]
    same = np.array([f == asked for f in found], bool)
    return graded(same, np.array([f != "" for f in found], bool) & ~same, Reason.ABSENT)


def _not_done(view: View, atom: Procedure | Immunization, told: Answer, rows: Ints, span: calendar.Span) -> Answer:
    """A record that it was not done, by the concept's own code, denies it if its time covers the whole window."""
    denial = denials(view, rows, atom.concept, refuted=True)
    first = np.maximum(view.births, span.first_earliest)[denial.patient]
    low, high = view.column("start_high")[denial.index], view.column("end_low")[denial.index]
    denial = denial.kept((low <= first) & (high >= span.of(denial.patient).last_latest))
    last = np.broadcast_to(span.of(denial.patient).last_latest, len(denial.index))
    days = fold(np.maximum, last, denial.patient, view.patients, FLOOR)
    answer = denied(told, denial, first_days(view, told.rows), days)
    return replace(answer, truth=presumed(answer.truth, span.assumed))


def _found(view: View, rows: Ints, atom: Procedure | Immunization, span: calendar.Span) -> Rows:
    """The rows that are, or may be, what the atom asks for."""
    states = view.states(atom.concept)[rows]
    rows, states = rows[states >= State.MENTIONED], states[states >= State.MENTIONED]
    parts = [identified(states), standing(view, rows), lasting(view, rows, span)]
    if isinstance(atom, Procedure):
        parts += view.qualified(rows, atom.also, atom.unless)
    grade, reasons = least(*parts)
    return Rows(rows, view.column("patient")[rows], grade, reasons)
