"""A truth with the reasons of its being unknown, and the three ways to combine several; nothing else combines here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from fhirtrial.criteria.truth import Truth, negate
from fhirtrial.matching.reasons import Reason


class Grade(NamedTuple):
    truth: Truth
    reasons: frozenset[Reason] = frozenset()


YES, PRESUMED_YES = Grade(Truth.YES), Grade(Truth.PRESUMED_YES)
NO, PRESUMED_NO = Grade(Truth.NO), Grade(Truth.PRESUMED_NO)


def unknown(*reasons: Reason) -> Grade:
    return Grade(Truth.UNKNOWN, frozenset(reasons))


def is_so(fact: bool) -> Grade:
    return YES if fact else NO


def opposite(grade: Grade) -> Grade:
    return Grade(negate(grade.truth), grade.reasons)


def ranked(k: int, grades: Iterable[Grade]) -> Grade:
    """The k-th largest truth; an unknown one is so for the reasons of all that are unknown."""
    given = list(grades)
    truth = sorted((g.truth for g in given), reverse=True)[k - 1]
    if truth is not Truth.UNKNOWN:
        return Grade(truth)
    return unknown(*(r for g in given if g.truth is Truth.UNKNOWN for r in g.reasons))


def every(*grades: Grade) -> Grade:
    return ranked(len(grades), grades)


def best(grades: Iterable[Grade]) -> Grade:
    """The largest, `no` of none."""
    return ranked(1, [*grades, NO])
