"""G7 and G8: what is denied or excepted, and which names are alternatives."""

from __future__ import annotations

from itertools import combinations

from chia import ENTITIES, Entity, Line
from goals.tally import Tally

from fhirtrial.criteria.text.parse import Parsed


def negations(counts: Tally, line: Line, parsed: Parsed) -> None:
    gold = [e for e, _ in line.related("Has_negation") if e.label in ENTITIES]
    scopes = [e for e, _ in line.related("Has_negation") if e.label == "Scope"]
    # Who denies a treatment denies its drugs, and with a kind of thing what it subsumes: right, and no gold of its own.
    scopes += [b for name in ("Has_scope", "Subsumes") for a, b in line.related(name) if a in gold]
    for entity in gold:
        counts.gold += 1
        good = any(entity.overlaps(*s) for s in parsed.negated)
        counts.kept += good
        if not good:
            counts.missed.append(f"{entity.text!r} in {line.text!r}")
    for span in dict.fromkeys(parsed.negated):
        if not any(e.overlaps(*span) for e in line.labelled(*ENTITIES)):
            continue
        counts.made += 1
        good = any(e.overlaps(*span) for e in (*gold, *scopes))
        counts.hit += good
        if not good:
            counts.wrong.append(f"{line.text[slice(*span)]!r} in {line.text!r}")


def alternatives(counts: Tally, line: Line, parsed: Parsed) -> None:
    gold = [
        (line.entities[a], line.entities[b])
        for group in line.groups
        for a, b in combinations([m for m in group if m in line.entities and line.entities[m].label in ENTITIES], 2)
    ]
    # A group's members of other labels (a scope, a qualifier) are alternatives that this goal does not ask for: a pair
    # that meets them is neither right nor wrong, as is one that stands within one gold entity.
    beside = [
        pair
        for group in line.groups
        for pair in combinations([line.entities[m] for m in group if m in line.entities], 2)
    ]
    made = [pair for group in parsed.alternatives for pair in combinations(group, 2)]
    for pair in gold:
        a, b = pair
        counts.gold += 1
        good = any(_meet(pair, other) for other in made)
        counts.kept += good
        if not good:
            counts.missed.append(f"{a.text!r} | {b.text!r} in {line.text!r}")
    entities = line.labelled(*ENTITIES)
    for x, y in made:
        if not (any(e.overlaps(*x) for e in entities) and any(e.overlaps(*y) for e in entities)):
            continue
        good = any(_meet(pair, (x, y)) for pair in gold)
        met = [e for e in entities if e.overlaps(*x) or e.overlaps(*y)]
        if not good and (len(met) == 1 or any(_meet(pair, (x, y)) for pair in beside)):
            continue
        counts.made += 1
        counts.hit += good
        if not good:
            counts.wrong.append(f"{line.text[slice(*x)]!r} | {line.text[slice(*y)]!r} in {line.text!r}")


def _meet(pair: tuple[Entity, Entity], other: tuple[tuple[int, int], tuple[int, int]]) -> bool:
    """Whether each of the pair lies on one of the others, in either order."""
    (a, b), (x, y) = pair, other
    return (a.overlaps(*x) and b.overlaps(*y)) or (a.overlaps(*y) and b.overlaps(*x))
