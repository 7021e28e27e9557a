"""Questions that a person answers: the latest completed answer speaks, and without one the question stays open."""

from __future__ import annotations

from scalar.days import begun
from scalar.grade import Grade, is_so, unknown
from scalar.person import Entry, Person
from scalar.results import Candidate, latest

from fhirtrial.criteria.tree import Atom, Defect, NotComputable, Residue
from fhirtrial.criteria.truth import Truth
from fhirtrial.matching.reasons import Reason
from fhirtrial.patients.facts import Kind, Standing, ValueKind


def answer(person: Person, questionnaire: str, link_id: str) -> Grade | None:
    pair = (questionnaire, link_id)
    given = [e for e in person.of(Kind.ANSWER) if pair in e.code.codings and begun(person, e).truth > Truth.NO]
    return latest([Candidate(e, begun(person, e), said(e)) for e in given])


def said(entry: Entry) -> Grade:
    if entry.fact.standing is not Standing.ASSERTED:
        return unknown(Reason.UNCONFIRMED)
    return is_so(bool(entry.fact.low)) if entry.fact.value_kind is ValueKind.BOOLEAN else unknown(Reason.NEEDS_HUMAN)


def unanswered(atom: Atom) -> Grade:
    match atom:
        case Residue():
            return unknown(Reason.RESIDUE)
        case NotComputable() | Defect():
            return unknown(Reason.NOT_COMPUTABLE)
        case _:
            return unknown(Reason.NEEDS_HUMAN)
