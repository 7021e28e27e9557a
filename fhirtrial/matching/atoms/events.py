"""Things that happened: procedures, stays and visits, vaccinations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fhirtrial.criteria.tree import Encounter, Immunization, Procedure
from fhirtrial.matching import calendar
from fhirtrial.matching.grades import UNKNOWN, Answer, Ints, Rows, constant, exists, joined, least
from fhirtrial.matching.identity import identified, not_one_of, one_of, standing
from fhirtrial.matching.reasons import Reason
from fhirtrial.matching.timing import Graded, graded, overlapped
from fhirtrial.matching.view import State, View
from fhirtrial.patients.facts import Family, Kind
from fhirtrial.terminology.encounters import setting_of


def procedure(atom: Procedure, view: View) -> Answer:
    """Also by the status code of a condition ("lung transplant status"), which says that it was done, not when."""
    span = view.span(atom.window, calendar.until(view.on))
    if span is None:
        return constant(view.patients, UNKNOWN, Reason.NO_ANCHOR)
    done = _found(view, view.rows(Kind.PROCEDURE), atom, span)
    listed = view.rows(Kind.CONDITION)
    listed = listed[view.states(atom.concept)[listed] >= State.HISTORY]
    status = _found(view, listed, atom, calendar.until(view.on))
    if atom.window is not None:
        undated = np.where(status.grade >= UNKNOWN, UNKNOWN, status.grade).astype(np.int8)
        status = replace(status, grade=undated, reasons=np.full(len(undated), Reason.UNDATED, np.uint32))
    rows = joined(done, status, lambda grade: grade)
    return exists(rows, view.absence("procedure", atom.concept, (Family.PROCEDURES,), span), assumed=span.assumed)


def immunization(atom: Immunization, view: View) -> Answer:
    span = view.span(atom.window, calendar.until(view.on))
    if span is None:
        return constant(view.patients, UNKNOWN, Reason.NO_ANCHOR)
    rows = _found(view, view.rows(Kind.IMMUNIZATION), atom, span)
    absence = view.absence("immunization", atom.concept, (Family.IMMUNIZATIONS,), span)
    return exists(rows, absence, assumed=span.assumed)


def encounter(atom: Encounter, view: View) -> Answer:
    span = view.span(atom.window, calendar.until(view.on))
    if span is None:
        return constant(view.patients, UNKNOWN, Reason.NO_ANCHOR)
    rows = view.rows(Kind.ENCOUNTER)
    parts = [standing(view, rows), overlapped(view, rows, span)]
    if atom.setting != "any":
        parts.append(_setting(view, rows, atom.setting))
    if atom.reason:
        states = view.states(atom.reason, "reason")[rows]
        stated = view.column("reason")[rows] > 0
        parts.append(graded(states >= State.HISTORY, stated & (states == State.NONE), Reason.ABSENT))
    grade, reasons = least(*parts)
    found = Rows(rows, view.column("patient")[rows], grade, reasons)
    return exists(found, view.uncoded_absence("encounter", (Family.ENCOUNTERS,), span), assumed=span.assumed)


def _setting(view: View, rows: Ints, asked: str) -> Graded:
    values = view.facts.vocabulary.codes.values
    found = [setting_of(values[n].codings) for n in view.column("category")[rows].tolist()]
    same = np.array([f == asked for f in found], bool)
    return graded(same, np.array([f != "" for f in found], bool) & ~same, Reason.ABSENT)


def _found(view: View, rows: Ints, atom: Procedure | Immunization, span: calendar.Span) -> Rows:
    """The rows that are, or may be, what the atom asks for."""
    states = view.states(atom.concept)[rows]
    rows, states = rows[states >= State.MENTIONED], states[states >= State.MENTIONED]
    parts = [identified(states), standing(view, rows), overlapped(view, rows, span)]
    if isinstance(atom, Procedure):
        parts += [one_of(view, rows, name) for name in atom.also]
        parts += [not_one_of(view, rows, name) for name in atom.unless]
    grade, reasons = least(*parts)
    return Rows(rows, view.column("patient")[rows], grade, reasons)
