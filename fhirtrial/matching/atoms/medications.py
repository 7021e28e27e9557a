"""Medications: some exposure to the drug or class with the asked route, indication, dose, length, at the asked time.

An order alone is presumed; administrations, dispenses and statements say that it was taken (DESIGN §4).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fhirtrial.criteria.tree import Medication
from fhirtrial.matching import calendar
from fhirtrial.matching.dosing import daily_dose
from fhirtrial.matching.grades import (
    NO,
    UNKNOWN,
    YES,
    Answer,
    Ints,
    Rows,
    constant,
    denied,
    exists,
    least,
)
from fhirtrial.matching.identity import first_days, identified, not_one_of, one_of, standing
from fhirtrial.matching.reasons import Reason
from fhirtrial.matching.timing import Graded, graded, overlapped
from fhirtrial.matching.view import KINDS, State, View
from fhirtrial.patients.facts import CEIL, Course, Family, Kind, Standing
from fhirtrial.terminology import medicines

SYSTEMIC = frozenset({"oral", "injection", "intravenous", "subcutaneous", "intramuscular", "systemic"})
WITHIN = {
    "systemic": SYSTEMIC,
    "intravenous": frozenset({"intravenous"}),
    "subcutaneous": frozenset({"subcutaneous"}),
    "intramuscular": frozenset({"intramuscular"}),
}
VAGUE = {"intravenous": "injection", "subcutaneous": "injection", "intramuscular": "injection"}


def medication(atom: Medication, view: View) -> Answer:
    default = calendar.at(view.on) if atom.when == "current" else calendar.until(view.on)
    half_lives = _uses_half_lives(atom)
    span = default if half_lives else view.span(atom.window, default)
    if span is None:
        return constant(view.patients, UNKNOWN, Reason.NO_ANCHOR)
    every = view.rows(*KINDS[Family.MEDICATIONS])
    states = view.routed_states(atom.concept, every)
    rows, states = every[states >= State.MENTIONED], states[states >= State.MENTIONED]
    time = _in_half_lives(atom, view, rows) if half_lives else _time(atom, view, rows, span)
    parts = [identified(states), standing(view, rows), time]
    parts += [one_of(view, rows, name) for name in atom.also]
    parts += [not_one_of(view, rows, name) for name in atom.unless]
    compared: NDArray[np.str_] | None = None
    if atom.route:
        parts.append(_route(view, rows, atom.route))
    if atom.indication:
        parts.append(_indication(view, rows, atom.indication))
    if atom.min_duration:
        parts.append(_duration(atom, view, rows))
    if atom.dose:
        (grade, reasons), compared = daily_dose(atom.dose, atom.concept, view, rows)
        parts.append((grade, reasons))
    if atom.outcome:
        # FHIR has no coded place that says a drug failed; a reason for stopping is shown, a person decides
        nothing = np.zeros(len(rows), bool)
        parts.append(graded(nothing, nothing, Reason.NEEDS_HUMAN))
    grade, reasons = least(*parts)
    words = compared
    found = Rows(
        rows,
        view.column("patient")[rows],
        grade,
        reasons,
        (lambda _: "") if words is None else (lambda i: str(words[i])),
    )
    absence = view.absence("medication", atom.concept, (Family.MEDICATIONS,), span)
    answer = exists(found, absence, assumed=span.assumed)
    if atom.when == "current" and atom.window is None:
        denial = _not_taken(atom, view, every)
        answer = denied(answer, denial, first_days(view, found), first_days(view, denial, latest=True))
    return answer


def _uses_half_lives(atom: Medication) -> bool:
    offsets = (atom.window.start, atom.window.end) if atom.window else ()
    return any(o is not None and o.unit == "half-life" for o in offsets)


def _time(atom: Medication, view: View, rows: Ints, span: calendar.Span) -> Graded:
    """Whether the exposure's time overlaps the window; what is on hold is not current."""
    grade, reasons = overlapped(view, rows, span)
    if atom.when == "current":
        paused = view.column("course")[rows] == Course.PAUSED
        grade = np.where(paused, NO, grade).astype(np.int8)
    return grade, np.where(grade == UNKNOWN, reasons, 0).astype(np.uint32)


