"""Procedures, immunizations and encounters: things that took place."""

from __future__ import annotations

from scalar.days import Span, anchorless, capped, overlaps, span
from scalar.grade import NO, YES, Grade, best, every, is_so, unknown
from scalar.meaning import absent, covered, denies, either, is_coded, is_history, meaning, other_than, standing
from scalar.person import Entry, Person

from fhirtrial.criteria.tree import Encounter, Immunization, Procedure
from fhirtrial.criteria.truth import Truth
from fhirtrial.matching.reasons import Reason
from fhirtrial.patients.facts import FLOOR, CodeSet, Family, Kind, Standing
from fhirtrial.terminology.encounters import setting_of


def procedure(person: Person, atom: Procedure) -> Grade:
    """A status code in the problem list (lung transplant status) tells of the procedure too, but not when it was."""
    if anchorless(atom.window):
        return unknown(Reason.NO_ANCHOR)
    window = span(person, atom.window)

    def graded(entry: Entry) -> Grade:
        means = meaning(person, entry.code, atom.concept)
        historic = means != YES and is_history(person, entry.code, atom.concept)
        status = entry.fact.kind is Kind.CONDITION
        time = overlaps(person, entry, Span(FLOOR, FLOOR, person.on) if status else window)
        if status and atom.window is not None:
            time = every(time, unknown(Reason.UNDATED))
        also = [either(person, entry.code, name) for name in atom.also]
        means = YES if historic else means
        return every(means, *also, other_than(person, entry.code, atom.unless), standing(entry), time)

    found = best(graded(e) for e in person.of(Kind.PROCEDURE, Kind.CONDITION))
    silent = absent(person, atom.concept, "procedure", (Family.PROCEDURES,), window.start_low)
    return capped(atom.window, against(person, atom, found, silent, Kind.PROCEDURE, window))


def immunization(person: Person, atom: Immunization) -> Grade:
    if anchorless(atom.window):
        return unknown(Reason.NO_ANCHOR)
    window = span(person, atom.window)
    found = best(
        every(meaning(person, e.code, atom.concept), standing(e), overlaps(person, e, window))
        for e in person.of(Kind.IMMUNIZATION)
    )
    silent = absent(person, atom.concept, "immunization", (Family.IMMUNIZATIONS,), window.start_low)
    return capped(atom.window, against(person, atom, found, silent, Kind.IMMUNIZATION, window))


def against(
    person: Person, atom: Procedure | Immunization, found: Grade, silent: Grade, kind: Kind, window: Span
) -> Grade:
    """What was found beside a record, for all of the window, that it was not done."""
    birth = FLOOR if person.patient.birth is None else person.patient.birth[0]
    first = max(birth, window.start_low)
    denied = any(
        e.fact.standing is Standing.DENIED
        and denies(person, e, atom.concept)
        and e.fact.start_high <= first
        and e.fact.end_low >= min(window.end, person.on)
        for e in person.of(kind)
    )
    if found.truth < Truth.UNKNOWN:
        return NO if denied else silent
    return unknown(Reason.CONFLICTING) if denied and found.truth > Truth.UNKNOWN else found


def encounter(person: Person, atom: Encounter) -> Grade:
    if anchorless(atom.window):
        return unknown(Reason.NO_ANCHOR)
    window = span(person, atom.window)
    found = best(
        every(
            setting(atom, e), purpose(person, e.codes("reason"), atom.reason), standing(e), overlaps(person, e, window)
        )
        for e in person.of(Kind.ENCOUNTER)
    )
    if found.truth < Truth.UNKNOWN:
        read = covered(person, (Family.ENCOUNTERS,), window.start_low)
        found = read if read != YES else unknown(Reason.ABSENT)
    return capped(atom.window, found)


def setting(atom: Encounter, entry: Entry) -> Grade:
    if atom.setting == "any":
        return YES
    stated = setting_of(entry.codes("category").codings)
    return is_so(stated == atom.setting) if stated else unknown(Reason.CODE_TOO_COARSE)


def purpose(person: Person, stated: CodeSet, concept: str | None) -> Grade:
    """Whether the recorded reason is the concept; none recorded says nothing, one recorded otherwise says no.

    A code of a system in which the concept is not exhaustive cannot say no; words that do not name it can.
    """
    if concept is None:
        return YES
    if stated == CodeSet():
        return unknown(Reason.ABSENT)
    found = either(person, stated, concept)
    if found != NO or not is_coded(stated):
        return found
    complete = any(person.terminology.is_complete(concept, system) for system, _ in stated.codings)
    return NO if complete else unknown(Reason.CONCEPT_INCOMPLETE)
