"""Things that happened: procedures, stays and visits, vaccinations."""

from __future__ import annotations

import numpy as np

from fhirtrial.criteria.tree import Encounter, Immunization, Procedure
from fhirtrial.matching import calendar
from fhirtrial.matching.grades import UNKNOWN, Answer, Ints, Rows, constant, exists, least
from fhirtrial.matching.identity import identified, not_one_of, one_of, standing
from fhirtrial.matching.reasons import Reason
from fhirtrial.matching.timing import Graded, began, graded, overlapped
from fhirtrial.matching.view import State, View
from fhirtrial.patients.facts import Family, Kind
from fhirtrial.terminology.encounters import setting_of


def procedure(atom: Procedure, view: View) -> Answer:
    return _happened(view, Kind.PROCEDURE, Family.PROCEDURES, atom, atom.also, atom.unless)


def immunization(atom: Immunization, view: View) -> Answer:
    return _happened(view, Kind.IMMUNIZATION, Family.IMMUNIZATIONS, atom, (), ())


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
    return exists(found, view.uncoded_absence((Family.ENCOUNTERS,), span), assumed=span.assumed)


def _setting(view: View, rows: Ints, asked: str) -> Graded:
    values = view.facts.vocabulary.codes.values
    found = [setting_of(values[n].codings) for n in view.column("category")[rows].tolist()]
    same = np.array([f == asked for f in found], bool)
    return graded(same, np.array([f != "" for f in found], bool) & ~same, Reason.ABSENT)


def _happened(
    view: View,
    kind: Kind,
    family: Family,
    atom: Procedure | Immunization,
    also: tuple[str, ...],
    unless: tuple[str, ...],
) -> Answer:
    span = view.span(atom.window, calendar.until(view.on))
    if span is None:
        return constant(view.patients, UNKNOWN, Reason.NO_ANCHOR)
    rows = view.rows(kind)
    states = view.states(atom.concept)[rows]
    rows, states = rows[states >= State.MENTIONED], states[states >= State.MENTIONED]
    parts = [identified(states), standing(view, rows), began(view, rows, span)]
    parts += [one_of(view, rows, name) for name in also]
    parts += [not_one_of(view, rows, name) for name in unless]
    grade, reasons = least(*parts)
    found = Rows(rows, view.column("patient")[rows], grade, reasons)
    return exists(found, view.absence(atom.kind, atom.concept, (family,), span), assumed=span.assumed)
