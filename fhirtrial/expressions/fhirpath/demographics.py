"""Age in completed units at the index date, and administrative sex; a partial birth date may leave the age open."""

from __future__ import annotations

import math

from fhirtrial.criteria.tree import Age, Sex
from fhirtrial.expressions.fhirpath.days import PATIENT, born
from fhirtrial.expressions.fhirpath.words import EMPTY, INDEX, string, when

_LENGTHS = {"a": "years", "mo": "months", "wk": "weeks", "d": "days"}


def age(atom: Age) -> str:
    """Completed n units old is born on or before the day n units before the index date."""
    parts = []
    if atom.low is not None:
        parts.append(_reached(math.ceil(atom.low) if atom.low_op == ">=" else math.floor(atom.low) + 1, atom.unit))
    if atom.high is not None:
        over = math.floor(atom.high) + 1 if atom.high_op == "<=" else math.ceil(atom.high)
        parts.append(f"{_reached(over, atom.unit)}.not()")
    return "(" + " and ".join(parts) + ")"


def sex(atom: Sex) -> str:
    gender = f"{PATIENT}.gender"
    return f"iif({gender} in ('female' | 'male'), {gender} = {string(atom.value)}, {EMPTY})"


def _reached(units: int, unit: str) -> str:
    day = f"({INDEX} - {units} {_LENGTHS[unit]}).toString()"
    return when(
        (f"{born(last=True)} <= {day}", "true"),
        (f"{born(last=False)} > {day}", "false"),
        otherwise=EMPTY,
    )
