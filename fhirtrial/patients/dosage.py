"""Dosage instructions → the amount per day, as an interval in the unit recorded.

Instructions without a sequence, or with the same one, are followed together and add up; those with different sequences
follow each other, and which step holds on a day is not told: the interval spans them. What is taken as needed may be
none. Nothing is read from the instruction's words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import inf, isfinite, isnan, nan

from fhirtrial.patients.dates import days_of
from fhirtrial.patients.elements import Dosage, DoseAndRate, Quantity, Range, Ratio, Repeat, Timing
from fhirtrial.patients.quantities import unit_of
from fhirtrial.patients.source import NO_DOSE, Dose

Span = tuple[float, float]
_UNKNOWN: Span = (nan, nan)
_WEEK = 7.0
_DAYS = {
    "s": 1 / 86400, "min": 1 / 1440, "h": 1 / 24, "d": 1.0, "wk": _WEEK, "mo": 365.25 / 12, "a": 365.25,
}  # fmt: skip
# http://terminology.hl7.org/CodeSystem/v3-GTSAbbreviation, times per day
_ABBREVIATIONS = {
    "QD": 1.0, "BID": 2.0, "TID": 3.0, "QID": 4.0, "AM": 1.0, "PM": 1.0, "BED": 1.0, "QOD": 0.5, "WK": 1 / _WEEK,
    "MO": 12 / 365.25, "Q1H": 24.0, "Q2H": 12.0, "Q3H": 8.0, "Q4H": 6.0, "Q6H": 4.0, "Q8H": 3.0,
}  # fmt: skip
# http://hl7.org/fhir/event-timing: at, before or after meals is three times a day, any other event once
_MEALS = {"C": 3, "AC": 3, "PC": 3}
_RATE = re.compile(r"(.+)/(s|min|h|d|wk)")


def daily_dose(instructions: Iterable[Dosage]) -> Dose:
    """The amount per day over all instructions; NaN where it cannot be told.

    >>> from fhirtrial.patients.elements import Repeat, Timing
    >>> twice = Timing(repeat=Repeat(frequency=2, period=1.0, period_unit="d"))
    >>> daily_dose([Dosage(timing=twice, dose_and_rate=(DoseAndRate(dose_quantity=Quantity(5.0, unit="mg")),))])
    Dose(low=10.0, high=10.0, unit='mg')
    """
    given = list(instructions)
    steps: dict[int | None, list[Dose]] = {}
    for one in given:
        steps.setdefault(one.sequence, []).append(_instruction(one))
    throughout = steps.pop(None, [])
    sums = [_sum([*throughout, *together]) for together in steps.values()] if steps else [_sum(throughout)]
    units = {step.unit for step in sums}
    if not given or len(units) > 1 or any(isnan(step.low) or isnan(step.high) for step in sums):
        return NO_DOSE
    return Dose(min(step.low for step in sums), max(step.high for step in sums), units.pop())


def single_dose(amount: Quantity | None) -> Dose:
    """One administration: that day's amount is at least this; others may add to it."""
    if amount is None or amount.value is None or amount.comparator or not isfinite(amount.value):
        return NO_DOSE
    return Dose(amount.value, inf, unit_of(amount))


def _sum(together: list[Dose]) -> Dose:
    if not together or len({dose.unit for dose in together}) > 1:
        return NO_DOSE
    return Dose(sum(dose.low for dose in together), sum(dose.high for dose in together), together[0].unit)


def _instruction(one: Dosage) -> Dose:
    if one.modifier_extension:
        return NO_DOSE
    repeat = one.timing.repeat if one.timing is not None and one.timing.repeat is not None else Repeat()
    times = _times(one.timing)
    doses = [_rated(part, times, repeat, one.max_dose_per_administration) for part in _ordered(one.dose_and_rate)]
    doses = [dose for dose in doses if dose.unit or not isnan(dose.low)]
    limit, limit_unit = _limit(one.max_dose_per_period)
    if not doses or len({dose.unit for dose in doses}) > 1:
        return Dose(0.0, limit, limit_unit) if _as_needed(one) and limit_unit and not doses else NO_DOSE
    low, high, unit = _spanned(doses)
    capped = limit_unit == unit and not isnan(limit)
    if _as_needed(one):
        high = limit if capped and not high <= limit else high
        return NO_DOSE if isnan(high) else Dose(0.0, high, unit)
    return Dose(min(low, limit), min(high, limit), unit) if capped else Dose(low, high, unit)


