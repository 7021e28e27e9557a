"""Which results of a concept speak, and how several make one truth: the latest, any, all, the lowest, the highest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scalar.days import Span, contained, span
from scalar.grade import NO, YES, Grade, best, every, ranked, unknown
from scalar.meaning import absent, meaning, standing
from scalar.person import Entry, Person
from scalar.values import in_unit, numbers

from fhirtrial.criteria.tree import Window
from fhirtrial.criteria.truth import Truth
from fhirtrial.matching.reasons import Reason
from fhirtrial.patients.facts import FLOOR, Family, Kind

Judge = Callable[[Entry], Grade]


@dataclass(frozen=True)
class Candidate:
    """`sure`: whether it lies inside the window; `says`: what its value makes of the question.

    `another`: it may be a result of something else, and its value would say no anyway.
    """

    entry: Entry
    sure: Grade
    says: Grade
    another: bool = False


def period(person: Person, name: str, window: Window | None) -> Span:
    """The window, else what the recency table allows."""
    if window is not None:
        return span(person, window)
    days = person.policy.recency_days(person.terminology.concept(name))
    start = FLOOR if days is None else person.on - days
    return Span(start, start, person.on)


def candidates(person: Person, name: str, judge: Judge, within: Span) -> list[Candidate]:
    found = []
    for entry in person.of(Kind.OBSERVATION):
        named, says = meaning(person, entry.code, name), judge(entry)
        sure, counts = contained(entry, within), every(named, standing(entry))
        if sure.truth > Truth.NO and counts.truth > Truth.NO:
            another = named != YES and says == NO
            found.append(Candidate(entry, sure, doubted(says, counts), another))
    return found


def doubted(says: Grade, counts: Grade) -> Grade:
    """A result whose code or status is doubtful says nothing for sure, whichever way it points."""
    return says if counts == YES else unknown(*says.reasons, *counts.reasons)


def spoken(found: Sequence[Candidate]) -> list[Candidate]:
    """Without the results that say nothing, where others say something."""
    valued = [c for c in found if Reason.ABSENT not in c.says.reasons]
    return valued if any(c.sure == YES for c in valued) else list(found)


def latest(found: Sequence[Candidate]) -> Grade | None:
    sure = [c for c in found if c.sure == YES]
    doubtful = [c for c in found if c.sure != YES]
    if not sure:
        return unknown(*(r for c in doubtful for r in c.sure.reasons | c.says.reasons)) if doubtful else None
    last = max(sure, key=lambda c: c.entry.fact.instant).entry
    together = [c.says for c in sure if c.entry.fact.instant >= last.earliest]
    if len({g.truth for g in together}) > 1:
        return unknown(Reason.CONFLICTING, *(r for g in together for r in g.reasons))
    truth = ranked(1, together)
    rivals = [c for c in doubtful if c.entry.fact.instant >= last.earliest and c.says.truth is not truth.truth]
    if rivals:
        return unknown(*(r for c in rivals for r in c.sure.reasons | c.says.reasons), *truth.reasons)
    return truth


def some(found: Sequence[Candidate], count: int = 1) -> Grade | None:
    """At least `count` results say so."""
    found = spoken([c for c in found if not c.another])
    if not found:
        return None
    told = [every(c.sure, c.says) for c in found]
    if all(c.sure != YES for c in found):
        return unknown(Reason.UNDATED, *(r for g in told for r in g.reasons))
    if len(told) < count:
        return every(best(told), unknown(Reason.ABSENT))
    return ranked(count, told)


def all_of(found: Sequence[Candidate]) -> Grade | None:
    found = spoken(found)
    if not found:
        return None
    told = [c.says if YES in (c.sure, c.says) else unknown(*c.sure.reasons, *c.says.reasons) for c in found]
    if all(c.sure != YES for c in found):
        return unknown(Reason.UNDATED, *(r for g in told for r in g.reasons))
    return every(*told)


def silence(person: Person, name: str, within: Span) -> Grade:
    """No result that counts: none was found, or only older ones."""
    if any(
        meaning(person, e.code, name) == YES and e.fact.start_high < within.start_low
        for e in person.of(Kind.OBSERVATION)
    ):
        return unknown(Reason.STALE)
    return absent(person, name, person.terminology.concept(name).kind, (Family.OBSERVATIONS,), within.start_low)


def last_number(person: Person, name: str, unit: str) -> float | None:
    """The number of the latest final result; None where there is none, or several latest that differ."""
    found = {}
    for c in candidates(person, name, lambda _: YES, period(person, name, None)):
        given = numbers(c.entry)
        there = in_unit(given, c.entry.unit, unit, None) if given is not None else None
        if c.sure == c.says == YES and there is not None and there.low == there.high > 0:
            found[c.entry] = there.low
    last = max(found, key=lambda e: e.fact.instant, default=None)
    values = {found[e] for e in found if last is not None and e.fact.instant >= last.earliest}
    return values.pop() if len(values) == 1 else None
