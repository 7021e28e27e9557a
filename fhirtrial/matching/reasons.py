"""Why a truth is unknown: the closed list of docs/truth.md, one bit each, so that reasons travel as integers."""

from __future__ import annotations

from enum import IntFlag
from functools import cache


class Reason(IntFlag):
    ABSENT = 1 << 0
    NOT_LOADED = 1 << 1
    PARTIAL = 1 << 2
    STALE = 1 << 3
    UNDATED = 1 << 4
    NO_ANCHOR = 1 << 5
    UNIT_NOT_CONVERTIBLE = 1 << 6
    NO_REFERENCE_RANGE = 1 << 7
    COMPARATOR_UNDECIDED = 1 << 8
    CODE_TOO_COARSE = 1 << 9
    UNCODED = 1 << 10
    CONCEPT_INCOMPLETE = 1 << 11
    CONFLICTING = 1 << 12
    UNCONFIRMED = 1 << 13
    REDACTED = 1 << 14
    RESIDUE = 1 << 15
    NOT_COMPUTABLE = 1 << 16
    NEEDS_HUMAN = 1 << 17


@cache
def labels(reasons: int) -> tuple[str, ...]:
    """The words for a set of reasons, in the order of the list.

    >>> labels(Reason.STALE | Reason.ABSENT)
    ('absent', 'stale')
    """
    return tuple(r.name.lower().replace("_", "-") for r in Reason if r & reasons and r.name)
