"""Medications: some exposure to the drug or class with the asked route, indication, dose, length, at the asked time.

An order alone is presumed; administrations, dispenses and statements say that it was taken (docs/truth.md).
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from operator import attrgetter

import numpy as np

from fhirtrial.criteria.tree import Dose, Medication, Offset
from fhirtrial.matching import calendar
from fhirtrial.matching.atoms.ingredients import several, together
from fhirtrial.matching.codes import State
from fhirtrial.matching.dosing import daily_dose
from fhirtrial.matching.grades import (
    UNKNOWN,
    YES,
    Answer,
    Graded,
    Grades,
    Ints,
    Rows,
    constant,
    exists,
    graded,
    least,
)
from fhirtrial.matching.identity import denials, denied, identified, reasoned, standing
from fhirtrial.matching.reads import qualifiers
from fhirtrial.matching.reasons import Reason
from fhirtrial.matching.spans import ever, uses_half_lives
from fhirtrial.matching.timing import lasting, overlapped
from fhirtrial.matching.view import KINDS, View, distinct
from fhirtrial.patients.facts import CEIL, Course, Family, Kind
from fhirtrial.terminology import medicines
from fhirtrial.terminology.systems import URIS, canonical

ATC = URIS["atc"]
_ROUTE, _INDICATION, _MIN_DURATION, _OUTCOME = map(attrgetter, ("route", "indication", "min_duration", "outcome"))
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
    states = view.routed_states_of(atom, every)
    spoken = (states >= State.MENTIONED).nonzero()[0]
    rows = every[spoken]
    grades = least(
        rows,
        identified(states[spoken]),
        partial(standing, view),
        view.each(atom, _clock, partial(_time, view, span)),
        view.qualified(atom, qualifiers),
        view.each(atom, _ROUTE, partial(_route, view)),
        view.each(atom, _INDICATION, partial(reasoned, view)),
        view.each(atom, _MIN_DURATION, partial(_duration, view)),
        view.each(atom, _OUTCOME, _outcome),
    )
    whole = least(rows, grades, view.each(atom, _dosed, partial(_doses, view, rows, grades.grade)))
    found = Rows(rows, view.at("patient", rows), whole, partial(_worded, atom, view, rows))
    absence = view.absence("medication", atom, (Family.MEDICATIONS,), span)
    if atom.distinct > 1:
        answer = several(atom, view, found, absence, assumed=span.assumed)
    else:
        answer = exists(found, absence, assumed=span.assumed)
    now = every[view.which(atom, _now, every)]
    if len(now):
        answer = denied(view, answer, found, _not_taken(atom, view, now))
    return answer


def _now(atom: Medication) -> bool:
    return atom.when == "current" and atom.window is None


def _dosed(atom: Medication) -> tuple[Dose, str] | None:
    return None if atom.dose is None else (atom.dose, atom.concept)


def _doses(view: View, rows: Ints, other: Grades, asked: tuple[Dose, str], some: Ints) -> Graded:
    """Each exposure's dose against what is asked, also together with others; `other` grades `rows` apart from it."""
    doses, alone, _ = daily_dose(*asked, view, some)
    return together(*asked, view, some, other[np.searchsorted(rows, some)], doses, alone)


def _worded(atom: Medication, view: View, rows: Ints, i: int) -> str:
    """The words for the comparison of one exposure's dose."""
    one = rows[i : i + 1]
    words = [daily_dose(*asked, view, one)[2](0) for asked, _ in view.asking(atom, _dosed, one)]
    return words[0] if words else ""


def _clock(atom: Medication) -> Medication | str:
    """What its time is judged by: itself where its window is in half-lives, which are each drug's own."""
    return atom if uses_half_lives(atom) else atom.when


def _time(view: View, span: calendar.Span, clock: Medication | str, rows: Ints) -> Graded:
    """Whether the exposure's time overlaps the window.

    What is on hold, or over without saying since when, is not current; what is active is, and so was taken, also where
    nothing dates it.
    """
    if isinstance(clock, Medication):
        return _in_half_lives(clock, view, rows)
    found = lasting(view, span, rows)
    if clock == "current":
        course, end = view.at("course", rows), view.at("end_high", rows)
        not_now = (course == Course.PAUSED) | ((course == Course.OVER) & (end == CEIL))
        return Graded(found.grade * ~not_now, found.why)
    return found


