"""Pregnancy, lactation and child-bearing potential: never presumed away for a woman."""

from __future__ import annotations

from scalar.conditions import condition, current
from scalar.days import Span, overlaps
from scalar.events import procedure
from scalar.grade import NO, PRESUMED_NO, YES, Grade, best, every, unknown
from scalar.meaning import covered, either, meaning, standing
from scalar.person import Entry, Person
from scalar.qualitative import judged, result
from scalar.results import Candidate, candidates, period

from fhirtrial.criteria.tree import Condition, Procedure, Reproductive, Result
from fhirtrial.criteria.truth import Truth
from fhirtrial.matching.reasons import Reason
from fhirtrial.patients.facts import CEIL, FLOOR, Family, Kind

LONGEST = 300
"""Days after which a recorded pregnancy cannot be the present one."""
TEST = Result(concept="hcg-pregnancy-test", result="positive")


def reproductive(person: Person, atom: Reproductive) -> Grade:
    match atom.state:
        case "pregnant":
            return pregnant(person)
        case "lactating":
            told = listed(person, "lactation")
            return silent(person, entries(person, "lactation")) if told is None else told
        case "childbearing-potential":
            return able(person)


def listed(person: Person, name: str, since: int = FLOOR) -> Grade | None:
    """What the problem list says of it now; None where it is silent."""
    told = condition(person, Condition(concept=name, when="active"), since)
    return None if told.truth is Truth.PRESUMED_NO or silence(person, name, told) else told


def silence(person: Person, name: str, told: Grade) -> bool:
    return told.truth is Truth.UNKNOWN and not entries(person, name) and Reason.CONFLICTING not in told.reasons


def entries(person: Person, name: str) -> list[tuple[Grade, Entry]]:
    """The entries that say, or may say, that it is so."""
    graded = [
        (every(meaning(person, e.code, name), standing(e), current(person, e)), e) for e in person.of(Kind.CONDITION)
    ]
    return [(grade, e) for grade, e in graded if grade.truth >= Truth.UNKNOWN]


def pregnant(person: Person) -> Grade:
    """The problem list where it knows; a pregnancy of which only old entries tell is stale, and a test decides."""
    told, found = listed(person, "pregnancy", person.on - LONGEST), entries(person, "pregnancy")
    tested = result(person, TEST)
    if told == NO and tested == YES:
        return unknown(Reason.CONFLICTING)
    if told is not None and told.truth is not Truth.UNKNOWN:
        return told
    if tested in (YES, NO):
        return tested
    hints = [*found, *((c.says, c.entry) for c in tests(person) if c.says.truth >= Truth.UNKNOWN)]
    return silent(person, hints) if told is None else told


def tests(person: Person) -> list[Candidate]:
    """The pregnancy tests that speak, else all that there are."""

    def judge(entry: Entry) -> Grade:
        return judged(person, TEST.concept, TEST.result, entry)

    recent = candidates(person, TEST.concept, judge, period(person, TEST.concept, None))
    return recent or candidates(person, TEST.concept, judge, Span(FLOOR, FLOOR, CEIL))


def able(person: Person) -> Grade:
    """A uterus removed or a menopause on record ends it; nothing proves it."""
    removed = procedure(person, Procedure(concept="hysterectomy"))
    ceased = condition(person, Condition(concept="menopause"))
    ended = best([removed, ceased])
    if ended.truth > Truth.UNKNOWN:
        return NO if ended == YES else PRESUMED_NO
    hints = [e for e in person.of(Kind.PROCEDURE, Kind.CONDITION) if hint(person, e)]
    return silent(person, [(unknown(), e) for e in hints])


def hint(person: Person, entry: Entry) -> bool:
    """Whether it tells, or may tell, of either."""
    names = ["hysterectomy"] if entry.fact.kind is Kind.PROCEDURE else ["hysterectomy", "menopause"]
    here = overlaps(person, entry, Span(FLOOR, FLOOR, person.on))
    return any(every(either(person, entry.code, n), standing(entry), here).truth >= Truth.UNKNOWN for n in names)


def silent(person: Person, hints: list[tuple[Grade, Entry]]) -> Grade:
    """Only of a man without any hint of it is it presumed not to be so."""
    if person.patient.sex == "male" and not hints and person.policy.presume_sensitive:
        return PRESUMED_NO
    read = covered(person, (Family.CONDITIONS,), person.on)
    return unknown(Reason.ABSENT) if read == YES else read
