"""Two names with a stroke between them: a ratio ("PaO2/FiO2 < 200 mmHg") or two names ("ALT/AST > 3 x ULN").

It is a ratio where the word says so, or where the unit behind it fits the first alone: of alternatives it fits both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fhirtrial.criteria.text.lexemes import Bounds, Lexeme, Named
from fhirtrial.criteria.text.values import fits
from fhirtrial.terminology import Terminology


def with_ratios(lexemes: Sequence[Lexeme], terminology: Terminology) -> tuple[Lexeme, ...]:
    """The lexemes, each ratio as one name that knows what it is divided by."""
    if not any(x.text == "/" for x in lexemes):
        return tuple(lexemes)
    found: list[Lexeme] = []
    place = 0
    while place < len(lexemes):
        made = _ratio(lexemes[place : place + 5], terminology)
        if made is None:
            found.append(lexemes[place])
            place += 1
        else:
            found.append(made[0])
            place += made[1]
    return tuple(found)


def _ratio(run: Sequence[Lexeme], terminology: Terminology) -> tuple[Lexeme, int] | None:
    if len(run) < 4 or run[0].kind != "concept" or run[1].text != "/" or run[2].kind != "concept":
        return None
    over, under = run[0].value, run[2].value
    if not isinstance(over, Named) or not isinstance(under, Named):
        return None
    said = run[3].text == "ratio"
    value = run[4].value if said and len(run) > 4 else run[3].value
    first, second = (terminology.concept(n.concepts[0]) for n in (over, under))
    if first.kind != "lab" or second.kind != "lab" or not isinstance(value, Bounds):
        return None
    units = {b.unit for b in value.each}
    unit = next(iter(units)) if len(units) == 1 else None
    alone = unit is not None and fits(first, unit) and not fits(second, unit)
    if not (said or alone) or any(b.of != "absolute" for b in value.each):
        return None
    last = run[3] if said else run[2]
    text = f"{run[0].text}/{run[2].text}"
    return replace(run[0], end=last.end, text=text, value=replace(over, over=second.name)), 4 if said else 3
