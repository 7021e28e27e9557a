"""Qualitative results: positive and negative by the closed lexicon, elevated and the like by mark or own limits."""

from __future__ import annotations

from fhirtrial.criteria.tree import Result
from fhirtrial.expressions.cql.atoms.results import PLAIN, limit, reduced, rows_of, span_of
from fhirtrial.expressions.cql.lexicon import readings
from fhirtrial.expressions.cql.names import UNKNOWN, strings
from fhirtrial.expressions.cql.piece import Helper, Piece
from fhirtrial.terminology import Terminology
from fhirtrial.terminology.policy import load_policy
from fhirtrial.terminology.qualitative import SAYS

_EMPTY = "F.empty and \"Marked\"(F.marks) = ''"


def result(atom: Result, terminology: Terminology) -> Piece:
    grade, helpers = _grade(atom, terminology)
    return reduced(
        atom,
        span_of(atom.concept, atom.window, terminology),
        grade,
        _select(atom, terminology),
        empty=_EMPTY,
        parts=frozenset({"limits", "qualitative"}),
        helpers=(*helpers, *_lexicon()),
    )


def judged(atom: Result, terminology: Terminology) -> str:
    """The concept's results, each with its grade; empty where the window's anchor is not known."""
    span = span_of(atom.concept, atom.window, terminology)
    grade, _ = _grade(atom, terminology)
    return rows_of(atom.concept, span, grade, _select(atom, terminology), _EMPTY) if span is not None else "{ }"


def _select(atom: Result, terminology: Terminology) -> str:
    """A serology stays positive: without a recency any positive decides, whatever came later."""
    recency = load_policy().recency_days(terminology.concept(atom.concept))
    return "any" if recency is None and atom.result == "positive" else atom.select


def _grade(atom: Result, terminology: Terminology) -> tuple[str, tuple[Helper, ...]]:
    high, helpers = limit(atom.concept, "high", terminology)
    low, _ = limit(atom.concept, "low", terminology)
    yes, no = (strings(words) for words in SAYS[atom.result])
    by_limits = (
        f'"By limits"({PLAIN}, F.bottomless, F.topless, F.comparator, {low}, {high},\n'
        '            not exists (("Limits"(F.ranges, F.unit)) R where R.low is not null))'
    )
    reading = (
        f'"Joined"(\n          if F.numeric and not F.ratio then {by_limits}\n'
        "          else if F.truth is not null then (if F.truth then 'positive' else 'negative')\n"
        '          else "Reading"(F.said, F.saidWords),\n          "Marked"(F.marks))'
    )
    return f'"Says"({reading}, {yes}, {no})', helpers


def _lexicon() -> tuple[Helper, ...]:
    by_code = "\n".join(
        f"    union (if \"Any of\"(keys, {strings(entry.keys)}) then {{ '{reading}' }} else List<String> {{ }})"
        for reading, entry in readings().items()
        if entry.keys
    ).replace("    union", "   ", 1)
    by_text = "\n".join(
        f"    when words in {strings(entry.texts)} then '{reading}'" for reading, entry in readings().items()
    )
    return (
        Helper('"Readings of"', f'define function "Readings of"(keys List<String>):\n{by_code}'),
        Helper(
            '"Worded reading"',
            f"define function \"Worded reading\"(words String):\n  case\n{by_text}\n    else ''\n  end",
        ),
        Helper(
            '"Says"',
            'define function "Says"(reading String, yes List<String>, no List<String>):\n'
            f"  if reading in yes then true else if reading in no then false else {UNKNOWN}",
        ),
    )
