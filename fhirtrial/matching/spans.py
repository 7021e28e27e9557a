"""The days that an atom asks about at an index date: its own window, else what its kind means without one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

from fhirtrial.criteria.tree import (
    Atom,
    Change,
    Condition,
    DataAvailability,
    Finding,
    Measurement,
    Medication,
    Ordinal,
    Result,
)
from fhirtrial.matching import calendar
from fhirtrial.matching.calendar import Span
from fhirtrial.patients.facts import FLOOR
from fhirtrial.terminology import Concept
from fhirtrial.terminology.policy import Policy


def span_of(atom: Atom, on: dt.date, policy: Policy, concept: Callable[[str], Concept]) -> Span | None:
    """The atom's days; None where its window hangs on a date that only the trial knows."""
    if isinstance(atom, Medication) and uses_half_lives(atom):
        return ever(atom, on)
    window = getattr(atom, "window", None)
    if window is not None:
        return calendar.resolve(window, on)
    match atom:
        case Condition(when="active") | Medication(when="current"):
            return calendar.at(on)
        case Measurement() | Ordinal() | Result() | Change():
            return calendar.recent(on, policy.recency_days(concept(atom.concept)))
        case Finding():
            return calendar.recent(on, policy.recency_days(concept(atom.modality)))
        case DataAvailability(concept=str(name)):
            return calendar.recent(on, policy.recency_days(concept(name)))
        case _:
            return calendar.until(on)


def uses_half_lives(atom: Medication) -> bool:
    offsets = (atom.window.start, atom.window.end) if atom.window else ()
    return any(o is not None and o.unit == "half-life" for o in offsets)


def ever(atom: Medication, on: dt.date) -> Span | None:
    """What a window in half-lives may reach back to, whatever the drug; None without a usable anchor."""
    assert atom.window is not None  # noqa: S101 - only called for such windows
    found = calendar.resolve(atom.window, on, (0.0, 0.0))
    return None if found is None else replace(found, first_earliest=FLOOR)
