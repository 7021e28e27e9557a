"""When will it change: the day on which each verdict next changes by time alone, the record staying as it is.

A truth depends on the index date only where one of its edges (a window's ends, a recency, a birthday) passes a day of
the record. So the days on which anything can change are found first, by arithmetic, and only those are evaluated: never
later than the true change, and exact within the horizon.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fhirtrial.criteria.tree import Age, Atom, Medication, Offset
from fhirtrial.matching import calendar
from fhirtrial.matching.atoms.demographics import bounds_of
from fhirtrial.matching.calendar import Span
from fhirtrial.matching.dosing import WEIGHT
from fhirtrial.matching.grades import Ints
from fhirtrial.matching.lanes import rows_of
from fhirtrial.matching.reads import Read, reads
from fhirtrial.matching.spans import span_of, uses_half_lives
from fhirtrial.matching.view import View
from fhirtrial.patients.facts import CEIL, FLOOR, Facts
from fhirtrial.terminology import medicines

if TYPE_CHECKING:
    from fhirtrial.matching.match import Run

HORIZON = 366
"""Days that are looked ahead; a nightly job looks again before they are over."""
LONGEST_PREGNANCY = 300
_DATES = ("start_low", "start_high", "end_low", "end_high", "recorded")


def next_changes(run: Run, facts: Facts, horizon: int = HORIZON) -> list[list[dt.date | None]]:
    """[patient][trial]: the first day after the index date with another verdict; None: none within the horizon."""
    before = run.screen(facts).table
    found: list[list[dt.date | None]] = [[None] * len(run.trials) for _ in facts.patients]
    pending = np.ones(before.shape, bool)
    possible = days_of_change(run, facts, horizon)
    for ahead in range(1, horizon + 1):
        who = np.flatnonzero(possible[ahead] & pending.any(axis=0))
        if not len(who):
            continue
        day = run.on + dt.timedelta(days=ahead)
        after = run.on_day(day).screen(some(facts, who)).table
        changed = pending[:, who] & (after != before[:, who])
        for trial, place in zip(*(axis.tolist() for axis in np.nonzero(changed)), strict=True):
            found[int(who[place])][trial] = day
        pending[:, who] &= ~changed
    return found


def days_of_change(run: Run, facts: Facts, horizon: int) -> NDArray[np.bool_]:
    """[days ahead × patients]: where some atom can change; on every other day none does."""
    view = run.view(facts)
    possible = np.zeros((horizon + 2, view.patients), bool)
    days = [run.on + dt.timedelta(days=ahead) for ahead in range(horizon + 2)]
    everyone = np.arange(view.patients)
    asked: dict[tuple[tuple[Read, ...], object], Atom] = {}
    for atom, *_ in run.network.atoms:
        if isinstance(atom, Age):
            _birthdays(atom, view, days, possible)
        elif reads(atom):
            asked.setdefault((reads(atom), _clock(atom)), atom)
    everywhere = [(view.column(name), view.column("patient")) for name in _DATES]
    known = [(day, everyone) for day in (view.births, view.last_births, *view.since)]
    _mark(possible, _edge(days, 0), [*everywhere, *known])
    for (reading, _), atom in asked.items():
        rows = rows_of(view, reading)
        dates = [(view.at(name, rows), view.at("patient", rows)) for name in _DATES]
        for edge in _edges(atom, run, days):
            _mark(possible, edge, [*dates, *known])
        if isinstance(atom, Medication) and atom.min_duration is not None:
            for days_from, patient in dates:
                _lengths(atom.min_duration, days_from, patient, run.on, possible)
    _reference_ages(view, possible)
    return possible[: horizon + 1]


def some(facts: Facts, who: Ints) -> Facts:
    """The chunk of these patients alone."""
    number = np.full(len(facts.patients), -1)
    number[who] = np.arange(len(who))
    patient = number[facts.columns["patient"]]
    columns = {name: column[patient >= 0] for name, column in facts.columns.items()}
    columns["patient"] = patient[patient >= 0].astype(facts.columns["patient"].dtype)
    return Facts(tuple(facts.patients[i] for i in who.tolist()), columns, facts.vocabulary)


def _clock(atom: Atom) -> object:
    """What moves an atom's edges with time, beside its concept's recency."""
    return type(atom), *(getattr(atom, name, None) for name in ("window", "when", "min_duration", "dose"))


def _edges(atom: Atom, run: Run, days: list[dt.date]) -> Iterator[Ints]:
    """Each edge of the atom's days, at every index date ahead."""
    spans = [span_of(atom, day, run.policy, run.terminology.concept) for day in days]
    yield from _ends(spans)
    if isinstance(atom, Medication) and uses_half_lives(atom):
        assert atom.window is not None  # noqa: S101 - only such windows have half-lives
        for member in run.terminology.members(atom.concept):
            half_life = medicines.half_life_hours(member)
            if half_life is not None:
                yield from _ends([calendar.resolve(atom.window, day, half_life) for day in days])
    if isinstance(atom, Medication) and atom.dose is not None:
        recency = run.policy.recency_days(run.terminology.concept(WEIGHT))
        yield from () if recency is None else (_edge(days, recency),)
    if atom.kind == "reproductive":
        yield _edge(days, LONGEST_PREGNANCY)
        recency = run.policy.recency_days(run.terminology.concept("hcg-pregnancy-test"))
        yield from () if recency is None else (_edge(days, recency),)


