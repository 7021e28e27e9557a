"""Exposures: what was taken or ordered, how, why, how much, for how long; an order alone is presumed."""

from __future__ import annotations

from scalar.conditions import contradicted
from scalar.days import Span, anchorless, capped, compared, moved, overlaps, span
from scalar.doses import daily, decided, dosed
from scalar.events import purpose
from scalar.grade import NO, YES, Grade, best, every, ranked, unknown
from scalar.meaning import absent, denies, meaning, other_than, standing
from scalar.person import DRUGS, Entry, Person

from fhirtrial.criteria.tree import Medication
from fhirtrial.criteria.truth import Truth
from fhirtrial.matching.reasons import Reason
from fhirtrial.patients.facts import CEIL, CodeSet, Course, Family, Kind, Standing
from fhirtrial.terminology.medicines import half_life_hours, product, within
from fhirtrial.terminology.routes import atc_route
from fhirtrial.terminology.systems import URIS

INJECTIONS = frozenset({"intravenous", "subcutaneous", "intramuscular"})
SYSTEMIC = INJECTIONS | {"oral", "injection", "systemic"}


def medication(person: Person, atom: Medication) -> Grade:
    if anchorless(atom.window):
        return unknown(Reason.NO_ANCHOR)
    window = span(person, atom.window)
    entries = person.of(*DRUGS)
    found = [(graded(person, atom, entry), entry) for entry in entries]
    found += [(grade, entry) for entry in entries[:1] if (grade := together(person, atom, entries)) is not None]
    reaches = person.on if atom.when == "current" else window.start_low
    silent = absent(person, atom.concept, "medication", (Family.MEDICATIONS,), reaches)
    told = counted(person, atom, found)
    if told.truth < Truth.UNKNOWN:
        denied = atom.when == "current" and atom.window is None and bool(refusals(person, atom, entries))
        told = NO if denied else silent
    elif atom.when == "current" and atom.window is None:
        refused = contradicted(found, refusals(person, atom, entries))
        told = unknown(Reason.CONFLICTING) if refused and told.truth > Truth.UNKNOWN else told
    if atom.outcome is not None and told.truth >= Truth.UNKNOWN:
        told = unknown(Reason.NEEDS_HUMAN, *told.reasons)
    return capped(atom.window, told)


def refusals(person: Person, atom: Medication, entries: list[Entry]) -> list[Entry]:
    """Statements that it is not taken; an order or an administration that was not carried out denies only itself."""
    return [
        e
        for e in entries
        if e.fact.kind is Kind.STATEMENT
        and e.fact.standing is Standing.DENIED
        and denies(person, e, atom.concept)
        and overlaps(person, e, Span(person.on, person.on, person.on)) == YES
    ]


def graded(person: Person, atom: Medication, entry: Entry) -> Grade:
    drug = next(iter(ingredients(person, atom.concept, entry.code)), atom.concept)
    window = span(person, atom.window, timing_drug(person, atom, entry))
    return every(
        meaning(person, entry.code, atom.concept, entry.route),
        *(meaning(person, entry.code, name, entry.route) for name in atom.also),
        other_than(person, entry.code, atom.unless, entry.route),
        standing(entry),
        running(person, entry) if atom.when == "current" else taken(person, atom, entry, window),
        routed(atom, entry),
        purpose(person, entry.codes("reason"), atom.indication),
        dosed(person, atom, entry, drug),
        lasted(person, atom, entry),
    )


def together(person: Person, atom: Medication, entries: list[Entry]) -> Grade | None:
    """Different drugs of the class taken at once: their doses add; one drug recorded twice is taken once."""
    if atom.dose is None or atom.dose.op not in (">", ">="):
        return None
    parts: dict[str, list[tuple[float, float]]] = {}
    mine: list[Entry] = []
    grades: list[Grade] = []
    for entry in entries:
        names = ingredients(person, atom.concept, entry.code)
        undosed = graded(person, atom.model_copy(update={"dose": None}), entry)
        amount = daily(person, atom.dose, entry, names[0]) if names else NO
        if undosed.truth > Truth.UNKNOWN and not isinstance(amount, Grade):
            mine.append(entry)
            grades.append(undosed)
            for name in names:
                parts.setdefault(name, []).append(amount)
    if len(parts) < 2:
        return None
    low = sum(max(a for a, _ in amounts) for amounts in parts.values())
    high = sum(max(b for _, b in amounts) for amounts in parts.values())
    facts = [entry.fact for entry in mine]
    last = min(*(f.end_low for f in facts), person.on)
    sure = max(f.start_high for f in facts) <= last
    never = max(f.start_low for f in facts) > min(*(f.end_high for f in facts), person.on)
    return every(best(grades), decided(atom.dose, low, high), compared(sure, never))


