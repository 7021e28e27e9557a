"""Unit conversion as branches over the units that are written, from terminology's table; no engine converts a unit."""

from __future__ import annotations

from collections import defaultdict

from fhirtrial.expressions.fhirpath.words import EMPTY, listed, number
from fhirtrial.terminology import Terminology, units
from fhirtrial.terminology.systems import URIS
from fhirtrial.terminology.tables import rows

# Beyond these a value in one unit is no plausible value in the other.
_SMALLEST, _LARGEST = 1e-9, 1e12


def converted(value: str, unit: str, concept: str, to: str, terminology: Terminology) -> str:
    """The value at path `value`, whose unit is the text `unit`, in the unit `to`; {} for a unit that cannot be."""
    found: defaultdict[tuple[float, float], set[str]] = defaultdict(set)
    molar_mass = terminology.concept(concept).molar_mass
    for written in (*(row[0] for row in rows("units.tsv")), *units.aliases()):
        line = units.line(written, to, molar_mass)
        if line is not None and _SMALLEST <= line[0] <= _LARGEST:
            found[line].add(written)
    if units.normalize(to) == "1":
        found[1.0, 0.0].add("")  # a scale that has no unit
    branches = [f"iif({_is(unit, words)}, {_scaled(value, *line)})" for line, words in sorted(found.items())]
    return "(" + " | ".join(branches) + ")" if branches else EMPTY


def unit_of(quantity: str) -> str:
    """The UCUM code, else the unit in words, else nothing."""
    system, code, unit = (f"{quantity}.{part}" for part in ("system", "code", "unit"))
    ucum = f"{system}.empty() or {system} in ('' | '{URIS['ucum']}') or {unit}.empty()"
    return f"iif({code}.exists() and ({ucum}), {code}.toString(), iif({unit}.exists(), {unit}.toString(), ''))"


def bare(unit: str) -> str:
    """Without annotations: "mL/min/{1.73_m2}" is mL/min, "{score}" is 1."""
    kept = f"{unit}.replaceMatches('[{{][^{{}}]*[}}]', '')"
    slash = f"iif({kept}.endsWith('/'), {kept}.substring(0, {kept}.length() - 1), {kept})"
    return f"iif({unit} = '', '', iif({kept} = '', '1', {slash}))"


def _is(unit: str, words: set[str]) -> str:
    known = listed(words)
    return f"{known}.contains('|' & {unit} & '|') or {known}.contains('|' & {unit}Bare & '|')"


def _scaled(value: str, factor: float, offset: float) -> str:
    times = (
        value if factor == 1 else f"{value} * {number(factor)}" if factor >= 1e-3 else f"{value} / {number(1 / factor)}"
    )
    return f"({times})" if offset == 0 else f"({times} + {number(offset)})"
