"""One criterion as a CQL define; one that CQL cannot carry has none and says why."""

from __future__ import annotations

from dataclasses import dataclass

from fhirtrial.criteria.criterion import Criterion
from fhirtrial.terminology import Terminology

SCREENED = "Screened"
ELIGIBLE = "Eligible"


@dataclass(frozen=True)
class Define:
    name: str
    expression: str


@dataclass(frozen=True)
class NoCql:
    reason: str


def through(criterion: Criterion) -> str:
    """The define that is true for those whom neither this criterion nor one before it rules out."""
    return f"Through {criterion.id}"


def cql(criterion: Criterion, terminology: Terminology) -> Define | NoCql:
    return NoCql("in work")