def _in_half_lives(atom: Medication, view: View, rows: Ints) -> Graded:
    """A window in half-lives is each drug's own: by the half-life of the ingredient that the fact's code names."""
    assert atom.window is not None  # noqa: S101 - only called for such windows
    whole = ever(atom, view.on)
    assert whole is not None  # noqa: S101 - asked before
    # without a half-life: what is taken at the window's end is inside, what began after it is not
    unknown = lasting(view, replace(whole, first_latest=whole.last_earliest), rows)
    grade, reasons = unknown.grade, np.full(len(rows), Reason.CONCEPT_INCOMPLETE, np.uint32)
    for member in view.terminology.members(atom.concept):
        half_life = medicines.half_life_hours(member)
        if half_life is None:
            continue
        mine = (view.states(member, rows) >= State.MENTIONED).nonzero()[0]
        if not len(mine):
            continue
        span = calendar.resolve(atom.window, view.on, half_life)
        assert span is not None  # noqa: S101 - the anchor was asked before
        timed = lasting(view, span, rows[mine])
        grade[mine], reasons[mine] = timed.grade, Reason.UNDATED
    return Graded(grade, lambda: reasons)


def _route(view: View, asked: str, rows: Ints) -> Graded:
    """By the recorded route, else by the product's; an injection of unstated kind leaves a vein open."""
    fits = WITHIN.get(asked, frozenset({asked}))
    routes, codes = view.at("route", rows), view.at("code", rows)
    yes, no = np.zeros(len(rows), bool), np.zeros(len(rows), bool)
    for route in distinct(routes).tolist():
        places = (routes == route).nonzero()[0]
        some = codes[places]
        inside, outside = np.zeros((2, len(view.facts.vocabulary.codes.values)), bool)
        for code in distinct(some).tolist():
            groups = _routes(view, route, code)
            inside[code] = bool(groups) and groups <= fits
            apart = not groups & fits and VAGUE.get(asked) not in groups and "systemic" not in groups
            outside[code] = bool(groups) and apart and not inside[code]
        yes[places], no[places] = inside[some], outside[some]
    return graded(yes, no, Reason.ABSENT)


def _routes(view: View, route: int, code: int) -> frozenset[str]:
    recorded = view.route(route)
    if recorded:
        return frozenset({recorded})
    codes = view.facts.vocabulary.codes.values[code]
    products = (medicines.product(code) for _, code in codes.codings)
    forms = {p.route for p in products if p is not None and p.route}
    atc = {medicines.atc_route(code) for system, code in codes.codings if canonical(system) == ATC}
    return frozenset(forms | atc)


def _duration(view: View, needed: Offset, rows: Ints) -> Graded:
    """Whether one exposure lasted so long by the index date, counted in calendar units from its start."""
    start_low, start_high, end_low, end_high = (
        view.at(name, rows) for name in ("start_low", "start_high", "end_low", "end_high")
    )
    first, last = (calendar.shifted(days, needed) for days in (start_low, start_high))
    if first is None or last is None:
        nothing = np.zeros(len(rows), bool)
        return graded(nothing, nothing, Reason.UNDATED)
    yes = (start_high < CEIL) & (np.minimum(end_low, view.today) >= last)
    no = (abs(start_low) < CEIL) & (np.minimum(end_high, view.today) < first)
    return graded(yes, no, Reason.UNDATED)


def _outcome(_: str, rows: Ints) -> Graded:
    """FHIR has no coded place that says a drug failed; a reason for stopping is shown, a person decides."""
    nothing = np.zeros(len(rows), bool)
    return graded(nothing, nothing, Reason.NEEDS_HUMAN)


def _not_taken(atom: Medication, view: View, rows: Ints) -> Rows:
    """Statements that the drug is not being taken at the index date."""
    index = denials(view, rows[view.at("kind", rows) == Kind.STATEMENT], atom, refuted=True).index
    timed = overlapped(view, calendar.at(view.on), index).grade
    index = index[timed == YES]
    return Rows.certain(index, view.at("patient", index), YES)
