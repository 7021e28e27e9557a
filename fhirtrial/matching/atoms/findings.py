"""What a method showed, what the record holds at all, and what relatives have."""

from __future__ import annotations

from functools import partial

import numpy as np

from fhirtrial.criteria.tree import DataAvailability, Finding, OtherExperiencer
from fhirtrial.matching import calendar
from fhirtrial.matching.codes import State
from fhirtrial.matching.grades import UNKNOWN, YES, Answer, Graded, Ints, Rows, constant, exists, least
from fhirtrial.matching.identity import identified, standing
from fhirtrial.matching.reasons import Reason
from fhirtrial.matching.timing import measured
from fhirtrial.matching.view import View
from fhirtrial.patients.facts import Family, Kind, ValueKind


def finding(atom: Finding, view: View) -> Answer:
    """A report or result of the modality in the window whose coded conclusion is the finding.

    A report without it leaves the question open: what a reader did not code, he may have written.
    """
    span = view.span(atom)
    if span is None:
        return constant(view.patients, UNKNOWN, Reason.NO_ANCHOR)
    rows = view.rows(Kind.REPORT, Kind.OBSERVATION)
    rows = rows[view.states(atom.modality, rows) >= State.MENTIONED]
    grades = least(
        rows,
        identified(view.states(atom.modality, rows)),
        partial(standing, view),
        partial(measured, view, span),
        partial(_shown, view, atom.finding),
    )
    found = Rows(rows, view.at("patient", rows), grades)
    return exists(found, view.uncoded_absence("imaging", (Family.OBSERVATIONS,), span), assumed=span.assumed)


def _shown(view: View, asked: str, rows: Ints) -> Graded:
    seen = view.states(asked, rows, "value")
    told = [seen == State.COARSE, seen == State.MENTIONED]
    grade = np.where(seen == State.HIT, YES, UNKNOWN).astype(np.int8)
    return Graded(grade, lambda: np.select(told, [Reason.CODE_TOO_COARSE, Reason.UNCODED], Reason.NEEDS_HUMAN))


def data(atom: DataAvailability, view: View) -> Answer:
    """Whether any result or report of the concept stands in the window; a fully read record without one has none."""
    if atom.concept is None:
        return constant(view.patients, UNKNOWN, Reason.NEEDS_HUMAN)
    span = view.span(atom)
    if span is None:
        return constant(view.patients, UNKNOWN, Reason.NO_ANCHOR)
    rows = view.rows(Kind.OBSERVATION, Kind.REPORT)
    valued = view.at("kind", rows) == Kind.REPORT
    valued |= ~np.isin(view.at("value_kind", rows), (ValueKind.NONE, ValueKind.ABSENT))
    valued |= view.at("interpretation", rows) > 0
    states = view.states_of(atom, rows)
    rows, states = rows[valued & (states >= State.MENTIONED)], states[valued & (states >= State.MENTIONED)]
    grades = least(rows, identified(states), partial(standing, view), partial(measured, view, span))
    found = Rows(rows, view.at("patient", rows), grades)
    return exists(found, view.recorded((Family.OBSERVATIONS,), span), assumed=span.assumed)


def other(atom: OtherExperiencer, view: View) -> Answer:
    """A relative's condition from the family history; anyone else's state only a person knows."""
    if atom.condition is None:
        return constant(view.patients, UNKNOWN, Reason.NEEDS_HUMAN)
    if atom.who != "family":
        return constant(view.patients, UNKNOWN, Reason.NEEDS_HUMAN)
    span = calendar.until(view.on)
    rows = view.rows(Kind.RELATIVE)
    rows = rows[view.at("start_low", rows) <= view.today]
    states = view.states(atom.condition, rows)
    rows, states = rows[states >= State.MENTIONED], states[states >= State.MENTIONED]
    grades = least(rows, identified(states), partial(standing, view))
    found = Rows(rows, view.at("patient", rows), grades)
    return exists(found, view.uncoded_absence("family", (Family.FAMILY_HISTORY,), span), assumed=False)