def _spanned(doses: list[Dose]) -> Dose:
    """One of them, nobody knows which."""
    if any(isnan(dose.low) or isnan(dose.high) for dose in doses):
        return Dose(nan, nan, doses[0].unit)
    return Dose(min(dose.low for dose in doses), max(dose.high for dose in doses), doses[0].unit)


def _as_needed(one: Dosage) -> bool:
    in_r4 = one.as_needed_boolean or one.as_needed_codeable_concept is not None
    return in_r4 or one.as_needed or bool(one.as_needed_for)


def _ordered(parts: tuple[DoseAndRate, ...]) -> list[DoseAndRate]:
    """What was ordered, where the record also gives what was calculated from it."""
    ordered = [part for part in parts if part.type is not None and any(c.code == "ordered" for c in part.type.coding)]
    return ordered or list(parts)


def _rated(part: DoseAndRate, times: Span, repeat: Repeat, at_once: Quantity | None) -> Dose:
    if part.dose_quantity is not None or part.dose_range is not None:
        low, high, unit = _amount(part.dose_quantity, part.dose_range)
        if at_once is not None and at_once.value is not None and unit_of(at_once) == unit:
            low, high = min(low, at_once.value), min(high, at_once.value)
        return Dose(low * times[0], high * times[1], unit)
    low, high, unit = _rate(part)
    if repeat.duration is None:
        return NO_DOSE if isnan(high) else Dose(0.0, high, unit)  # how long it runs each day is not told
    factor = _DAYS.get(repeat.duration_unit, nan)
    longest = repeat.duration if repeat.duration_max is None else repeat.duration_max
    return Dose(low * repeat.duration * factor * times[0], high * longest * factor * times[1], unit)


def _rate(part: DoseAndRate) -> Dose:
    """The amount in one day at the given rate."""
    if part.rate_ratio is not None:
        per_day, unit = _limit(part.rate_ratio)
        return Dose(per_day, per_day, unit)
    low, high, unit = _amount(part.rate_quantity, part.rate_range)
    found = _RATE.fullmatch(unit)
    return Dose(low / _DAYS[found[2]], high / _DAYS[found[2]], found[1]) if found else NO_DOSE


def _amount(one: Quantity | None, span: Range | None) -> Dose:
    ends = [one, one] if one is not None else [span.low, span.high] if span is not None else []
    if not ends or any(end is None or end.value is None or end.comparator for end in ends):
        return NO_DOSE
    low, high = (end for end in ends if end is not None)
    if unit_of(low) != unit_of(high) or low.value is None or high.value is None or not low.value <= high.value:
        return NO_DOSE
    return Dose(low.value, high.value, unit_of(low))


def _limit(given: Ratio | tuple[Ratio, ...] | None) -> tuple[float, str]:
    """A Ratio of an amount to a time, per day; of several (R5) none is the one limit."""
    several = given if isinstance(given, tuple) else (given,)
    ratio = several[0] if len(several) == 1 else None
    above, days = (ratio.numerator, days_of(ratio.denominator)) if ratio is not None else (None, None)
    if above is None or above.value is None or above.comparator or not days:
        return nan, ""
    return above.value / days, unit_of(above)


def _times(timing: Timing | None) -> Span:
    """How often per day, at least and at most."""
    if timing is None:
        return _UNKNOWN
    repeat = timing.repeat
    if repeat is not None and (repeat.frequency is not None or repeat.period is not None):
        return _frequency(repeat)
    if repeat is not None and (repeat.time_of_day or repeat.when or repeat.day_of_week):
        once = len(repeat.time_of_day) or sum(_MEALS.get(event or "", 1) for event in repeat.when) or 1
        days = len(set(repeat.day_of_week)) or _WEEK
        return once * days / _WEEK, once * days / _WEEK
    for coding in timing.code.coding if timing.code is not None else ():
        if coding.code in _ABBREVIATIONS:
            return _ABBREVIATIONS[coding.code], _ABBREVIATIONS[coding.code]
    return _UNKNOWN


def _frequency(repeat: Repeat) -> Span:
    often = 1 if repeat.frequency is None else repeat.frequency
    period = 1.0 if repeat.period is None else repeat.period
    unit = _DAYS.get(repeat.period_unit, nan)
    longest = period if repeat.period_max is None else repeat.period_max
    if not (often >= 0 and period > 0 and longest >= period and isfinite(unit)):
        return _UNKNOWN
    low = often / (longest * unit)
    high = (often if repeat.frequency_max is None else max(often, repeat.frequency_max)) / (period * unit)
    days = len(set(repeat.day_of_week))
    if not days:
        return low, high
    if repeat.period_unit == "wk":  # `once a week on Monday and Friday` is said of both
        return low, high * days
    return low * days / _WEEK, high * days / _WEEK