def taken(person: Person, atom: Medication, entry: Entry, window: Span) -> Grade:
    return overlaps(person, entry, window)


def running(person: Person, entry: Entry) -> Grade:
    """What is on hold is not taken; what is over without an end is over now."""
    fact = entry.fact
    if fact.course is Course.PAUSED:
        return NO
    if fact.course is Course.OVER and fact.end_high == CEIL:
        return NO
    return overlaps(person, entry, Span(person.on, person.on, person.on))


def timing_drug(person: Person, atom: Medication, entry: Entry) -> str:
    """The drug whose half-life counts: one that has one, and that the record names or may name."""
    named = [n for n in person.terminology.members(atom.concept) if meaning(person, entry.code, n).truth > Truth.NO]
    return next((n for n in reversed(named) if half_life_hours(n) is not None), atom.concept)


def routed(atom: Medication, entry: Entry) -> Grade:
    """The stated route, else the one that the product has."""
    if atom.route is None:
        return YES
    forms = {form for system, code in entry.code.codings if (form := form_of(system, code))}
    told = {fits(atom.route, route) for route in ([entry.route] if entry.route else forms)}
    return told.pop() if len(told) == 1 else unknown(Reason.ABSENT)


def fits(asked: str, route: str) -> Grade:
    """`systemic` may be any way into the whole body, an injection any of its kinds."""
    if asked == "systemic" and route in SYSTEMIC:
        return YES
    if within(route, frozenset((asked,))):
        return YES
    vague = route == "systemic" or (route == "injection" and asked in INJECTIONS)
    return unknown(Reason.CODE_TOO_COARSE) if vague else NO


def form_of(system: str, code: str) -> str:
    if system == URIS["rxnorm"]:
        found = product(code)
        return found.route if found is not None else ""
    return atc_route(code) if system == URIS["atc"] else ""


def lasted(person: Person, atom: Medication, entry: Entry) -> Grade:
    """Whether the exposure, up to the index date, is as long as asked."""
    if atom.min_duration is None:
        return YES
    fact = entry.fact
    low, high = min(fact.end_low, person.on), min(fact.end_high, person.on)
    sure = low >= moved(fact.start_high, atom.min_duration)
    return compared(sure, high < moved(fact.start_low, atom.min_duration))


def counted(person: Person, atom: Medication, found: list[tuple[Grade, Entry]]) -> Grade:
    """The best exposure; with `distinct`, the k-th of the best of each ingredient.

    Whether two codes that name no member of the class are two drugs is not known.
    """
    if atom.distinct == 1:
        return best(grade for grade, _ in found)
    each: dict[str, list[Grade]] = {}
    rest = []
    for grade, entry in found:
        names = ingredients(person, atom.concept, entry.code)
        for name in names:
            each.setdefault(name, []).append(grade)
        if not names:
            rest.append(grade)
    truths = [*(best(grades) for grades in each.values()), best(rest)]
    told = ranked(atom.distinct, [*truths, *[NO] * atom.distinct])
    possible = [g for g in (*truths[:-1], *rest) if g.truth >= Truth.UNKNOWN]
    return unknown(Reason.CODE_TOO_COARSE) if told.truth < Truth.UNKNOWN and len(possible) >= atom.distinct else told


def ingredients(person: Person, concept: str, codes: CodeSet) -> tuple[str, ...]:
    """The drugs under a class that the codes mean."""
    drugs = [name for name in person.terminology.members(concept) if not person.terminology.concept(name).members]
    return tuple(name for name in drugs if any(person.terminology.is_hit(name, s, c) for s, c in codes.codings))
