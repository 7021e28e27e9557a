"""Unit conversion as explicit branches per analyte, from terminology's table; no engine ever converts a unit."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

from fhirtrial.expressions.cql.names import decimal, name, strings
from fhirtrial.expressions.cql.piece import Helper
from fhirtrial.terminology import Terminology, units
from fhirtrial.terminology.tables import rows

# Beyond these, a value in one unit is no plausible value in the other, and CQL's eight decimals would not hold it.
_SMALLEST, _LARGEST = 1e-9, 1e12


def converted(concept: str, unit: str, terminology: Terminology) -> Helper:
    """The function `concept in unit`: a value in any unit that can be read as that one; null for any other."""
    title = f"{concept} in {unit}"
    branches = "\n".join(
        f'    when unit in {strings(found)} or "Bare unit"(unit) in {strings(found)} then {_scaled(*line)}'
        for line, found in _by_line(concept, unit, terminology)
    )
    body = f"  case\n{branches}\n    else null as Decimal\n  end" if branches else "  null as Decimal"
    text = f"define function {name(title)}(value Decimal, unit String):\n{body}"
    return Helper(name(title), text)


def interval(function: Helper) -> str:
    """The row's interval by that function, as the CQL functions that compare take it."""
    return f"{function.name}(F.low, F.unit), {function.name}(F.high, F.unit), F.bottomless, F.topless, F.comparator"


def _by_line(concept: str, unit: str, terminology: Terminology) -> list[tuple[tuple[float, float], list[str]]]:
    """The written units by what a value in them is multiplied by, and what is added then."""
    molar_mass = terminology.concept(concept).molar_mass
    found: defaultdict[tuple[float, float], list[str]] = defaultdict(list)
    for written in dict.fromkeys((*(row[0] for row in rows("units.tsv")), *units.aliases())):
        line = units.line(written, unit, molar_mass)
        if line is not None and _SMALLEST <= line[0] <= _LARGEST:
            found[line].append(written)
    if units.normalize(unit) == "1":
        found[1.0, 0.0].append("")  # a scale that has no unit
    return sorted(found.items())


def _scaled(factor: float, offset: float) -> str:
    """As a fraction of numbers that CQL's eight decimals hold, so that no digit of the factor is lost."""
    shift = units.significant(offset / factor)
    value = "value" if shift == 0 else f"(value {'+' if shift > 0 else '-'} {decimal(abs(shift))})"
    above, below = _fraction(factor)
    times = value if above == 1 else f"{value} * {decimal(above)}"
    return times if below == 1 else f"{times} / {decimal(below)}"


def _fraction(factor: float) -> tuple[float, float]:
    for largest in (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000):
        for flipped in (False, True):
            found = Fraction(repr(1 / factor if flipped else factor)).limit_denominator(largest)
            above, below = (found.denominator, found.numerator) if flipped else (found.numerator, found.denominator)
            if below and units.significant(above / below) == units.significant(factor):
                return above, below
    return factor, 1
