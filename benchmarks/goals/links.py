"""G4 and G5: a value on its measurement, a window on what it times, end to end."""

from __future__ import annotations

import re

from chia import ENTITIES, Entity, Line
from goals.comparisons import bounds_of
from goals.spans import PLAIN_TIME
from goals.tally import Tally

from fhirtrial.criteria.text.lexemes import Bounds, Timed
from fhirtrial.criteria.text.parse import Finding, Parsed
from fhirtrial.criteria.text.quantities import read_value

_DAYS = {"h": 1 / 24, "d": 1.0, "wk": 7.0, "mo": 30.0, "a": 365.0}


def end_to_end(counts: Tally, line: Line, parsed: Parsed) -> None:
    gold = []
    for analyte, value in line.related("Has_value"):
        bounds = read_value(value.text)
        if (
            analyte.label == "Measurement"
            and bounds
            and not any(b.lost for b in bounds)
            and re.search(r"\d", value.text)
        ):
            gold.append((analyte, value, {(b.op, b.value, b.unit, b.of) for b in bounds}))
    links = [(link, finding_at(parsed, link.other)) for link in parsed.values]
    persons = line.labelled("Person")
    for analyte, value, truth in gold:
        counts.gold += 1
        good = any(
            analyte.overlaps(*k.name) and value.overlaps(*k.other) and f is not None and _told(f) & truth
            for k, f in links
        )
        counts.kept += good
        if not good:
            counts.missed.append(f"{analyte.text!r} {value.text!r} in {line.text!r}")
    values = line.labelled("Value")
    measured = [v for a, v in line.related("Has_value") if a.label == "Measurement"]
    for link, finding in links:
        touched = [v for v in values if v.overlaps(*link.other)]
        if (
            finding is None
            or not touched
            or any(p.overlaps(*link.name) for p in persons)
            or not any(v in measured for v in touched)
        ):
            continue
        if isinstance(finding.value, Bounds) and any(b.lost for b in finding.value.each):
            continue
        counts.made += 1
        good = any(a.overlaps(*link.name) and v.overlaps(*link.other) for a, v in line.related("Has_value"))
        counts.hit += good
        if not good:
            counts.wrong.append(f"{line.text[slice(*link.name)]!r} {line.text[slice(*link.other)]!r} in {line.text!r}")


def _told(finding: Finding) -> set[tuple[str, float, str | None, str]]:
    return {(b.op, b.value, b.unit, b.of) for b in bounds_of(finding)}


def finding_at(parsed: Parsed, place: tuple[int, int]) -> Finding | None:
    return next((f for f in parsed.found if (f.start, f.end) == place), None)


def windows(counts: Tally, line: Line, parsed: Parsed) -> None:
    gold = []
    for entity, when in line.related("Has_temporal"):
        plain = PLAIN_TIME.search(when.text)
        if plain is not None and re.search(
            r"within|last|past|previous|prior|preceding|before|in the", when.text, re.IGNORECASE
        ):
            unit = {"year": 365.0, "month": 30.0, "week": 7.0, "day": 1.0, "hour": 1 / 24}[plain["u"].lower()]
            gold.append((entity, when, float(plain["n"]) * unit))
    links = [(k, finding_at(parsed, k.other)) for k in parsed.windows]
    for entity, when, days in gold:
        if entity.label not in ENTITIES:
            continue
        counts.gold += 1
        good = any(
            entity.overlaps(*k.name) and when.overlaps(*k.other) and f is not None and _days(f) == days
            for k, f in links
        )
        counts.kept += good
        if not good:
            counts.missed.append(f"{entity.text!r} {when.text!r} in {line.text!r}")
    temporal = line.related("Has_temporal")
    for link, finding in links:
        touched = [(e, t) for e, t in temporal if t.overlaps(*link.other)]
        if finding is None or _days(finding) is None or not touched:
            continue
        good = any(e.overlaps(*link.name) for e, _ in touched)
        named = [e for e in line.entities.values() if e.label in ENTITIES and e.overlaps(*link.name)]
        # What annotators call no entity has no right attachment, and of a list they often time the last member only.
        if not good and (not named or _listed_with(line, named, [e for e, _ in touched])):
            continue
        counts.made += 1
        counts.hit += good
        if not good:
            counts.wrong.append(f"{line.text[slice(*link.name)]!r} {line.text[slice(*link.other)]!r} in {line.text!r}")


def _listed_with(line: Line, named: list[Entity], timed: list[Entity]) -> bool:
    """Whether annotators list one of these as an alternative of an entity that they gave the window."""
    return any({e.id for e in named} & set(group) and {e.id for e in timed} & set(group) for group in line.groups)


def _days(finding: Finding) -> float | None:
    if not isinstance(finding.value, Timed):
        return None
    window = finding.value.window
    offset = window.start if window.start is not None and window.start.value else window.end
    if offset is None or offset.unit not in _DAYS or not offset.value:
        return None
    return abs(offset.value) * _DAYS[offset.unit]
