"""When and how often a characteristic must hold, in R5's own elements: window, number of results, length of exposure.

A Range around an event counts before it as negative, as EBMonFHIR's examples do. What these elements cannot say, a
half-life or a window without any end, stays in the words alone.
"""

from __future__ import annotations

from fhirtrial.criteria.english import window_text
from fhirtrial.criteria.tree import Atom, Measurement, Medication, Offset, Window
from fhirtrial.criteria.wording import ANCHORS, plain
from fhirtrial.plugins import Resource
from fhirtrial.terminology.systems import URIS
from fhirtrial_mappings.artifacts.primitives import filled

# Units whose lengths are to each other as these numbers; a month has no fixed number of days.
_SCALES = ({"h": 1, "d": 24, "wk": 168}, {"mo": 1, "a": 12})


def timing(atom: Atom) -> Resource:
    """The elements of a characteristic that time the atom."""
    window: Window | None = getattr(atom, "window", None)
    event = _time_from_event(window) if window is not None else None
    return filled({"instancesRange": _instances(atom), "durationRange": _duration(atom), "timeFromEvent": event})


def timed_apart(atom: Atom) -> Atom:
    """The atom without a window that `timing` says."""
    return atom.model_copy(update={"window": None}) if "timeFromEvent" in timing(atom) else atom


def _time_from_event(window: Window) -> list[Resource] | None:
    """An anchor that the criterion does not state is no event."""
    span = _range(window.start, window.end)
    if not span:
        return None
    words = ANCHORS.get(window.anchor, plain(window.anchor))
    event = None if window.anchor == "unspecified" else {"text": words}
    return [filled({"description": window_text(window), "eventCodeableConcept": event, "range": span})]


def _range(start: Offset | None, end: Offset | None) -> Resource | None:
    """In one unit, so that its ends compare (rng-2); None for half-lives, and for months beside days."""
    given = [offset for offset in (start, end) if offset is not None]
    counted = {offset.unit for offset in given if offset.value} or {offset.unit for offset in given}
    scale = next((scale for scale in _SCALES if counted <= scale.keys()), None)
    if scale is None or not given:
        return None
    unit = min(counted, key=scale.__getitem__)
    ends = (None if o is None else o.value and o.value * scale[o.unit] / scale[unit] for o in (start, end))
    low, high = (None if value is None else _quantity(value, unit) for value in ends)
    return filled({"low": low, "high": high})


def _instances(atom: Atom) -> Resource | None:
    return {"low": {"value": atom.count}} if isinstance(atom, Measurement) and atom.count > 1 else None


def _duration(atom: Atom) -> Resource | None:
    needed = atom.min_duration if isinstance(atom, Medication) else None
    return None if needed is None or needed.unit == "half-life" else {"low": _quantity(needed.value, needed.unit)}


def _quantity(value: float, unit: str) -> Resource:
    return {"value": int(value) if value.is_integer() else value, "unit": unit, "system": URIS["ucum"], "code": unit}
