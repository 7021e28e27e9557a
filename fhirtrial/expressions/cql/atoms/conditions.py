"""Conditions: the concept, its time by `when`, severity, course and stage, against denials and absence."""

from __future__ import annotations

from fhirtrial.criteria.tree import Condition
from fhirtrial.expressions.cql import windows
from fhirtrial.expressions.cql.atoms.phrases import NO_ANCHOR, absence, assumed, conjunction, none_of
from fhirtrial.expressions.cql.concepts import denials, heads
from fhirtrial.expressions.cql.lexicon import Entry, severities
from fhirtrial.expressions.cql.names import UNKNOWN, name, string, strings
from fhirtrial.expressions.cql.piece import Piece
from fhirtrial.expressions.cql.windows import Span
from fhirtrial.terminology import Terminology

_PARTS = frozenset({"truth", "dates", "codes", "conditions"})
_PERIOD = "F.startLow, F.startHigh, F.endLow, F.endHigh"


def condition(atom: Condition, terminology: Terminology, *, silent: str | None = None, fresh: str = "") -> Piece:
    """`silent` stands for the policy's absence, `fresh` for a further test of the fact."""
    default = windows.AT if atom.when == "active" else windows.UNTIL
    span = default if atom.window is None else windows.resolved(atom.window)
    if span is None:
        return Piece.unknown(NO_ANCHOR)
    grade = conjunction(
        _time(atom, span),
        "F.standing",
        none_of(atom.unless),
        *(f'"Is or was"(F.keys, F.words, {name(other)})' for other in atom.also),
        _severity(atom.severity) if atom.severity else "",
        _course(atom.course) if atom.course else "",
        _stage(atom.stage) if atom.stage else "",
        fresh,
    )
    facts = f'"Conditions of"({name(atom.concept)})'
    absent = silent or absence("condition", atom.concept, "conditions", "Condition systems", terminology)
    judged = (
        f'"Judged"(\n    (({facts}) F\n      return all {{\n        grade: "Grade"(\n          {grade}),\n'
        f'        on: "Told on"(F.startHigh, F.written)\n      }}),\n    {_denials(atom.concept, terminology)},\n'
        f"    {absent})"
    )
    return Piece(
        assumed(judged, "conditions", holds=span.assumed),
        f"exists {facts}",
        parts=_PARTS,
        concepts=frozenset({atom.concept, *atom.unless, *atom.also}),
    )


def _time(atom: Condition, span: Span) -> str:
    """Codes of a history say that it was once so, not when, and that it is not so now."""
    once = "true" if atom.window is None else UNKNOWN
    match atom.when:
        case "onset":
            now, then = f'"Began"(F.startLow, F.startHigh, {span.days})', UNKNOWN
        case "active" if atom.window is None:
            now, then = f'"Current"(F.course, {_PERIOD})', "false"
        case "history":
            now = f"(F.course = 'over' or F.endHigh <= IndexDate) and \"Overlaps\"({_PERIOD}, {span.days})"
            then = "true"
        case "active":
            now, then = f'"Overlaps"({_PERIOD}, {span.days})', "false"
        case _:
            now, then = f'"Overlaps"({_PERIOD}, {span.days})', once
    past = f'{then} and "Overlaps"({_PERIOD}, {windows.UNTIL.days})'
    return f"(if F.past then {past}\n            else F.named and {now})"


def _denials(concept: str, terminology: Terminology) -> str:
    refuted = f'F.standing is false and "Any of"(F.keys, {heads(concept, terminology)})'
    said = denials(concept, terminology)
    told = f'\n        or F.standing is true and "Any of"(F.keys, {said})' if "'" in said else ""
    return (
        f'("Conditions" F\n      where F.startLow <= IndexDate and ({refuted}{told})\n'
        '      return all "Told on"(F.startHigh, F.written))'
    )


def _severity(least: str) -> str:
    """At least so severe, by code, else by its whole text; not stated is open."""
    order = tuple(severities())
    fits = order[order.index(least) :]
    tests = (
        _recorded([severities()[name] for name in order if (name in fits) is side], side) for side in (True, False)
    )
    return f"(case {' '.join(tests)} else {UNKNOWN} end)"


def _recorded(entries: list[Entry], side: bool) -> str:
    if not entries:
        return ""
    codes = strings(key for entry in entries for key in entry.keys)
    texts = strings(text for entry in entries for text in entry.texts)
    return f'when "Any of"(F.severity, {codes}) or F.severityWords in {texts} then {str(side).lower()}'


def _course(asked: str) -> str:
    if asked != "recurrent":
        return UNKNOWN
    return (
        "(case when F.course = 'recurrent' then true when F.course in { 'now', 'over' } then false "
        f"else {UNKNOWN} end)"
    )


def _stage(asked: str) -> str:
    return f"(if Coalesce(F.stage, '') = '' then {UNKNOWN} else F.stage = {string(asked.lower())})"
