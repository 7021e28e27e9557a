"""Conversion: the traps of laboratory units, and the factor table against an independent UCUM implementation."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import pytest

from fhirtrial.matching.quantities import significant
from fhirtrial.terminology import load, units

CASES = [
    (1, "mg/dL", "umol/L", 113.12, 88.4016973126, "creatinine"),
    (88.4016973126, "umol/L", "mg/dL", 113.12, 1.0, "and back"),
    (1, "mg/dl", "umol/l", 584.66, 17.1039578558, "bilirubin, small l"),
    (150, "10*3/uL", "10*9/L", None, 150.0, "exact at 12 digits"),
    (150, "K/uL", "10*9/L", None, 150.0, "not kelvin per microlitre"),
    (4.5, "x10E9/L", "10*9/L", None, 4.5, "power of ten with E"),
    (4.5, "10^9/L", "10*9/L", None, 4.5, "caret"),
    (4500, "cells/uL", "10*9/L", None, 4.5, "cells"),
    (4500, "{cells}/uL", "10*9/L", None, 4.5, "an annotation"),
    (4.5, "G/L", "10*9/L", None, 4.5, "not gauss per litre"),
    (40, "[IU]/L", "U/L", None, 40.0, "international units of an enzyme"),
    (40, "IU/L", "U/L", None, 40.0, "without brackets"),
    (1, "ukat/L", "U/L", None, 60.0, "microkatal"),
    (12.5, "g/dL", "g/L", None, 125.0, ""),
    (12.5, "gm/dL", "g/L", None, 125.0, "not gram metre"),
    (7.5, "mmol/L", "g/L", 16114.5, 120.85875, "haemoglobin"),
    (60, "mL/min/1.73m2", "mL/min/{1.73_m2}", None, 60.0, "eGFR"),
    (1000, "copies/mL", "copies/L", None, 1e6, ""),
    (5, "[IU]/mL", "/mL", None, None, "international units are not counts"),
    (5, "meq/L", "mmol/L", None, None, "charges are not moles"),
    (1, "mg/dL", "umol/L", None, None, "no molar mass"),
    (1, "mg/dL", "mm[Hg]", 113.12, None, "another dimension"),
    (1, "furlong", "m", None, None, "a unit that is none"),
    (1, "", "mg/dL", 113.12, None, "no unit"),
    (98.6, "[degF]", "Cel", None, 37.0, "with an offset"),
    (0.4, "1", "%", None, 40.0, "inspired oxygen as a fraction"),
    (10, "kPa", "mm[Hg]", None, 75.0063755419, "blood gas, UCUM's mercury"),
    (70, "kg", "[lb_av]", None, 154.32358353, ""),
    (2, "wk", "d", None, 14.0, ""),
    (20, "mm", "cm", None, 2.0, "a visual analogue scale"),
    (math.nan, "mg/dL", "mg/dL", None, None, "not a number"),
]


@pytest.mark.parametrize(("value", "unit", "to", "molar_mass", "expected", "why"), CASES)
def test_convert(value: float, unit: str, to: str, molar_mass: float | None, expected: float | None, why: str) -> None:
    assert units.convert(value, unit, to, molar_mass) == expected, why


def test_a_factor_is_what_convert_multiplies_by() -> None:
    assert units.factor("mg/dL", "umol/L", 113.12) == pytest.approx(88.4016973126)
    assert units.factor("[degF]", "Cel") is None
    assert units.factor("Cel", "Cel") == 1
    assert units.factor("mg", "mL") is None


@pytest.mark.parametrize(
    ("unit", "ucum"),
    [
        ("K/uL", "10*3/uL"),
        (" mg / dl ", "mg/dL"),
        ("{score}", "1"),
        ("µmol/L", "umol/L"),
        ("tablets", "tablets"),
        ("", ""),
    ],
)
def test_normalize(unit: str, ucum: str) -> None:
    assert units.normalize(unit) == ucum


def test_every_alias_ends_in_the_table() -> None:
    assert [alias for alias in units.aliases() if not units.known(alias)] == []


def test_every_concept_unit_is_in_the_table() -> None:
    terminology = load()
    wanted = {name: terminology.concept(name).unit for name in terminology.names}
    assert [name for name, unit in wanted.items() if unit is not None and not units.known(unit)] == []


@cache
def _registry() -> Any:
    return pytest.importorskip("ucumvert").PintUcumRegistry()


@pytest.mark.parametrize(
    ("unit", "to"),
    [
        ("mg/dL", "g/L"),
        ("umol/L", "mmol/L"),
        ("nmol/L", "mol/mL"),
        ("10*3/uL", "10*9/L"),
        ("kat/L", "U/L"),
        ("Pa", "kPa"),
        ("[in_i]", "cm"),
        ("[lb_av]", "kg"),
        ("mo", "d"),
        ("a", "mo"),
        ("mL/min", "L/d"),
        ("mg/kg/d", "ug/kg/min"),
        ("mg/m2/wk", "mg/m2/d"),
        ("%", "1"),
        ("mm/h", "mm/min"),
    ],
)
def test_against_ucumvert(unit: str, to: str) -> None:
    registry = _registry()
    expected = (1 * registry.from_ucum(unit)).to(registry.from_ucum(to).units).magnitude
    assert units.factor(unit, to) == pytest.approx(
        expected / getattr(registry.from_ucum(to), "magnitude", 1), rel=1e-11
    )


@pytest.mark.parametrize(
    ("number", "compared"),
    [
        (50.000000000254566, 50.0),  # 110.231131093 [lb_av] in kg
        (0.1 + 0.2, 0.3),
        (149999.9999999999, 150000.0),
        (0.000012345678912345, 0.0000123456789123),  # eight decimals would leave four of its digits
        (0.00009999999999, 0.0001),  # what rounds to a number that has eight decimals is that number
        (0.0, 0.0),
    ],
)
def test_what_conversion_leaves_is_no_difference(number: float, compared: float) -> None:
    assert units.comparable(number) == compared
    assert units.comparable(-number) == -compared
    assert significant(np.array([number]))[0] == compared


@pytest.mark.parametrize(("bound", "times"), [(0.0, 1), (0.0001, 1), (9e-5, 1e8), (-1e-6, 1e9), (3.2e-9, 1e12)])
def test_a_bound_below_eight_decimals_is_magnified(bound: float, times: float) -> None:
    assert units.magnified(bound) == times
