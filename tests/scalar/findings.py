"""What examinations found, what data there are, what relatives had."""

from __future__ import annotations

from scalar.days import anchorless, capped, contained
from scalar.grade import NO, PRESUMED_NO, YES, Grade, best, every, unknown
from scalar.meaning import covered, either, meaning, standing
from scalar.person import Entry, Person
from scalar.results import period
from scalar.values import EMPTY

from fhirtrial.criteria.tree import DataAvailability, Finding, OtherExperiencer
from fhirtrial.criteria.truth import Truth
from fhirtrial.matching.reasons import Reason
from fhirtrial.patients.facts import Family, Kind, ValueKind


def finding(person: Person, atom: Finding) -> Grade:
    """A report that does not name the finding does not deny it."""
    if anchorless(atom.window):
        return unknown(Reason.NO_ANCHOR)
    within = period(person, atom.modality, atom.window)
    entries = person.of(Kind.REPORT, Kind.OBSERVATION)
    seen = [
        (every(meaning(person, e.code, atom.modality), standing(e), concluded(person, atom, e)), e) for e in entries
    ]
    told = best(every(grade, contained(e, within)) for grade, e in seen)
    if told.truth < Truth.UNKNOWN:
        old = any(grade.truth > Truth.UNKNOWN and e.fact.start_high < within.start_low for grade, e in seen)
        read = covered(person, (Family.OBSERVATIONS,), within.start_low)
        told = unknown(Reason.STALE) if old else read if read != YES else unknown(Reason.ABSENT)
    return capped(atom.window, told)


def concluded(person: Person, atom: Finding, entry: Entry) -> Grade:
    if entry.fact.value_kind not in (ValueKind.CODED, ValueKind.TEXT):
        return NO
    return meaning(person, entry.codes("value"), atom.finding)


def available(person: Person, atom: DataAvailability, concept: str) -> Grade:
    if anchorless(atom.window):
        return unknown(Reason.NO_ANCHOR)
    within = period(person, concept, atom.window)
    told = best(
        every(meaning(person, e.code, concept), standing(e), contained(e, within))
        for e in person.of(Kind.OBSERVATION, Kind.REPORT)
        if e.fact.kind is Kind.REPORT or e.fact.value_kind not in EMPTY or e.fact.interpretation
    )
    if told.truth < Truth.UNKNOWN:
        read = covered(person, (Family.OBSERVATIONS,), within.start_low)
        told = PRESUMED_NO if read == YES else read
    return capped(atom.window, told)


def relative(person: Person, atom: OtherExperiencer, condition: str) -> Grade:
    """A partner's or housemate's state is in no record of the patient's."""
    if atom.who != "family":
        return unknown(Reason.NEEDS_HUMAN)
    told = best(
        every(either(person, e.code, condition), standing(e))
        for e in person.of(Kind.RELATIVE)
        if e.fact.start_low <= person.on
    )
    if told.truth >= Truth.UNKNOWN:
        return told
    read = covered(person, (Family.FAMILY_HISTORY,), -(2**30))
    return unknown(Reason.ABSENT) if read == YES else read
