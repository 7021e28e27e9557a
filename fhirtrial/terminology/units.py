"""Unit conversion from a table of factors; what the table does not hold is not convertible, and never guessed.

The alias table is applied first: `K/uL` is valid UCUM and means kelvin, but laboratories mean thousands.
"""

from __future__ import annotations

import csv
import math
import re
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

from fhirtrial.terminology.tables import rows

_DIGITS = 12
DECIMALS, TINY = 8, 1e-4
"""Of numbers that are compared: decimals, and the size below which they do not bound a number."""
_ANNOTATION = re.compile(r"\{[^{}]*\}")
_MASS, _AMOUNT = "[mass]", "[substance]"


@dataclass(frozen=True, slots=True)
class Unit:
    """A quantity q in this unit is q · factor + offset in the base unit of its dimension."""

    dimension: str
    factor: float
    offset: float


@cache
def _table() -> dict[str, Unit]:
    return {
        unit: Unit(dimension, float(factor), float(offset)) for unit, dimension, factor, offset in rows("units.tsv")
    }


@cache
def aliases() -> dict[str, str]:
    text = (files("fhirtrial.terminology") / "data" / "units_alias.csv").read_text(encoding="utf-8")
    return {row["alias"]: row["ucum"] for row in csv.DictReader(text.splitlines())}


@lru_cache(maxsize=4096)
def normalize(unit: str) -> str:
    """The UCUM unit that a sender's unit stands for, annotations left out; an unknown unit comes back as it was."""
    unit = " ".join(unit.split())
    if unit in aliases():
        return aliases()[unit]
    bare = _ANNOTATION.sub("", unit) or ("1" if unit else "")
    bare = aliases().get(bare, bare)
    if bare in _table():
        return bare
    dense = bare.replace(" ", "").removesuffix("/")
    return aliases().get(dense, dense) if dense in aliases() or dense in _table() else unit


def known(unit: str) -> bool:
    return normalize(unit) in _table()


@lru_cache(maxsize=16384)
def factor(unit: str, to: str, molar_mass: float | None = None) -> float | None:
    """What to multiply by to go from one unit to the other; None where that cannot be done or needs an offset."""
    found = line(unit, to, molar_mass)
    return found[0] if found is not None and found[1] == 0 else None


def convert(value: float, unit: str, to: str, molar_mass: float | None = None) -> float | None:
    """The value in the other unit, at 12 significant digits; None where it cannot be converted."""
    found = line(unit, to, molar_mass)
    return None if found is None or not math.isfinite(value) else significant(value * found[0] + found[1])


def comparable(value: float) -> float:
    """At twelve significant digits and no more than eight decimals: what is left of a conversion is no difference.

    Eight decimals are what CQL's Decimal has (https://cql.hl7.org/09-b-cqlreference.html#decimal-1). Below `TINY` they
    would leave too little of a number, and only the digits count.
    """
    shown = significant(value)
    rounded = round(shown, DECIMALS)
    return shown if abs(rounded) < TINY else rounded


def magnified(bound: float) -> float:
    """What a bound below `TINY`, and what lies beside it, are multiplied by to keep their digits in eight decimals."""
    if bound == 0 or abs(bound) >= TINY:
        return 1.0
    return 10.0 ** (_DIGITS - DECIMALS - 1 - math.floor(math.log10(abs(bound))))


def significant(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


@lru_cache(maxsize=16384)
def line(unit: str, to: str, molar_mass: float | None = None) -> tuple[float, float] | None:
    """What to multiply by, and what to add then (temperatures), to go from one unit to the other."""
    source, target = _table().get(normalize(unit)), _table().get(normalize(to))
    if normalize(unit) == normalize(to) and source is not None:
        return 1.0, 0.0
    if source is None or target is None:
        return None
    kilograms = 1.0  # per mole
    if source.dimension != target.dimension:
        # One side counts molecules where the other weighs them: the molar mass in g/mol stands between.
        if molar_mass is None:
            return None
        if source.dimension == target.dimension.replace(_MASS, _AMOUNT):
            kilograms = molar_mass / 1000
        elif source.dimension.replace(_MASS, _AMOUNT) == target.dimension:
            kilograms = 1000 / molar_mass
        else:
            return None
    return significant(source.factor * kilograms / target.factor), significant(
        (source.offset - target.offset) / target.factor
    )
