"""Things that happened: procedures, stays and visits, vaccinations."""

from __future__ import annotations

from fhirtrial.criteria.tree import Encounter, Immunization, Procedure
from fhirtrial.expressions.cql import windows
from fhirtrial.expressions.cql.atoms.phrases import NO_ANCHOR, absence, assumed, conjunction, none_of, some
from fhirtrial.expressions.cql.names import UNKNOWN, name, string
from fhirtrial.expressions.cql.piece import Piece
from fhirtrial.terminology import Terminology


def procedure(atom: Procedure, terminology: Terminology) -> Piece:
    return _happened(atom, "Procedure", terminology, atom.unless, atom.also)


def immunization(atom: Immunization, terminology: Terminology) -> Piece:
    return _happened(atom, "Immunization", terminology)


def encounter(atom: Encounter) -> Piece:
    """Absence of an encounter never speaks (DESIGN §4), so this confirms or leaves open."""
    span = windows.UNTIL if atom.window is None else windows.resolved(atom.window)
    if span is None:
        return Piece.unknown(NO_ANCHOR)
    setting = f"(if F.setting = '' then {UNKNOWN} else F.setting = {string(atom.setting)})"
    grade = conjunction(
        "F.standing",
        f'"Overlaps"(F.startLow, F.startHigh, F.endLow, F.endHigh, {span.days})',
        "" if atom.setting == "any" else setting,
        f'"Given for"(F.reasons, F.reasonWords, {name(atom.reason)})' if atom.reason else "",
    )
    return Piece(
        assumed(some('"Encounters"', grade, UNKNOWN), "encounters", holds=span.assumed),
        'exists "Encounters"',
        parts=frozenset({"truth", "dates", "codes", "references", "encounters"}),
        concepts=frozenset({atom.reason} if atom.reason else ()),
    )


def _happened(
    atom: Procedure | Immunization,
    kind: str,
    terminology: Terminology,
    unless: tuple[str, ...] = (),
    also: tuple[str, ...] = (),
) -> Piece:
    span = windows.UNTIL if atom.window is None else windows.resolved(atom.window)
    if span is None:
        return Piece.unknown(NO_ANCHOR)
    family = f"{kind.lower()}s"
    facts = f'"{kind}s of"({name(atom.concept)})'
    grade = conjunction(
        "F.named",
        "F.standing",
        f'"Began"(F.startLow, F.startHigh, {span.days})',
        none_of(unless),
        *(f'"Is or was"(F.keys, F.words, {name(other)})' for other in also),
    )
    absent = absence(atom.kind, atom.concept, family, f"{kind} systems", terminology)
    return Piece(
        assumed(some(facts, grade, absent), family, holds=span.assumed),
        f"exists {facts}",
        parts=frozenset({"truth", "dates", "codes", family}),
        concepts=frozenset({atom.concept, *unless, *also}),
    )
