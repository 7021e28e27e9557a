"""Qualitative results: the closed lexicon on value and interpretation, or the value against its own reference range."""

from __future__ import annotations

from scalar.days import anchorless, capped
from scalar.grade import NO, YES, Grade, unknown
from scalar.person import Entry, Person
from scalar.results import candidates, latest, period, silence, some, spoken
from scalar.values import EMPTY, compare, numbers, own_range, reading

from fhirtrial.criteria.tree import Result
from fhirtrial.matching.reasons import Reason
from fhirtrial.patients.facts import ValueKind

# What each reading makes of each question, undecided where it is not here: a number above its own cut-off is positive.
SAYS: dict[str, dict[str, Grade]] = {
    "positive": {"positive": YES, "elevated": YES, "negative": NO, "normal": NO},
    "negative": {"positive": NO, "elevated": NO, "negative": YES, "normal": YES},
    "elevated": {"elevated": YES, "decreased": NO, "normal": NO},
    "decreased": {"elevated": NO, "decreased": YES, "normal": NO},
    "normal": {"elevated": NO, "decreased": NO, "normal": YES, "abnormal": NO},
    "abnormal": {"elevated": YES, "decreased": YES, "normal": NO, "abnormal": YES},
}


def result(person: Person, atom: Result) -> Grade:
    if anchorless(atom.window):
        return unknown(Reason.NO_ANCHOR)
    within = period(person, atom.concept, atom.window)
    found = candidates(person, atom.concept, lambda e: judged(person, atom.concept, atom.result, e), within)
    # A serology stays positive: without a recency any positive decides, whatever came later.
    lasting = person.policy.recency_days(person.terminology.concept(atom.concept)) is None
    told = some(found) if atom.select == "any" or (lasting and atom.result == "positive") else latest(spoken(found))
    return capped(atom.window, silence(person, atom.concept, within) if told is None else told)


def judged(person: Person, name: str, asked: str, entry: Entry) -> Grade:
    """Value and interpretation may complete each other, never contradict."""
    value, mark = valued(person, name, entry), reading(entry, "interpretation")
    if isinstance(value, Reason):
        value = None
    if value == "equivocal":
        return unknown(Reason.NOT_COMPUTABLE)
    if value and mark and opposed(value, mark):
        return unknown(Reason.CONFLICTING)
    said = value or mark
    nothing = said is None and entry.fact.value_kind in EMPTY
    return SAYS[asked].get(said or "", unknown(Reason.ABSENT if nothing else Reason.NOT_COMPUTABLE))


def opposed(value: str, mark: str) -> bool:
    return any({says.get(value), says.get(mark)} == {YES, NO} for says in SAYS.values())


def valued(person: Person, name: str, entry: Entry) -> str | Reason | None:
    """What the value says in the lexicon's words, a number by its own range; None where it says nothing."""
    fact = entry.fact
    if fact.value_kind is ValueKind.BOOLEAN:
        return "positive" if fact.low else "negative"
    if fact.value_kind in (ValueKind.CODED, ValueKind.TEXT):
        return reading(entry, "value")
    given = numbers(entry) if fact.value_kind is not ValueKind.RATIO else None
    own = own_range(person, entry, name) if given is not None else Reason.ABSENT
    if given is None or isinstance(own, Reason):
        return Reason.NO_REFERENCE_RANGE
    low, high = own
    if high is not None and compare(given, ">", high) == YES:
        return "elevated"
    if low is not None and compare(given, "<", low) == YES:
        return "decreased"
    inside = high is not None and compare(given, "<=", high) == YES
    return "normal" if inside and (low is None or compare(given, ">=", low) == YES) else None
