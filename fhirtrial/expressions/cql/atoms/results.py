"""Results inside a window reduced to one truth, and a result's own limits; shared by all that compare results."""

from __future__ import annotations

from fhirtrial.criteria.tree import Window
from fhirtrial.expressions.cql import windows
from fhirtrial.expressions.cql.atoms.phrases import NO_ANCHOR, assumed
from fhirtrial.expressions.cql.names import name
from fhirtrial.expressions.cql.piece import Helper, Piece
from fhirtrial.expressions.cql.quantities import converted
from fhirtrial.expressions.cql.windows import Span
from fhirtrial.terminology import Terminology
from fhirtrial.terminology.policy import load_policy

PARTS = frozenset({"truth", "dates", "codes", "observations", "results"})


def span_of(concept: str, window: Window | None, terminology: Terminology) -> Span | None:
    if window is not None:
        return windows.resolved(window)
    return windows.recent(load_policy().recency_days(terminology.concept(concept)))


def reduced(
    concept: str,
    span: Span | None,
    grade: str,
    select: str,
    *,
    count: int = 1,
    parts: frozenset[str] = frozenset(),
    concepts: frozenset[str] = frozenset(),
    helpers: tuple[Helper, ...] = (),
) -> Piece:
    """`grade` is the truth of one row F; select is latest, any or all."""
    if span is None:
        return Piece.unknown(NO_ANCHOR)
    facts = f'"Results of"({name(concept)})'
    rows = (
        f"(({facts}) F\n"
        f'      let placed: "Grade"("Began"(F.startLow, F.startHigh, {span.days}))\n'
        "      where placed > 0\n"
        "      return all {\n"
        f'        grade: "Grade"(if F.sure is null then null as Boolean else {grade}),\n'
        "        placed: placed, empty: F.empty and not exists F.marks, earliest: F.earliest, latest: F.latest\n"
        "      })"
    )
    reducer = {
        "latest": f'"Latest of"({rows})',
        "any": f'"Any result"({rows}, {count})',
        "all": f'"All results"({rows})',
    }
    return Piece(
        assumed(reducer[select], "observations", holds=span.assumed),
        f"exists {facts}",
        parts=PARTS | parts,
        concepts=frozenset({concept}) | concepts,
        helpers=helpers,
    )


def limit(concept: str, side: str, terminology: Terminology) -> tuple[str, tuple[Helper, ...]]:
    """The row's own limit of normal in its own unit; a range in another unit goes through the concept's."""
    own = terminology.concept(concept).unit
    same = f'Coalesce("Unit of"(R.{side}), F.unit) = F.unit or "Unit of"(R.{side}) = \'\''
    if own is None:
        other = "-1.0"
        helpers: tuple[Helper, ...] = ()
    else:
        function = converted(concept, own, terminology)
        helpers = (function,)
        other = (
            f'Coalesce({function.name}(R.{side}.value.value, "Unit of"(R.{side})) / {function.name}(1.0, F.unit), -1.0)'
        )
    ranges = (
        f'(F.ranges R where "Fits"(R) and R.{side}.value is not null\n'
        f"            return all (if {same} then R.{side}.value.value else {other}))"
    )
    return f'"One limit"({ranges})', helpers
