"""One patient with every fact spelled out: what the evaluator reads, one row at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from fhirtrial.patients.facts import CodeSet, Fact, Facts, Family, Kind, Patient, ReferenceRange, Vocabulary
from fhirtrial.site import Limits, Site
from fhirtrial.terminology import Terminology
from fhirtrial.terminology.policy import Policy
from fhirtrial.terminology.routes import route_group

DRUGS = (Kind.REQUEST, Kind.STATEMENT, Kind.ADMINISTRATION, Kind.DISPENSE)
KINDS: Mapping[Family, tuple[Kind, ...]] = {
    Family.CONDITIONS: (Kind.CONDITION,),
    Family.MEDICATIONS: DRUGS,
    Family.OBSERVATIONS: (Kind.OBSERVATION, Kind.REPORT),
    Family.PROCEDURES: (Kind.PROCEDURE,),
    Family.ALLERGIES: (Kind.ALLERGY,),
    Family.IMMUNIZATIONS: (Kind.IMMUNIZATION,),
    Family.ENCOUNTERS: (Kind.ENCOUNTER,),
    Family.FAMILY_HISTORY: (Kind.RELATIVE,),
}


@dataclass(frozen=True)
class Entry:
    fact: Fact
    vocabulary: Vocabulary

    def codes(self, column: str) -> CodeSet:
        number: int = getattr(self.fact, column)
        return self.vocabulary.codes.values[number]

    @property
    def code(self) -> CodeSet:
        return self.codes("code")

    @property
    def unit(self) -> str:
        return self.vocabulary.strings.values[self.fact.unit]

    @property
    def dose_unit(self) -> str:
        return self.vocabulary.strings.values[self.fact.dose_unit]

    @property
    def ranges(self) -> tuple[ReferenceRange, ...]:
        return self.vocabulary.ranges.values[self.fact.ranges]

    @property
    def route(self) -> str | None:
        """The route group that the record states."""
        stated = self.codes("route")
        coded = route_group(frozenset(stated.codings), "")
        worded = {route_group(frozenset(), word) for word in stated.words} - {None}
        return coded or (worded.pop() if len(worded) == 1 else None)

    @property
    def earliest(self) -> int:
        """The first moment (ms) at which a result can be meant."""
        return self.fact.instant - self.fact.blur


@dataclass(frozen=True)
class Person:
    patient: Patient
    entries: tuple[Entry, ...]
    on: int
    terminology: Terminology
    policy: Policy
    limits: Mapping[str, Limits]

    def of(self, *kinds: Kind) -> list[Entry]:
        return [e for e in self.entries if e.fact.kind in kinds]

    @cached_property
    def today(self) -> date:
        return date.fromordinal(self.on + date(1970, 1, 1).toordinal())


def people(facts: Facts, on: date, terminology: Terminology, policy: Policy, site: Site) -> list[Person]:
    entries: list[list[Entry]] = [[] for _ in facts.patients]
    for i in range(len(facts)):
        fact = facts.row(i)
        entries[fact.patient].append(Entry(fact, facts.vocabulary))
    day = (on - date(1970, 1, 1)).days
    return [
        Person(patient, tuple(own), day, terminology, policy, site.uln)
        for patient, own in zip(facts.patients, entries, strict=True)
    ]
