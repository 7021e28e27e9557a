"""Allergies: an entry of the substance, a statement that none are known, else what a list without it says."""

from __future__ import annotations

from scalar.conditions import weighed
from scalar.days import begun
from scalar.grade import NO, PRESUMED_NO, YES, Grade, every, is_so, unknown
from scalar.meaning import absent, denies, meaning, standing
from scalar.person import Entry, Person

from fhirtrial.criteria.tree import Allergy
from fhirtrial.criteria.truth import Truth
from fhirtrial.matching.reasons import Reason
from fhirtrial.patients.facts import CEIL, FLOOR, Course, Family, Kind, Standing

TYPE = "http://hl7.org/fhir/allergy-intolerance-type"


def allergy(person: Person, atom: Allergy) -> Grade:
    entries = [e for e in person.of(Kind.ALLERGY) if begun(person, e).truth > Truth.NO]
    statements = [e for e in entries if e.fact.standing is Standing.ASSERTED and none_known(person, atom, e)]
    found = [(graded(person, atom, e), e) for e in entries if e not in statements]
    refuted = [e for e in entries if e.fact.standing is Standing.DENIED and stated_type(e) <= {atom.mechanism}]
    denials = [e for e in refuted if denies(person, e, atom.concept)]
    if all(grade.truth < Truth.UNKNOWN for grade, _ in found) and any(still(e) for e in statements):
        return NO
    listed = [e for e in entries if e.fact.standing is Standing.ASSERTED and (still(e) or e not in statements)]
    return weighed(found, denials, silent(person, atom, listed))


def none_known(person: Person, atom: Allergy, entry: Entry) -> bool:
    """A statement that covers the substance; "no known drug allergy" says nothing of nuts."""
    names = ["no-known-allergy"]
    if person.terminology.concept(atom.concept).kind == "medication":
        names.append("no-known-drug-allergy")
    said = any(meaning(person, entry.code, name) == YES for name in names)
    return said or any(person.terminology.is_denial(atom.concept, *pair) for pair in entry.code.codings)


def still(entry: Entry) -> bool:
    return entry.fact.course is not Course.OVER


def dateless(entry: Entry) -> bool:
    return (entry.fact.start_low, entry.fact.start_high) == (FLOOR, CEIL)


def stated_type(entry: Entry) -> set[str]:
    return {code for system, code in entry.codes("category").codings if system == TYPE}


def graded(person: Person, atom: Allergy, entry: Entry) -> Grade:
    return every(
        meaning(person, entry.code, atom.concept),
        standing(entry),
        is_so(still(entry)),
        YES if dateless(entry) and entry.fact.course is Course.NOW else begun(person, entry),
        mechanism(atom, entry),
    )


def mechanism(atom: Allergy, entry: Entry) -> Grade:
    if atom.mechanism == "any":
        return YES
    stated = stated_type(entry)
    return is_so(atom.mechanism in stated) if stated else unknown(Reason.ABSENT)


def silent(person: Person, atom: Allergy, listed: list[Entry]) -> Grade:
    """An empty list says nothing: nobody may have asked."""
    told = absent(person, atom.concept, "allergy", (Family.ALLERGIES,), FLOOR)
    return told if listed or told != PRESUMED_NO else unknown(Reason.ABSENT)
