"""Change between two results of one measurement: some pair, the later of them inside the window, moved so far."""

from __future__ import annotations

from fhirtrial.criteria.tree import Change
from fhirtrial.expressions.cql.atoms.phrases import NO_ANCHOR, assumed
from fhirtrial.expressions.cql.atoms.results import PARTS, span_of
from fhirtrial.expressions.cql.names import UNKNOWN, decimal, name, string
from fhirtrial.expressions.cql.piece import Piece
from fhirtrial.expressions.cql.quantities import converted
from fhirtrial.terminology import Terminology

# The longest that a calendar unit can be, so that no pair within it is missed.
_LONGEST_HOURS = {"h": 1, "d": 24, "wk": 168, "mo": 744, "a": 8784}


def change(atom: Change, terminology: Terminology) -> Piece:
    span = span_of(atom.concept, atom.window, terminology)
    if span is None:
        return Piece.unknown(NO_ANCHOR)
    unit = (terminology.concept(atom.concept).unit if atom.relative else atom.unit) or ""
    function = converted(atom.concept, unit, terminology)
    earlier, later = f"{function.name}(E.value, E.unit)", f"{function.name}(L.value, L.unit)"
    moved = f"({later} - {earlier})" if atom.direction == "increase" else f"({earlier} - {later})"
    if atom.relative:
        moved = f"(100.0 * {moved} / Abs({earlier}))"
    exact = "E.comparator is null and L.comparator is null"
    bound = f"{string(atom.op)}, {decimal(atom.amount)}"
    # What did not move in that direction did not move by more; only "by less than" is met by it.
    still = "false" if atom.op in {">", ">="} else f'"Meets"({moved}, null, {bound})'
    within = _within(atom)
    facts = f'(("Results of"({name(atom.concept)})) S where S.sure is true)'
    pairs = (
        f'from {facts} E, {facts} L\n      let placed: "Began"(L.startLow, L.startHigh, {span.days})\n'
        f"      where E.latest < L.latest and not (placed is false){within}\n"
        f'      return all "Grade"(placed and (if {exact} then\n'
        f'          (if {moved} > 0 then "Meets"({moved}, null, {bound}) else {still})\n'
        f"          else {UNKNOWN}))"
    )
    truth = f'"Reached"(({pairs}), 1)'
    return Piece(
        assumed(truth, "observations", holds=span.assumed),
        f"exists {facts}",
        parts=PARTS,
        concepts=frozenset({atom.concept}),
        helpers=(function,),
    )


def _within(atom: Change) -> str:
    if atom.within is None:
        return ""
    if atom.within.unit not in _LONGEST_HOURS:
        return " and false"
    hours = round(atom.within.value * _LONGEST_HOURS[atom.within.unit])
    return f" and hours between E.latest and L.latest <= {hours}"