def _in_half_lives(atom: Medication, view: View, rows: Ints) -> Graded:
    """A window in half-lives is each drug's own: by the half-life of the ingredient that the fact's code names."""
    assert atom.window is not None  # noqa: S101 - only called for such windows
    grade = np.full(len(rows), UNKNOWN, np.int8)
    reasons = np.full(len(rows), Reason.CONCEPT_INCOMPLETE, np.uint32)
    for member in view.terminology.members(atom.concept):
        half_life = medicines.half_life_hours(member)
        if half_life is None:
            continue
        mine = np.isin(view.states(member)[rows], (State.HIT,))
        span = calendar.resolve(atom.window, view.on, half_life)
        if span is None:
            reasons[mine] = Reason.NO_ANCHOR
            continue
        timed, why = overlapped(view, rows, span)
        grade[mine], reasons[mine] = timed[mine], why[mine]
    return grade, np.where(grade == UNKNOWN, reasons, 0).astype(np.uint32)


def _route(view: View, rows: Ints, asked: str) -> Graded:
    """By the recorded route, else by the product's; an injection of unstated kind leaves a vein open."""
    fits = WITHIN.get(asked, frozenset({asked}))
    yes, no = np.zeros(len(rows), bool), np.zeros(len(rows), bool)
    for i, row in enumerate(rows.tolist()):
        groups = _routes(view, row)
        if groups:
            yes[i] = groups <= fits
            no[i] = not groups & fits and VAGUE.get(asked) not in groups and "systemic" not in groups
    return graded(yes, no & ~yes, Reason.ABSENT)


def _routes(view: View, row: int) -> frozenset[str]:
    recorded = view.route(int(view.column("route")[row]))
    if recorded:
        return frozenset({recorded})
    codes = view.facts.vocabulary.codes.values[view.column("code")[row]]
    products = (medicines.product(code) for _, code in codes.codings)
    return frozenset(p.route for p in products if p is not None and p.route)


def _indication(view: View, rows: Ints, concept: str) -> Graded:
    """By the recorded reason: the concept's, another's, or none recorded, which leaves it open."""
    states = view.states(concept, "reason")[rows]
    stated = view.column("reason")[rows] > 0
    return graded(states >= State.HISTORY, stated & (states == State.NONE), Reason.ABSENT)


def _duration(atom: Medication, view: View, rows: Ints) -> Graded:
    """Whether one exposure lasted so long by the index date, counted in calendar units from its start."""
    assert atom.min_duration is not None  # noqa: S101 - only called with one
    needed = atom.min_duration
    today = view.today
    cells = zip(
        *(view.column(c)[rows].tolist() for c in ("start_low", "start_high", "end_low", "end_high")), strict=True
    )
    yes, no = np.zeros(len(rows), bool), np.zeros(len(rows), bool)
    for i, (start_low, start_high, end_low, end_high) in enumerate(cells):
        if start_high < CEIL:
            due = calendar.shift(calendar.date(start_high), needed)
            yes[i] = due is not None and min(end_low, today) >= due
        if abs(start_low) < CEIL:
            due = calendar.shift(calendar.date(start_low), needed)
            no[i] = due is not None and min(end_high, today) < due
    return graded(yes, no, Reason.UNDATED)


def _not_taken(atom: Medication, view: View, rows: Ints) -> Rows:
    """Statements that the drug is not being taken at the index date."""
    kind, standing_ = view.column("kind")[rows], view.column("standing")[rows]
    mine = (kind == Kind.STATEMENT) & (standing_ == Standing.DENIED) & (view.states(atom.concept)[rows] == State.HIT)
    index = rows[mine]
    timed, _ = overlapped(view, index, calendar.at(view.on))
    index = index[timed == YES]
    return Rows(index, view.column("patient")[index], np.full(len(index), YES), np.zeros(len(index), np.uint32))
