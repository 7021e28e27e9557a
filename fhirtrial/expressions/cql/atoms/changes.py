"""Change between two results of one measurement: some pair, the later of them inside the window, moved so far."""

from __future__ import annotations

from fhirtrial.criteria.tree import Change
from fhirtrial.expressions.cql import windows
from fhirtrial.expressions.cql.atoms.phrases import NO_ANCHOR, assumed
from fhirtrial.expressions.cql.atoms.results import PARTS, span_of
from fhirtrial.expressions.cql.families import family_list
from fhirtrial.expressions.cql.names import UNKNOWN, decimal, name, string
from fhirtrial.expressions.cql.piece import Piece
from fhirtrial.expressions.cql.quantities import converted, one
from fhirtrial.terminology import Terminology


def change(atom: Change, terminology: Terminology) -> Piece:
    """Two results of which nobody knows which came first are a pair both ways, and undated."""
    span = span_of(atom.concept, atom.window, terminology)
    if span is None:
        return Piece.unknown(NO_ANCHOR)
    unit = (terminology.concept(atom.concept).unit if atom.relative else atom.unit) or ""
    function = converted(atom.concept, unit, terminology)
    earlier, later = (f'"Significant"({one(function, "low", row)})' for row in "EL")
    moved = f"({later} - {earlier})" if atom.direction == "increase" else f"({earlier} - {later})"
    if atom.relative:
        moved = f"(100.0 * {moved} / Abs({earlier}))"
    exact = " and ".join(f"{row}.low = {row}.high and {row}.comparator is null" for row in "EL")
    far = (
        f'"Meets"({moved}, {moved}, false, false, null as String,\n'
        f"            {string(atom.op)}, {decimal(atom.amount)})"
    )
    facts = f'(("Results of"({name(atom.concept)})) S where S.sure is true and not S.empty)'
    pairs = (
        f"from {facts} E, {facts} L\n"
        f'      let placed: "Placed"(L.startLow, L.startHigh, L.lastDay, {span.days}),\n'
        f"        near: {_near(atom)},\n"
        f"        moved: if {exact} then\n            {far}\n          else {UNKNOWN}\n"
        "      where not Coalesce(E.place = L.place, E.latest = L.latest and E.low = L.low)\n"
        "        and not (placed is false) and not (near is false) and L.latest >= E.earliest\n"
        '      return all "Grade"(if moved is false or placed and near and E.latest < L.earliest then moved\n'
        f"        else {UNKNOWN})"
    )
    return Piece(
        assumed(f'"Reached"(({pairs}), 1)', family_list(atom), holds=span.assumed),
        f"exists {facts}",
        parts=PARTS,
        concepts=frozenset({atom.concept}),
        helpers=(function,),
    )


def _near(atom: Change) -> str:
    """Whether the two are no further apart than `within`, by the calendar."""
    moved = windows.length(atom.within) if atom.within is not None else None
    if moved is None:
        return "true" if atom.within is None else "L.startHigh <= E.startLow"
    first, last = (
        f'(if E.{day} > "Floor" and E.{day} < "Ceiling" then E.{day} + {moved} else E.{day})'
        for day in ("startLow", "startHigh")
    )
    return f"if L.startHigh <= {first} then true\n          else if L.startLow > {last} then false else {UNKNOWN}"
