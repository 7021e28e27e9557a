"""Recorded numbers against a bound: units, comparators, reference ranges; what cannot be compared is unknown.

A recorded value is an interval: a plain number is a point, `<5` everything below five, a Range what it spans. A bound
is met when all of the interval meets it, missed when none of it does, undecided else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fhirtrial.matching.grades import Graded, Ints, graded
from fhirtrial.matching.reasons import Reason
from fhirtrial.matching.view import View
from fhirtrial.patients.facts import Comparator, ReferenceRange, ValueKind
from fhirtrial.site import Limits
from fhirtrial.terminology import units
from fhirtrial.terminology.systems import canonical

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
OPERATORS = (">", ">=", "<", "<=", "=")
_NUMERIC = np.isin(np.arange(len(ValueKind)), (ValueKind.QUANTITY, ValueKind.RANGE, ValueKind.RATIO))
"""Which kinds of values are numbers."""
EMPTY = np.isin(np.arange(len(ValueKind)), (ValueKind.NONE, ValueKind.ABSENT))
"""Which kinds of values are none at all."""


@dataclass(frozen=True)
class Numbers:
    """Values in one unit as intervals; `why` is non-zero where a row has no usable number."""

    low: Floats
    high: Floats
    low_open: NDArray[np.bool_]
    high_open: NDArray[np.bool_]
    why: NDArray[np.uint32]

    @classmethod
    def exactly(cls, values: Floats) -> Numbers:
        closed = np.zeros(len(values), bool)
        return cls(significant(values), significant(values), closed, closed, np.zeros(len(values), np.uint32))


def significant(x: Floats) -> Floats:
    """As numbers are compared (`units.comparable`): 150 10*3/uL and 150 10*9/L are one number."""
    told = np.isfinite(x) & (x != 0)
    safe = np.where(told, x, 1.0)
    scale = 10.0 ** (11 - np.floor(np.log10(np.abs(safe))))
    found = np.where(told, np.round(safe * scale) / scale, x)
    rounded = np.round(found, units.DECIMALS)
    return np.where(told & (np.abs(rounded) >= units.TINY), rounded, found)


def numbers(view: View, rows: Ints, unit: str | None, molar_mass: float | None) -> Numbers:
    """The rows' values in `unit` (None: in whatever unit they are)."""
    kind, comparator = view.at("value_kind", rows), view.at("comparator", rows)
    factor, offset = _lines(view, rows, unit, molar_mass)
    low, high = (significant(view.at(name, rows) * factor + offset) for name in ("low", "high"))
    numeric = _NUMERIC[kind] & ~(np.isnan(low) & np.isnan(high) & ~np.isnan(factor))
    wordy = np.where(EMPTY[kind], Reason.ABSENT, Reason.NOT_COMPUTABLE)
    why = np.where(~numeric, wordy, np.where(np.isnan(factor), Reason.UNIT_NOT_CONVERTIBLE, 0))
    below = (comparator == Comparator.LESS) | (comparator == Comparator.LESS_OR_EQUAL)
    above = (comparator == Comparator.GREATER) | (comparator == Comparator.GREATER_OR_EQUAL)
    return Numbers(
        np.where(below | np.isnan(low), -np.inf, low),
        np.where(above | np.isnan(high), np.inf, high),
        below | (comparator == Comparator.GREATER) | np.isnan(low),
        above | (comparator == Comparator.LESS) | np.isnan(high),
        why.astype(np.uint32),
    )


def compare(n: Numbers, op: str | Ints, bound: Floats) -> Graded:
    """Each interval against its bound, by one operator or its own of OPERATORS; else `comparator-undecided`."""
    bound = significant(bound)
    above = (n.low > bound) | ((n.low == bound) & n.low_open)
    below = (n.high < bound) | ((n.high == bound) & n.high_open)
    at_least, at_most = n.low >= bound, n.high <= bound
    if isinstance(op, str):
        yes, no = _compared(op, above, at_least, below, at_most, n, bound)
    else:
        each = [_compared(one, above, at_least, below, at_most, n, bound) for one in OPERATORS]
        yes, no = (np.choose(op, some) for some in zip(*each, strict=True))
    usable = n.why == 0
    grade = graded(yes & usable, no & usable, 0).grade
    return Graded(grade, lambda: np.where(usable, Reason.COMPARATOR_UNDECIDED, n.why))


