"""Things that happened: procedures, stays and visits, vaccinations."""

from __future__ import annotations

from fhirtrial.criteria.tree import Encounter, Immunization, Procedure
from fhirtrial.expressions.cql import windows
from fhirtrial.expressions.cql.atoms.phrases import NO_ANCHOR, absence, assumed, conjunction, none_of, some
from fhirtrial.expressions.cql.concepts import complete, heads
from fhirtrial.expressions.cql.families import family_list
from fhirtrial.expressions.cql.names import UNKNOWN, name, string
from fhirtrial.expressions.cql.piece import Piece
from fhirtrial.expressions.cql.windows import Span
from fhirtrial.terminology import Terminology

_PERIOD = "F.startLow, F.startHigh, F.endLow, F.endHigh"


def procedure(atom: Procedure, terminology: Terminology) -> Piece:
    return _happened(atom, "Procedure", terminology)


def immunization(atom: Immunization, terminology: Terminology) -> Piece:
    return _happened(atom, "Immunization", terminology)


def encounter(atom: Encounter, terminology: Terminology) -> Piece:
    """Absence of an encounter never speaks (docs/truth.md), so this confirms or leaves open."""
    span = _span(atom)
    if span is None:
        return Piece.unknown(NO_ANCHOR)
    setting = f"(if F.setting = '' then {UNKNOWN} else F.setting = {string(atom.setting)})"
    grade = conjunction(
        "F.standing",
        f'"Lasts"(F.course, {_PERIOD}, {span.days})',
        "" if atom.setting == "any" else setting,
        f'"Given for"(F.reasons, F.reasonWords, {complete(atom.reason, terminology)}, {name(atom.reason)})'
        if atom.reason
        else "",
    )
    return Piece(
        assumed(some('"Encounters"', grade, UNKNOWN), family_list(atom), holds=span.assumed),
        'exists "Encounters"',
        parts=frozenset({"truth", "dates", "codes", "references", "encounters"}),
        concepts=frozenset({atom.reason} if atom.reason else ()),
    )


def rows_of(atom: Procedure | Immunization, kind: str) -> str:
    """What was done, each with its grade; also by the status code of a condition, which says that it was, not when."""
    span = _span(atom)
    assert span is not None  # noqa: S101 - asked before
    further = []
    if isinstance(atom, Procedure):
        further = [none_of(atom.unless), *(f'"Is or was"(F.keys, F.words, {name(other)})' for other in atom.also)]
    grade = conjunction("F.named", "F.standing", f'"Lasts"(F.course, {_PERIOD}, {span.days})', *further)
    done = (
        f'(("{kind}s of"({name(atom.concept)})) F\n      return all {{ grade: "Grade"(\n          {grade}), '
        'on: "Told on"(F.startHigh, "Floor") })'
    )
    if not isinstance(atom, Procedure):
        return done
    ever = conjunction(
        "(F.past or F.named)", "F.standing", f'"Lasts"(F.course, {_PERIOD}, {windows.UNTIL.days})', *further
    )
    if atom.window is not None:
        ever = f"(if ({ever}) is false then false else {UNKNOWN})"
    status = (
        f'(("Conditions of"({name(atom.concept)})) F\n      return all {{ grade: "Grade"(\n          {ever}), '
        'on: "Told on"(F.startHigh, F.written) })'
    )
    return f"flatten {{\n    {done},\n    {status} }}"


def _happened(atom: Procedure | Immunization, kind: str, terminology: Terminology) -> Piece:
    span = _span(atom)
    if span is None:
        return Piece.unknown(NO_ANCHOR)
    family, families = f"{kind.lower()}s", family_list(atom)
    absent = absence(atom.kind, atom.concept, families, f"{kind} systems", span.first, terminology)
    judged = f'"Judged"(\n    {rows_of(atom, kind)},\n    {_not_done(atom, kind, span, terminology)},\n    {absent})'
    present = f'exists "{kind}s of"({name(atom.concept)})'
    named = (*atom.unless, *atom.also) if isinstance(atom, Procedure) else ()
    return Piece(
        assumed(judged, families, holds=span.assumed),
        f'{present} or exists "Conditions of"({name(atom.concept)})' if isinstance(atom, Procedure) else present,
        parts=frozenset({"truth", "dates", "codes", family} | ({"conditions"} if family == "procedures" else set())),
        concepts=frozenset({atom.concept, *named}),
    )


def _not_done(atom: Procedure | Immunization, kind: str, span: Span, terminology: Terminology) -> str:
    """A record that it was not done, by the concept's own code, denies it if its time covers the whole window."""
    return (
        f'("{kind}s" F\n      where F.standing is false and "Any of"(F.keys, {heads(atom.concept, terminology)})\n'
        f'        and F.startHigh <= "Later"(Coalesce("Birth earliest", "Floor"), {span.first}) '
        f"and F.endLow >= {span.last}\n      return all {span.last})"
    )


def _span(atom: Procedure | Immunization | Encounter) -> Span | None:
    return windows.UNTIL if atom.window is None else windows.resolved(atom.window)
