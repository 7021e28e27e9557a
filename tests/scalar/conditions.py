"""Conditions: does some recorded one fit, does another record deny it, else what does silence say."""

from __future__ import annotations

from scalar.days import Span, anchorless, begun, capped, overlaps, span, within
from scalar.grade import NO, PRESUMED_YES, YES, Grade, best, every, is_so, opposite, unknown
from scalar.meaning import absent, denies, either, is_history, meaning, other_than, standing
from scalar.person import Entry, Person

from fhirtrial.criteria.tree import Condition
from fhirtrial.criteria.truth import Truth
from fhirtrial.matching.reasons import Reason
from fhirtrial.patients.facts import CEIL, FLOOR, Course, Family, Kind
from fhirtrial.terminology.severity import severity_rank

SEVERITIES = {"mild": 1, "moderate": 2, "severe": 3}


def condition(person: Person, atom: Condition, since: int = FLOOR) -> Grade:
    """What is older than the day `since` is no longer believed."""
    if anchorless(atom.window):
        return unknown(Reason.NO_ANCHOR)
    window = span(person, atom.window)
    entries = person.of(Kind.CONDITION)
    found = [(every(graded(person, atom, e, window), believed(e, since)), e) for e in entries]
    denials = [e for e in entries if denies(person, e, atom.concept) and begun(person, e).truth > Truth.NO]
    reaches = person.on if atom.when == "active" and atom.window is None else window.start_low
    silent = absent(person, atom.concept, "condition", (Family.CONDITIONS,), reaches)
    return capped(atom.window, weighed(found, denials, silent))


def believed(entry: Entry, since: int) -> Grade:
    """Begun, or where that is not known written down, not too long ago."""
    fact = entry.fact
    old = fact.start_high < since or (fact.start_low == FLOOR and FLOOR < fact.recorded < since)
    return unknown(Reason.STALE) if old else YES


def weighed(found: list[tuple[Grade, Entry]], denials: list[Entry], silent: Grade) -> Grade:
    """The best fact, unless a denial that is not older than the first of the facts that assert it contradicts them."""
    told = best(grade for grade, _ in found)
    if told.truth < Truth.UNKNOWN:
        return NO if denials else silent
    return unknown(Reason.CONFLICTING) if contradicted(found, denials) else told


def contradicted(found: list[tuple[Grade, Entry]], denials: list[Entry]) -> bool:
    asserted = [told_on(e) for grade, e in found if grade.truth > Truth.UNKNOWN]
    return any(asserted and (told_on(e) >= min(asserted) or told_on(e) == FLOOR) for e in denials)


def told_on(entry: Entry) -> int:
    """The last day on which it can have begun, else the day it was written down, else FLOOR: any day."""
    return entry.fact.start_high if entry.fact.start_high < CEIL else entry.fact.recorded


def graded(person: Person, atom: Condition, entry: Entry, window: Span) -> Grade:
    means = meaning(person, entry.code, atom.concept)
    past = means != YES and is_history(person, entry.code, atom.concept)
    return every(
        YES if past else means,
        *(either(person, entry.code, name) for name in atom.also),
        other_than(person, entry.code, atom.unless),
        standing(entry),
        once(person, atom, entry) if past else timed(person, atom, entry, window),
        severe(atom, entry),
        coursed(atom, entry),
        staged(atom, entry),
    )


def once(person: Person, atom: Condition, entry: Entry) -> Grade:
    """A code for "history of" does not say when; only that it is over."""
    if atom.when == "active":
        return NO
    if atom.window is None and atom.when != "onset":
        return begun(person, entry)
    return every(begun(person, entry), unknown(Reason.UNDATED))


def timed(person: Person, atom: Condition, entry: Entry, window: Span) -> Grade:
    match atom.when:
        case "onset":
            return begun(person, entry) if atom.window is None else within(person, entry, window)
        case "history":
            there = begun(person, entry) if atom.window is None else overlaps(person, entry, window)
            return every(there, opposite(current(person, entry)))
        case "active" if atom.window is None:
            return current(person, entry)
        case _:
            now = current(person, entry) if window.end >= person.on else NO
            return best([overlaps(person, entry, window), now if now.truth > Truth.UNKNOWN else NO])


def current(person: Person, entry: Entry) -> Grade:
    """Whether it holds at the index date, also where an active status is all that is said of its time."""
    fact = entry.fact
    undated = (fact.start_low, fact.start_high) == (FLOOR, CEIL)
    since = YES if undated else begun(person, entry)
    if fact.course in (Course.NOW, Course.RECURRENT):
        return since
    if fact.end_high == CEIL:
        return every(since, PRESUMED_YES if fact.course is Course.OPEN else NO)
    return overlaps(person, entry, Span(person.on, person.on, person.on))


def severe(atom: Condition, entry: Entry) -> Grade:
    if atom.severity is None:
        return YES
    stated = entry.codes("severity")
    rank = severity_rank(stated.codings, stated.words)
    return is_so(rank >= SEVERITIES[atom.severity]) if rank else unknown(Reason.ABSENT)


def coursed(atom: Condition, entry: Entry) -> Grade:
    """A relapse is recorded as such; that something is not one, or is acute, no status says."""
    if atom.course is None or (atom.course == "recurrent" and entry.fact.course is Course.RECURRENT):
        return YES
    return unknown(Reason.ABSENT)


def staged(atom: Condition, entry: Entry) -> Grade:
    if atom.stage is None:
        return YES
    words = {w.casefold() for w in entry.codes("stage").words}
    return YES if words & {atom.stage.casefold(), f"stage {atom.stage.casefold()}"} else unknown(Reason.ABSENT)
