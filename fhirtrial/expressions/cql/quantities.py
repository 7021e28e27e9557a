"""Unit conversion as explicit branches per analyte, from terminology's table; no engine ever converts a unit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from fractions import Fraction

from fhirtrial.expressions.cql.names import decimal, name, strings
from fhirtrial.expressions.cql.piece import Helper
from fhirtrial.terminology import Terminology, units
from fhirtrial.terminology.tables import rows

# Beyond these, a value in one unit is no plausible value in the other, and CQL's eight decimals would not hold it.
_SMALLEST, _LARGEST = 1e-9, 1e12
# A factor by which a plausible value becomes a number beyond 2^31, which some engines take for no number.
_MUCH = 1000


def converted(concept: str, unit: str, terminology: Terminology, times: float = 1.0) -> Helper:
    """The function `concept in unit`: a value in any unit that can be read as that one; null for any other.

    A Ratio's denominator is the divisor of its numerator, so that what is divided is divided once. Numbers that are
    too small for CQL's eight decimals are counted so many times.
    """
    title = f"{concept} in {unit}" if times == 1 else f"{concept} in {1 / times:g} {unit}"
    branches = "\n".join(
        f"    when {is_in(found)} then {_scaled(units.significant(factor * times), units.significant(offset * times))}"
        for (factor, offset), found in _by_line(concept, unit, terminology)
    )
    body = f"  case\n{branches}\n    else null as Decimal\n  end" if branches else "  null as Decimal"
    text = f"define function {name(title)}(value Decimal, divisor Decimal, unit String):\n{body}"
    return Helper(name(title), text)


def interval(function: Helper) -> str:
    """The row's interval by that function, as the CQL functions that compare take it."""
    low, high = (one(function, end) for end in ("low", "high"))
    return f"{low}, {high}, F.bottomless, F.topless, F.comparator"


def one(function: Helper, end: str, row: str = "F") -> str:
    """An end of a row's interval by that function."""
    return f"{function.name}({row}.{end}, {row}.divisor, {row}.unit)"


def written() -> Iterable[str]:
    """Every unit that the terminology reads, as recorded."""
    return dict.fromkeys((*(row[0] for row in rows("units.tsv")), *units.aliases()))


def is_in(listed: Iterable[str]) -> str:
    """Whether `unit` is one of them, with or without its annotations."""
    found = strings(listed)
    return f'unit in {found} or "Bare unit"(unit) in {found}'


def _by_line(concept: str, unit: str, terminology: Terminology) -> list[tuple[tuple[float, float], list[str]]]:
    """The written units by what a value in them is multiplied by, and what is added then."""
    molar_mass = terminology.concept(concept).molar_mass
    found: defaultdict[tuple[float, float], list[str]] = defaultdict(list)
    for recorded in written():
        line = units.line(recorded, unit, molar_mass)
        if line is not None and _SMALLEST <= line[0] <= _LARGEST:
            found[line].append(recorded)
    if units.normalize(unit) == "1":
        found[1.0, 0.0].append("")  # a scale that has no unit
    return sorted(found.items())


def _scaled(factor: float, offset: float) -> str:
    """What is divided is the numerator, but for units with an offset, which no ratio is in."""
    shift = units.significant(offset / factor)
    if shift:
        return scaled(f'("Quotient"(value, divisor) {"+" if shift > 0 else "-"} {decimal(abs(shift))})', factor)
    return '"Quotient"(value, divisor)' if factor == 1 else scaled("value", factor, "divisor")


def scaled(value: str, factor: float, divisor: str = "") -> str:
    """As a fraction of numbers that CQL's eight decimals hold, so that no digit of the factor is lost."""
    above, below = _fraction(factor)
    times = value if above == 1 else f"{value} * {decimal(above)}"
    if above >= _MUCH:
        times = f'"Times"({value}, {decimal(above)})'
    by = " * ".join(part for part in ("" if below == 1 else decimal(below), divisor) if part)
    return f"{times} / ({by})" if " * " in by else f"{times} / {by}" if by else times


def _fraction(factor: float) -> tuple[float, float]:
    for largest in (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000):
        for flipped in (False, True):
            found = Fraction(repr(1 / factor if flipped else factor)).limit_denominator(largest)
            above, below = (found.denominator, found.numerator) if flipped else (found.numerator, found.denominator)
            if below and units.significant(above / below) == units.significant(factor):
                return above, below
    return factor, 1