def _ends(spans: list[Span | None]) -> Iterator[Ints]:
    known = [span for span in spans if span is not None]
    if len(known) < len(spans):
        return
    for name in ("first_earliest", "first_latest", "last_earliest", "last_latest"):
        yield np.array([getattr(span, name) for span in known], np.int64)


def _edge(days: list[dt.date], back: int) -> Ints:
    return np.array([calendar.day(day) - back for day in days], np.int64)


def _mark(possible: NDArray[np.bool_], edge: Ints, dates: list[tuple[Ints, Ints]]) -> None:
    """The days on which the edge reaches a date, and on which it first lies behind it."""
    for date, patient in dates:
        for reached in (date, date.astype(np.int64) + 1):
            ahead = np.searchsorted(edge, reached)
            inside = (ahead > 0) & (ahead < len(possible))
            possible[ahead[inside], patient[inside]] = True


def _birthdays(atom: Age, view: View, days: list[dt.date], possible: NDArray[np.bool_]) -> None:
    """The days on which an age comes inside its bounds or leaves them, by the first or last possible birth."""
    bounds = bounds_of(atom.unit, [atom])
    for births in (view.births, view.last_births):
        known = (births > FLOOR) & (births < CEIL)
        inside = [bounds.holds(calendar.completed(atom.unit, np.where(known, births, 0), day))[0] for day in days]
        flips = np.diff(np.array(inside), axis=0) & known
        possible[1:] |= flips


def _lengths(length: Offset, dates: Ints, patient: Ints, on: dt.date, possible: NDArray[np.bool_]) -> None:
    """The days on which what began on a date has lasted so long."""
    today = calendar.day(on)
    for began, who in set(zip(dates.tolist(), patient.tolist(), strict=True)):
        due = calendar.shift(calendar.date(began), length) if FLOOR < began < CEIL else None
        if due is not None and 0 < due - today < len(possible):
            possible[due - today, who] = True


def _reference_ages(view: View, possible: NDArray[np.bool_]) -> None:
    """The days on which a patient comes into a reference range for an age, or out of it."""
    ages = {age for ranges in view.facts.vocabulary.ranges.values for r in ranges for age in (r.age_low, r.age_high)}
    for years in ages - {None}:
        for births in (view.births, view.last_births):
            for past in (0, 1):
                ahead = births + math.floor((years or 0) * 365.25) + past - view.today
                inside = (births > FLOOR) & (ahead > 0) & (ahead < len(possible))
                possible[ahead[inside], np.flatnonzero(inside)] = True
