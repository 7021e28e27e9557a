"""Numeric results, ordinal classes and changes between two results, compared with a criterion's limit."""

from __future__ import annotations

from itertools import permutations

from scalar.days import anchorless, capped, compared, contained, moved
from scalar.grade import NO, YES, Grade, best, every, unknown
from scalar.meaning import meaning, standing
from scalar.person import Entry, Person
from scalar.results import Candidate, all_of, candidates, latest, period, silence, some, spoken
from scalar.values import EMPTY, Numbers, absolute, compare, in_unit, numbers, times_limit

from fhirtrial.criteria.tree import Change, Measurement, Ordinal
from fhirtrial.criteria.truth import Truth
from fhirtrial.matching.reasons import Reason
from fhirtrial.patients.facts import Kind
from fhirtrial.terminology import units


def measurement(person: Person, atom: Measurement) -> Grade:
    if anchorless(atom.window):
        return unknown(Reason.NO_ANCHOR)
    within = period(person, atom.concept, atom.window)
    found = candidates(person, atom.concept, lambda e: judged(person, atom, e), within)
    told = selected(atom, found)
    return capped(atom.window, silence(person, atom.concept, within) if told is None else told)


def selected(atom: Measurement, found: list[Candidate]) -> Grade | None:
    rising = atom.op in (">", ">=")
    match atom.select:
        case "latest" if atom.count == 1:
            return latest(spoken(found))
        case "any" | "latest":
            return some(found, atom.count)
        case "all":
            return all_of(found)
        case "min":
            return all_of(found) if rising else some(found)
        case "max":
            return some(found) if rising else all_of(found)


def judged(person: Person, atom: Measurement, entry: Entry) -> Grade:
    if atom.over is not None:
        return divided(person, atom, atom.over, entry)
    if atom.of != "absolute":
        return times_limit(person, entry, atom.concept, atom.of, atom.op, atom.value)
    return absolute(entry, person.terminology.concept(atom.concept), atom.op, atom.value, atom.unit)


def divided(person: Person, atom: Measurement, over: str, entry: Entry) -> Grade:
    """By the results of the other concept at the same moment, which must agree; a share counts as a number."""
    above, concept, below = numbers(entry), person.terminology.concept(atom.concept), person.terminology.concept(over)
    converted = in_unit(above, entry.unit, atom.unit or concept.unit or "1", concept.molar_mass) if above else None
    if converted is None:
        return unknown(Reason.UNIT_NOT_CONVERTIBLE if above else Reason.ABSENT)
    shares = set()
    for other in person.of(Kind.OBSERVATION):
        if every(meaning(person, other.code, over), standing(other)) != YES or other.fact.instant != entry.fact.instant:
            continue
        given = numbers(other)
        there = in_unit(given, other.unit, below.unit or "1", below.molar_mass) if given else None
        usable = there is not None and there.low == there.high > 0
        shares.add(units.convert(there.low, below.unit or "1", "1") if there is not None and usable else None)
    if len(shares) != 1 or None in shares:
        return unknown(Reason.CONFLICTING if len(shares) > 1 else Reason.ABSENT)
    share = shares.pop() or 1.0
    low, high = units.comparable(converted.low / share), units.comparable(converted.high / share)
    return compare(Numbers(low, high, converted.open_low, converted.open_high), atom.op, atom.value)


def ordinal(person: Person, atom: Ordinal) -> Grade:
    if anchorless(atom.window):
        return unknown(Reason.NO_ANCHOR)
    within = period(person, atom.concept, atom.window)
    found = candidates(person, atom.concept, lambda e: classed(person, atom, e), within)
    told = latest(spoken(found))
    return capped(atom.window, silence(person, atom.concept, within) if told is None else told)


def classed(person: Person, atom: Ordinal, entry: Entry) -> Grade:
    table = person.terminology.concept(atom.concept).ordinals
    stated = entry.codes("value")
    ranks = {table[pair] for pair in stated.codings if pair in table}
    ranks = ranks or {table[word] for w in stated.words if (word := w.strip().lower()) in table}
    given = numbers(entry)
    plain = in_unit(given, entry.unit, "1", None) if given is not None else None
    if plain is not None and plain.low == plain.high and plain.low in table.values():
        ranks = {int(plain.low)}
    if len(ranks) != 1:
        return unknown(Reason.ABSENT if entry.fact.value_kind in EMPTY else Reason.NOT_COMPUTABLE)
    rank = float(ranks.pop())
    return compare(Numbers(rank, rank), atom.op, float(atom.rank))


def change(person: Person, atom: Change) -> Grade:
    """Some later result inside the window against an earlier one that is no further back than asked."""
    if anchorless(atom.window):
        return unknown(Reason.NO_ANCHOR)
    within = period(person, atom.concept, atom.window)
    found = [e for e in person.of(Kind.OBSERVATION) if e.fact.value_kind not in EMPTY]
    found = [e for e in found if every(meaning(person, e.code, atom.concept), standing(e)) == YES]
    pairs = []
    for before, after in permutations(found, 2):
        times = every(contained(after, within), apart(atom, before, after), ordered(before, after))
        if times != NO:
            pairs.append(every(times, moved_by(person, atom, before, after)))
    if pairs:
        return capped(atom.window, best(pairs))
    silent = silence(person, atom.concept, within)
    return capped(atom.window, silent if silent.truth is Truth.UNKNOWN else unknown(Reason.ABSENT))


def ordered(before: Entry, after: Entry) -> Grade:
    if before.fact.instant < after.earliest:
        return YES
    return NO if after.fact.instant < before.earliest else unknown(Reason.UNDATED)


def apart(atom: Change, before: Entry, after: Entry) -> Grade:
    if atom.within is None:
        return YES
    sure = after.fact.start_high <= moved(before.fact.start_low, atom.within)
    never = after.fact.start_low > moved(before.fact.start_high, atom.within)
    return compared(sure, never)


def moved_by(person: Person, atom: Change, before: Entry, after: Entry) -> Grade:
    concept = person.terminology.concept(atom.concept)
    unit = concept.unit if atom.relative else atom.unit
    ends = []
    for entry in (before, after):
        given = numbers(entry)
        there = in_unit(given, entry.unit, unit or "1", concept.molar_mass) if given is not None else None
        if there is None or there.low != there.high:
            return unknown(Reason.UNIT_NOT_CONVERTIBLE)
        ends.append(there.low)
    difference = ends[1] - ends[0] if atom.direction == "increase" else ends[0] - ends[1]
    if atom.relative:
        if ends[0] == 0:
            return unknown(Reason.NOT_COMPUTABLE)
        difference *= 100 / abs(ends[0])
    amount = units.comparable(difference)
    return compare(Numbers(amount, amount), atom.op, atom.amount)
