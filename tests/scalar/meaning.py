"""What a recorded code says of a concept, and what the record's silence says of it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from scalar.grade import NO, PRESUMED_NO, PRESUMED_YES, YES, Grade, best, is_so, opposite, unknown
from scalar.person import KINDS, Entry, Person

from fhirtrial.matching.reasons import Reason
from fhirtrial.patients.facts import CodeSet, Family, Level, Standing
from fhirtrial.terminology import Terminology
from fhirtrial.terminology.systems import KEYS, comparable

LEVELS = {Level.NOT_LOADED: Reason.NOT_LOADED, Level.PARTIAL: Reason.PARTIAL, Level.REDACTED: Reason.REDACTED}
STANDINGS = {
    Standing.ASSERTED: YES,
    Standing.ORDERED: PRESUMED_YES,
    Standing.UNCONFIRMED: unknown(Reason.UNCONFIRMED),
    Standing.DENIED: NO,
}


def standing(entry: Entry) -> Grade:
    return STANDINGS[entry.fact.standing]


def is_coded(codes: CodeSet) -> bool:
    """Whether some code is of a system that the terminology knows; local codes are no better than their words."""
    return any(system in KEYS for system, _ in codes.codings)


def meaning(person: Person, codes: CodeSet, concept: str, route: str | None = None) -> Grade:
    return _meaning(person.terminology, codes, concept, route)


@cache
def _meaning(terms: Terminology, codes: CodeSet, concept: str, route: str | None) -> Grade:
    if any(terms.is_hit(concept, system, code, route) for system, code in codes.codings):
        return YES
    if any(terms.is_coarse(concept, system, code, route) for system, code in codes.codings):
        return unknown(Reason.CODE_TOO_COARSE)
    if not is_coded(codes) and terms.mentions(concept, codes.text):
        return unknown(Reason.UNCODED)
    return NO


def is_history(person: Person, codes: CodeSet, concept: str) -> bool:
    return _is_history(person.terminology, codes, concept)


@cache
def _is_history(terms: Terminology, codes: CodeSet, concept: str) -> bool:
    return any(terms.is_history(concept, system, code) for system, code in codes.codings)


def either(person: Person, codes: CodeSet, concept: str) -> Grade:
    """Whether it is, or was, the concept."""
    return best([meaning(person, codes, concept), is_so(is_history(person, codes, concept))])


def other_than(person: Person, codes: CodeSet, concepts: Iterable[str], route: str | None = None) -> Grade:
    """Whether it is none of the exceptions, past ones included."""
    found = [meaning(person, codes, name, route) for name in concepts]
    found += [is_so(is_history(person, codes, name)) for name in concepts]
    return opposite(best(found))


def denies(person: Person, entry: Entry, concept: str) -> bool:
    """A code that says "not so", or the refutation of the whole concept and not only of a part of it."""
    codings = entry.code.codings
    if any(person.terminology.is_denial(concept, system, code) for system, code in codings):
        return entry.fact.standing is Standing.ASSERTED
    if entry.fact.standing is not Standing.DENIED:
        return False
    first: dict[str, str] = {}
    for code in person.terminology.concept(concept).codes:
        first.setdefault(code.system, comparable(code.system, code.code))
    return any(first.get(system) == comparable(system, code) for system, code in codings)


def covered(person: Person, families: Iterable[Family], reaches: int) -> Grade:
    """Whether the families were read to their end, back to the first day that is asked about."""
    missing = set()
    for family in families:
        coverage = person.patient.coverage[family]
        if coverage.level is not Level.COMPLETE:
            missing.add(LEVELS[coverage.level])
        elif coverage.since > reaches:
            missing.add(Reason.PARTIAL)
    return unknown(*missing) if missing else YES


def absent(person: Person, concept: str, kind: str, families: Iterable[Family], reaches: int) -> Grade:
    """What silence says: presumed-no only where the policy, the reading and the concept's own codes all allow it."""
    read = covered(person, families, reaches)
    if read != YES:
        return read
    if person.policy.absence(kind, person.terminology.concept(concept)) != "presumed-no":
        return unknown(Reason.ABSENT)
    for family in families:
        used = {system for e in person.of(*KINDS[family]) for system, _ in e.code.codings}
        recorded = person.of(*KINDS[family])
        if recorded and not any(person.terminology.is_complete(concept, system) for system in used):
            return unknown(Reason.CONCEPT_INCOMPLETE)
    return PRESUMED_NO
