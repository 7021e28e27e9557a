"""Pregnancy, lactation, child-bearing potential: conditions, tests and sex together; rarely presumed."""

from __future__ import annotations

from fhirtrial.criteria.tree import Condition, Procedure, Reproductive, Result
from fhirtrial.expressions.cql.atoms.conditions import condition
from fhirtrial.expressions.cql.atoms.events import procedure
from fhirtrial.expressions.cql.atoms.qualitative import result
from fhirtrial.expressions.cql.names import UNKNOWN
from fhirtrial.expressions.cql.piece import Piece
from fhirtrial.terminology import Terminology

# Days after which a pregnancy on the problem list is no longer believed (DESIGN §6).
_LONGEST = 300


def reproductive(atom: Reproductive, terminology: Terminology) -> Piece:
    match atom.state:
        case "pregnant":
            return _pregnant(terminology)
        case "lactating":
            listed = condition(Condition(concept="lactation", when="active"), terminology, silent=UNKNOWN)
            return _for_men(listed.truth, listed)
        case _:
            return _potential(terminology)


def _pregnant(terminology: Terminology) -> Piece:
    """A current pregnancy on the record; a test or stated status decides where the problem list is silent or stale."""
    limit = f"IndexDate - {_LONGEST} days"
    old = f'(F.startHigh < {limit} or F.startLow = "Floor" and F.written > "Floor" and F.written < {limit})'
    fresh = f"(if {old} then {UNKNOWN} else true)"
    pregnancy = Condition(concept="pregnancy", when="active")
    listed = condition(pregnancy, terminology, silent=UNKNOWN, fresh=fresh)
    tested = result(Result(concept="hcg-pregnancy-test", result="positive"), terminology)
    return _for_men(f"Coalesce(\n    {listed.truth},\n    {tested.truth})", listed, tested)


def _potential(terminology: Terminology) -> Piece:
    """A uterus removed or a menopause on record ends it; nothing on record proves it."""
    removed = procedure(Procedure(concept="hysterectomy"), terminology)
    ceased = condition(Condition(concept="menopause"), terminology)
    truth = f"if {removed.truth} is true\n    or {ceased.truth} is true then false else {UNKNOWN}"
    return _for_men(f"({truth})", removed, ceased)


def _for_men(truth: str, *read: Piece) -> Piece:
    """Male without evidence of it is presumed not to be so (DESIGN §4)."""
    present = " or ".join(piece.present for piece in read)
    men = f"Patient.gender.value = 'male' and not ({present})"
    return Piece(
        f"Coalesce(\n    {truth},\n    if {men} then \"Presumed\"(false, 'conditions') else {UNKNOWN})",
        present,
        parts=frozenset().union(*(p.parts for p in read)),
        concepts=frozenset().union(*(p.concepts for p in read)),
        helpers=tuple(h for p in read for h in p.helpers),
    )
