"""Results inside a window reduced to one truth, and a result's own limits; shared by all that compare results."""

from __future__ import annotations

from fhirtrial.criteria.tree import Measurement, Ordinal, Result, Window
from fhirtrial.expressions.cql import windows
from fhirtrial.expressions.cql.atoms.phrases import NO_ANCHOR, assumed
from fhirtrial.expressions.cql.families import family_list
from fhirtrial.expressions.cql.names import name
from fhirtrial.expressions.cql.piece import Helper, Piece
from fhirtrial.expressions.cql.quantities import converted
from fhirtrial.expressions.cql.windows import Span
from fhirtrial.terminology import Terminology
from fhirtrial.terminology.policy import load_policy

Judged = Measurement | Ordinal | Result
PLAIN = '"Quotient"(F.low, F.divisor), "Quotient"(F.high, F.divisor)'
"""A row's interval in its own unit."""
PARTS = frozenset({"truth", "dates", "codes", "observations", "results"})


def span_of(concept: str, window: Window | None, terminology: Terminology) -> Span | None:
    if window is not None:
        return windows.resolved(window)
    return windows.recent(load_policy().recency_days(terminology.concept(concept)))


def reduced(
    atom: Judged,
    span: Span | None,
    grade: str,
    select: str,
    *,
    empty: str = "F.empty",
    count: int = 1,
    parts: frozenset[str] = frozenset(),
    concepts: frozenset[str] = frozenset(),
    helpers: tuple[Helper, ...] = (),
) -> Piece:
    """`grade` is the truth of one row F, `empty` whether it holds nothing to judge; select is latest, any or all."""
    if span is None:
        return Piece.unknown(NO_ANCHOR)
    rows = rows_of(atom.concept, span, grade, select, empty)
    reducer = {
        "latest": f'"Latest of"({rows})',
        "any": f'"Any result"({rows}, {count})',
        "all": f'"All results"({rows})',
    }
    return Piece(
        assumed(reducer[select], family_list(atom), holds=span.assumed),
        f'exists "Results of"({name(atom.concept)})',
        parts=PARTS | parts,
        concepts=frozenset({atom.concept}) | concepts,
        helpers=helpers,
    )


def rows_of(concept: str, span: Span, grade: str, select: str, empty: str = "F.empty") -> str:
    """The concept's results with what a reduction asks of each; a doubtful code or status leaves any truth open."""
    # Of several, one that may be another concept's and does not say so anyway is no result of this one.
    where = "\n      where not (F.named is null and met is false)" if select == "any" else ""
    return (
        f'(("Results of"({name(concept)})) F\n'
        f"      let met: {grade}{where}\n"
        "      return all {\n"
        '        grade: "Grade"(if F.sure is null then null as Boolean else met),\n'
        f'        placed: "Grade"("Placed"(F.startLow, F.startHigh, F.lastDay, {span.days})),\n'
        f"        empty: {empty} and met is null, earliest: F.earliest, latest: F.latest\n"
        "      })"
    )


def limit(concept: str, side: str, terminology: Terminology) -> tuple[str, tuple[Helper, ...]]:
    """The row's own limit of normal in its own unit; a range in another unit goes through the concept's."""
    own = terminology.concept(concept).unit
    if own is None:
        other = '-"Infinity"'
        helpers: tuple[Helper, ...] = ()
    else:
        function = converted(concept, own, terminology)
        helpers = (function,)
        other = f'Coalesce({function.name}(R.{side}, 1.0, R.unit) / {function.name}(1.0, 1.0, F.unit), -"Infinity")'
    ranges = (
        f'(("Limits"(F.ranges, F.unit)) R where R.{side} is not null\n'
        f"            return all (if R.unit = F.unit then R.{side} else {other}))"
    )
    return f'"One limit"({ranges})', helpers
