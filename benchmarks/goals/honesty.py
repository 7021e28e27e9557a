"""G9 to G11: what is called exact, against what annotators call queryable and what they marked."""

from __future__ import annotations

from collections.abc import Callable

from chia import DOMAINS, ENTITIES, NOT_QUERYABLE, Entity, Line
from goals.tally import Tally

from fhirtrial.criteria.check import is_question, share
from fhirtrial.criteria.lower import atoms
from fhirtrial.criteria.text.parse import Parsed
from fhirtrial.criteria.tree import Defect, NotComputable, Residue


def honesty(tally: Callable[[str], Tally], line: Line, parsed: Parsed) -> None:
    named = line.labelled(*ENTITIES)
    refused = line.labelled(*NOT_QUERYABLE)
    exact = share(parsed.tree) == "exact"
    if refused and not named:
        counts = tally("G9 not queryable, yet exact (R)")
        counts.gold += 1
        counts.kept += exact
        counts.wrong += [line.text] * exact
    if named and not refused:
        every = atoms(parsed.tree)
        tally("G10 queryable: exact (R)").expect(exact, line.text)
        has_atom = any(not isinstance(a, Residue | NotComputable | Defect) for a in every)
        tally("G10 queryable: with an atom (R)").expect(has_atom, line.text)
        tally("G10 … that records can answer (R)").expect(any(not is_question(a) for a in every), line.text)
    if exact and named:
        encoded = [
            f
            for f in parsed.found
            if (f.encoded and f.kind in {"concept", "compare"}) or (f.kind == "cue" and f.encoded)
        ]
        core = [e for e in named if e.label in DOMAINS or e.label == "Person"]
        held = all(any(e.overlaps(f.start, f.end) for f in parsed.found if f.encoded) or _trivial(e) for e in core)
        only = all(
            any(e.overlaps(f.start, f.end) for e in line.entities.values()) for f in encoded if f.kind == "concept"
        )
        tally("G11 exact is right (P)").claim(held and only, line.text)
        whole = all(any(e.overlaps(f.start, f.end) for f in parsed.found if f.encoded) for e in _meant(line))
        tally("G11 … values and times, too (P)").claim(held and only and whole, line.text)


def _meant(line: Line) -> list[Entity]:
    """Values and times that name a number; words for them ("previous", "normal") may be read with their entity."""
    return [e for e in line.labelled("Value", "Temporal") if any(c.isdigit() for c in e.text)]


def _trivial(entity: Entity) -> bool:
    return entity.label == "Person" or entity.text.lower() in {"patients", "subjects", "healthy"}
