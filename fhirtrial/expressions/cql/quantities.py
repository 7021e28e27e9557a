"""Unit conversion as explicit branches per analyte, from terminology's table; no engine ever converts a unit."""

from __future__ import annotations

from collections import defaultdict

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
        f'    when unit in {strings(found)} or "Bare unit"(unit) in {strings(found)} then {_scaled(factor)}'
        for factor, found in _by_factor(concept, unit, terminology)
    )
    body = f"  case\n{branches}\n    else null as Decimal\n  end" if branches else "  null as Decimal"
    text = f"define function {name(title)}(value Decimal, unit String):\n{body}"
    return Helper(name(title), text)


def value_in(concept: str, unit: str) -> str:
    """The row's value by that function."""
    return f"{name(f'{concept} in {unit}')}(F.value, F.unit)"


def _by_factor(concept: str, unit: str, terminology: Terminology) -> list[tuple[float, list[str]]]:
    molar_mass = terminology.concept(concept).molar_mass
    found: defaultdict[float, list[str]] = defaultdict(list)
    for written in dict.fromkeys((*(row[0] for row in rows("units.tsv")), *units.aliases())):
        factor = units.factor(written, unit, molar_mass)
        if factor is not None and _SMALLEST <= factor <= _LARGEST:
            found[factor].append(written)
    return sorted(found.items())


def _scaled(factor: float) -> str:
    """Multiplied or divided, whichever keeps the digits."""
    if factor == 1:
        return "value"
    return f"value * {decimal(factor)}" if factor > 1 else f"value / {decimal(units.significant(1 / factor))}"
