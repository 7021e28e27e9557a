"""Turns of CQL that the families share: existence over graded facts, assumption, absence."""

from __future__ import annotations

from fhirtrial.expressions.cql.concepts import complete
from fhirtrial.expressions.cql.names import UNKNOWN, name
from fhirtrial.terminology import Terminology
from fhirtrial.terminology.policy import load_policy

NO_ANCHOR = "its window is anchored to a day that no record holds"


def some(source: str, grade: str, absent: str) -> str:
    """Some fact F of the source has the truth `grade`."""
    return f'"Some"(\n    (({source}) F\n      return all "Grade"(\n        {grade})),\n    {absent})'


def conjunction(*parts: str) -> str:
    return "\n          and ".join(part for part in parts if part)


def assumed(truth: str, families: str, *, holds: bool) -> str:
    """At most presumed, where the window rests on an assumption."""
    return f'"Presumed"({truth}, {families})' if holds else truth


def absence(kind: str, concept: str, families: str, systems: str, since: str, terminology: Terminology) -> str:
    """What nothing recorded means, by the world policy and the concept's completeness."""
    if load_policy().absence(kind, terminology.concept(concept)) != "presumed-no":
        return UNKNOWN
    return f'"Absent"({families}, {since}, {name(systems)}, {complete(concept, terminology)})'


def none_of(concepts: tuple[str, ...], keys: str = "F.keys", words: str = "F.words") -> str:
    """The fact is none of these concepts'; a code that may be one leaves it open."""
    return conjunction(*(f'not "Is or was"({keys}, {words}, {name(c)})' for c in concepts))
