"""Medications: some exposure to the drug or class with the asked route, indication, dose, length, at the asked time.

An order alone is presumed; administrations, dispenses and statements say that it was taken (docs/truth.md).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fhirtrial.criteria.tree import Medication
from fhirtrial.matching import calendar
from fhirtrial.matching.atoms.ingredients import distinct, together
from fhirtrial.matching.codes import State
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
from fhirtrial.matching.identity import denials, first_days, identified, reasoned, standing
from fhirtrial.matching.reasons import Reason
from fhirtrial.matching.spans import ever, uses_half_lives
from fhirtrial.matching.timing import Graded, graded, lasting, overlapped
from fhirtrial.matching.view import KINDS, View
from fhirtrial.patients.facts import CEIL, Course, Family, Kind
from fhirtrial.terminology import medicines
from fhirtrial.terminology.systems import URIS, canonical

ATC = URIS["atc"]
SYSTEMIC = frozenset({"oral", "injection", "intravenous", "subcutaneous", "intramuscular", "systemic"})
WITHIN = {
    "systemic": SYSTEMIC,
    "intravenous": frozenset({"intravenous"}),
    "subcutaneous": frozenset({"subcutaneous"}),
    "intramuscular": frozenset({"intramuscular"}),
}
VAGUE = {"intravenous": "injection", "subcutaneous": "injection", "intramuscular": "injection"}


def medication(atom: Medication, view: View) -> Answer:
    span = view.span(atom)
    if span is None:
        return constant(view.patients, UNKNOWN, Reason.NO_ANCHOR)
    every = view.rows(*KINDS[Family.MEDICATIONS])
    states = view.routed_states(atom.concept, every)
    rows, states = every[states >= State.MENTIONED], states[states >= State.MENTIONED]
    time = _in_half_lives(atom, view, rows) if uses_half_lives(atom) else _time(atom, view, rows, span)
    parts = [identified(states), standing(view, rows), time]
    parts += view.qualified(rows, atom.also, atom.unless)
    compared: NDArray[np.str_] | None = None
    if atom.route:
        parts.append(_route(view, rows, atom.route))
    if atom.indication:
        parts.append(reasoned(view, rows, atom.indication))
    if atom.min_duration:
        parts.append(_duration(atom, view, rows))
    if atom.outcome:
        # FHIR has no coded place that says a drug failed; a reason for stopping is shown, a person decides
        nothing = np.zeros(len(rows), bool)
        parts.append(graded(nothing, nothing, Reason.NEEDS_HUMAN))
    if atom.dose:
        doses, alone, compared = daily_dose(atom.dose, atom.concept, view, rows)
        parts.append(together(atom, view, rows, least(*parts)[0], doses, alone))
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
    if atom.distinct > 1:
        answer = distinct(atom, view, found, absence, assumed=span.assumed)
    else:
        answer = exists(found, absence, assumed=span.assumed)
    if atom.when == "current" and atom.window is None:
        denial = _not_taken(atom, view, every)
        answer = denied(answer, denial, first_days(view, found), first_days(view, denial, latest=True))
    return answer


def _time(atom: Medication, view: View, rows: Ints, span: calendar.Span) -> Graded:
    """Whether the exposure's time overlaps the window.

    What is on hold, or over without saying since when, is not current; what is active is, and so was taken, also where
    nothing dates it.
    """
    grade, reasons = lasting(view, rows, span)
    if atom.when == "current":
        course, end = view.column("course")[rows], view.column("end_high")[rows]
        not_now = (course == Course.PAUSED) | ((course == Course.OVER) & (end == CEIL))
        grade = np.where(not_now, NO, grade).astype(np.int8)
    return grade, np.where(grade == UNKNOWN, reasons, 0).astype(np.uint32)


def _in_half_lives(atom: Medication, view: View, rows: Ints) -> Graded:
    """A window in half-lives is each drug's own: by the half-life of the ingredient that the fact's code names."""
    assert atom.window is not None  # noqa: S101 - only called for such windows
    whole = ever(atom, view.on)
    assert whole is not None  # noqa: S101 - asked before
    # without a half-life: what is taken at the window's end is inside, what began after it is not
    grade, reasons = lasting(view, rows, replace(whole, first_latest=whole.last_earliest))
    reasons = np.where(grade == UNKNOWN, Reason.CONCEPT_INCOMPLETE, 0).astype(np.uint32)
    for member in view.terminology.members(atom.concept):
        half_life = medicines.half_life_hours(member)
        if half_life is None:
            continue
        mine = view.states(member)[rows] >= State.MENTIONED
        span = calendar.resolve(atom.window, view.on, half_life)
        assert span is not None  # noqa: S101 - the anchor was asked before
        timed, why = lasting(view, rows, span)
        grade[mine], reasons[mine] = timed[mine], why[mine]
    return grade, np.where(grade == UNKNOWN, reasons, 0).astype(np.uint32)


def _route(view: View, rows: Ints, asked: str) -> Graded:
    """By the recorded route, else by the product's; an injection of unstated kind leaves a vein open."""
    fits = WITHIN.get(asked, frozenset({asked}))
    pairs = list(zip(view.column("route")[rows].tolist(), view.column("code")[rows].tolist(), strict=True))
    told = {}
    for pair in set(pairs):
        groups = _routes(view, *pair)
        yes = bool(groups) and groups <= fits
        apart = not groups & fits and VAGUE.get(asked) not in groups and "systemic" not in groups
        told[pair] = yes, bool(groups) and apart and not yes
    found = np.array([told[pair] for pair in pairs], bool).reshape(-1, 2)
    return graded(found[:, 0], found[:, 1], Reason.ABSENT)


def _routes(view: View, route: int, code: int) -> frozenset[str]:
    recorded = view.route(route)
    if recorded:
        return frozenset({recorded})
    codes = view.facts.vocabulary.codes.values[code]
    products = (medicines.product(code) for _, code in codes.codings)
    forms = {p.route for p in products if p is not None and p.route}
    atc = {medicines.atc_route(code) for system, code in codes.codings if canonical(system) == ATC}
    return frozenset(forms | atc)


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
    index = denials(view, rows[view.column("kind")[rows] == Kind.STATEMENT], atom.concept, refuted=True).index
    timed, _ = overlapped(view, index, calendar.at(view.on))
    index = index[timed == YES]
    return Rows(index, view.column("patient")[index], np.full(len(index), YES), np.zeros(len(index), np.uint32))
