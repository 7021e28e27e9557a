"""The five truths and the only algebra on them: Not and AtLeast; nothing else decides anything in this project.

A chain, no < presumed-no < unknown < presumed-yes < yes: All is min, Any is max, "k of n" the k-th largest.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum


class Truth(IntEnum):
    NO = 0
    PRESUMED_NO = 1
    UNKNOWN = 2
    PRESUMED_YES = 3
    YES = 4

    @property
    def label(self) -> str:
        """The word for it in every output: `presumed-no`."""
        return self.name.lower().replace("_", "-")

    @classmethod
    def of(cls, label: str) -> Truth:
        return cls[label.upper().replace("-", "_")]


class Verdict(IntEnum):
    """The least truth over inclusions and negated exclusions, in a trial's words."""

    INELIGIBLE = 0
    PRESUMED_INELIGIBLE = 1
    UNDETERMINED = 2
    PRESUMED_ELIGIBLE = 3
    ELIGIBLE = 4

    @property
    def label(self) -> str:
        return self.name.lower().replace("_", "-")

    @classmethod
    def of(cls, label: str) -> Verdict:
        return cls[label.upper().replace("-", "_")]


def negate(x: Truth) -> Truth:
    return Truth(4 - x)


def at_least(k: int, xs: Sequence[Truth]) -> Truth:
    """The k-th largest of `xs`; more asked than there are is a malformed tree, not a truth.

    >>> at_least(2, [Truth.YES, Truth.UNKNOWN, Truth.NO]).label
    'unknown'
    """
    if not 1 <= k <= len(xs):
        msg = f"at_least({k}) over {len(xs)} truths"
        raise ValueError(msg)
    return sorted(xs, reverse=True)[k - 1]


def presume(x: Truth) -> Truth:
    """`x` where an assumption stands between the record and the question: never firmer than presumed."""
    return Truth(min(max(x, Truth.PRESUMED_NO), Truth.PRESUMED_YES))
