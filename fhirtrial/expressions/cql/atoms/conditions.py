"""Conditions: the concept, its time by `when`, severity, course and stage, against denials and absence."""

from __future__ import annotations

from fhirtrial.criteria.tree import Condition
from fhirtrial.expressions.cql import windows
from fhirtrial.expressions.cql.atoms.phrases import NO_ANCHOR, absence, assumed, conjunction, none_of
from fhirtrial.expressions.cql.concepts import denials, heads
from fhirtrial.expressions.cql.families import family_list
from fhirtrial.expressions.cql.lexicon import severities
from fhirtrial.expressions.cql.names import UNKNOWN, name, strings
from fhirtrial.expressions.cql.piece import Piece
from fhirtrial.expressions.cql.windows import Span
from fhirtrial.terminology import Terminology

_PARTS = frozenset({"truth", "dates", "codes", "conditions"})
_RANKS = {"mild": 1, "moderate": 2, "severe": 3}
_PERIOD = "F.startLow, F.startHigh, F.endLow, F.endHigh"


def condition(
    atom: Condition, terminology: Terminology, *, silent: str = "", fresh: str = "", unstated: str = ""
) -> Piece:
    """`silent` stands for the policy's absence, `fresh` for one more test, `unstated` for a course that is not told."""
    span = _span(atom)
    if span is None:
        return Piece.unknown(NO_ANCHOR)
    families = family_list(atom)
    absent = silent or absence("condition", atom.concept, families, "Condition systems", span.first, terminology)
    rows = graded(atom, unstated or f'"Presumed"(true, {families})', fresh)
    judged = f'"Judged"(\n    {rows},\n    {_denials(atom.concept, terminology)},\n    {absent})'
    return Piece(
        assumed(judged, families, holds=span.assumed),
        f'exists "Conditions of"({name(atom.concept)})',
        parts=_PARTS,
        concepts=frozenset({atom.concept, *atom.unless, *atom.also}),
    )


def graded(atom: Condition, unstated: str, fresh: str = "") -> str:
    """The concept's conditions, each with its grade and the day it is told of."""
    span = _span(atom)
    assert span is not None  # noqa: S101 - asked before
    grade = conjunction(
        _time(atom, span, unstated),
        "F.standing",
        none_of(atom.unless),
        *(f'"Is or was"(F.keys, F.words, {name(other)})' for other in atom.also),
        _severity(atom.severity) if atom.severity else "",
        _course(atom.course) if atom.course else "",
        _stage(atom.stage) if atom.stage else "",
        fresh,
    )
    return (
        f'(("Conditions of"({name(atom.concept)})) F\n      return all {{\n        grade: "Grade"(\n'
        f'          {grade}),\n        on: "Told on"(F.startHigh, F.written)\n      }})'
    )


def _span(atom: Condition) -> Span | None:
    default = windows.AT if atom.when == "active" else windows.UNTIL
    return default if atom.window is None else windows.resolved(atom.window)


def _time(atom: Condition, span: Span, unstated: str) -> str:
    """Codes of a history say that it was once so, not when, and that it is not so now."""
    current = f'"Current"(F.course, {_PERIOD}, {unstated})'
    held = f'"Held"(F.course, {_PERIOD}, {unstated}, {span.days})'
    match atom.when:
        case "onset":
            now, then = f'"Began"(F.startLow, F.startHigh, {span.days})', UNKNOWN
        case "active" if atom.window is None:
            now, then = current, "false"
        case "history":
            now, then = f'not {current} and "Overlaps"({_PERIOD}, {span.days})', "true"
        case "active":
            now, then = held, "false"
        case _:
            now, then = held, "true" if atom.window is None else UNKNOWN
    past = f'{then} and "Overlaps"({_PERIOD}, {windows.UNTIL.days})'
    return f"(if F.past then {past}\n            else F.named and {now})"


def _denials(concept: str, terminology: Terminology) -> str:
    refuted = f'F.standing is false and "Any of"(F.keys, {heads(concept, terminology)})'
    said = denials(concept, terminology)
    told = f'\n        or F.standing is true and "Any of"(F.keys, {said})' if "'" in said else ""
    return (
        f'("Conditions" F\n      where F.startLow <= IndexDate and ({refuted}{told})\n'
        '      return all "Denied on"(F.startHigh, F.written))'
    )


def _severity(least: str) -> str:
    """At least so severe, by code, else by one of its texts; not stated is open."""
    wanted = _RANKS[least]
    both = [([e for rank, e in severities().items() if (rank >= wanted) is side], side) for side in (True, False)]
    codes = " ".join(_recorded('"Any of"(F.severity', [k for e in of for k in e.keys], side) for of, side in both)
    texts = " ".join(_recorded('"Any of"(F.severityWords', [t for e in of for t in e.texts], side) for of, side in both)
    return f"(case {codes} {texts} else {UNKNOWN} end)"


def _recorded(test: str, listed: list[str], side: bool) -> str:
    return f"when {test}, {strings(listed)}) then {str(side).lower()}" if listed else ""


def _course(asked: str) -> str:
    """Active is the parent code of recurrence and relapse, so it denies neither."""
    return f"(if F.course = 'recurrent' then true else {UNKNOWN})" if asked == "recurrent" else UNKNOWN


def _stage(asked: str) -> str:
    """The same words are the stage; other words may still mean it, as every system writes stages its own way."""
    wanted = asked.casefold().removeprefix("stage ")
    return f'(if "Any of"(F.stage, {strings((wanted, f"stage {wanted}"))}) then true else {UNKNOWN})'