def _compared(
    op: str, above: Bools, at_least: Bools, below: Bools, at_most: Bools, n: Numbers, bound: Floats
) -> tuple[Bools, Bools]:
    match op:
        case ">":
            return above, at_most
        case ">=":
            return at_least, below
        case "<":
            return below, at_least
        case "<=":
            return at_most, above
        case _:
            return (n.low == bound) & (n.high == bound) & ~n.low_open & ~n.high_open, above | below


def limits(
    view: View, rows: Ints, side: str, fallback: Limits | None, molar_mass: float | None
) -> tuple[Floats, NDArray[np.uint32], Mapping[int, str]]:
    """Each row's own upper (`high`) or lower (`low`) limit of normal in the row's own unit, why there is none, a name.

    Several fitting ranges that disagree are conflicting; without any the site's fallback serves and is named.
    """
    bound = np.full(len(rows), np.nan)
    why = np.zeros(len(rows), np.uint32)
    named: dict[int, str] = {}
    ranges, strings = view.facts.vocabulary.ranges.values, view.facts.vocabulary.strings.values
    columns = (view.at(name, rows).tolist() for name in ("ranges", "unit", "patient"))
    for i, (number, unit, patient) in enumerate(zip(*columns, strict=True)):
        fitting = {
            _converted(value, r.unit or strings[unit], strings[unit], molar_mass)
            for r in ranges[number]
            if _fits(r, view, patient) and (value := getattr(r, side)) is not None
        }
        if len(fitting) == 1:
            (found,) = fitting
            bound[i] = np.nan if found is None else found
            why[i] = Reason.UNIT_NOT_CONVERTIBLE if found is None else 0
        elif fitting:
            why[i] = Reason.CONFLICTING
        elif fallback is not None and (value := getattr(fallback, side)) is not None:
            found = _converted(value, fallback.unit, strings[unit], molar_mass)
            bound[i] = np.nan if found is None else found
            why[i] = Reason.NO_REFERENCE_RANGE if found is None else 0
            named[i] = fallback.name
        else:
            why[i] = Reason.NO_REFERENCE_RANGE
    return significant(bound), why, named


def interpretations(view: View, rows: Ints) -> list[frozenset[str]]:
    """Each row's interpretation codes of HL7's v3 ObservationInterpretation (N, H, HH, L, POS…)."""
    values = view.facts.vocabulary.codes.values
    system = canonical("interpretation")
    return [
        frozenset(code for s, code in values[n].codings if canonical(s) == system)
        for n in view.at("interpretation", rows).tolist()
    ]


def _lines(view: View, rows: Ints, unit: str | None, molar_mass: float | None) -> tuple[Floats, Floats]:
    """What each row's number is multiplied by, and what is added to it, to be in `unit`, or in each lane's own."""
    strings = view.facts.vocabulary.strings.values
    apart = view.targets(rows)
    targets, number = ([(unit, molar_mass)], 0) if apart is None else apart
    pairs, place = np.unique(view.at("unit", rows) * np.int64(len(targets)) + number, return_inverse=True)
    found = (divmod(pair, len(targets)) for pair in pairs.tolist())
    lines = np.array([_line(strings[of], *targets[to]) for of, to in found], np.float64).reshape(-1, 2)[place]
    return lines[:, 0], lines[:, 1]


def _line(unit: str, to: str | None, molar_mass: float | None) -> tuple[float, float]:
    """A number without a unit (valueInteger cannot have one) is one of a scale that has none."""
    if to is None or (not unit and units.normalize(to) == "1"):
        return 1.0, 0.0
    return units.line(unit, to, molar_mass) or (np.nan, np.nan)


def _converted(value: float, unit: str, to: str, molar_mass: float | None) -> float | None:
    return value if unit == to else units.convert(value, unit, to, molar_mass)


def _fits(r: ReferenceRange, view: View, patient: int) -> bool:
    """Whether a range is one of normal values for this patient; a range for another sex or age is not."""
    who = view.person(patient)
    if not r.normal or (r.sex and r.sex != who.sex):
        return False
    if r.age_low is None and r.age_high is None:
        return True
    if who.birth is None:
        return False
    ages = [(view.today - day) / 365.25 for day in who.birth]
    return (r.age_low is None or min(ages) >= r.age_low) and (r.age_high is None or max(ages) <= r.age_high)
