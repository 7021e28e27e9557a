"""Pregnancy, lactation, child-bearing potential: conditions, tests and sex together; rarely presumed."""

from __future__ import annotations

from fhirtrial.criteria.tree import Condition, Procedure, Reproductive, Result
from fhirtrial.expressions.cql.atoms.conditions import condition, graded
from fhirtrial.expressions.cql.atoms.events import procedure, rows_of
from fhirtrial.expressions.cql.atoms.qualitative import judged, result
from fhirtrial.expressions.cql.families import family_list
from fhirtrial.expressions.cql.names import UNKNOWN
from fhirtrial.expressions.cql.piece import Piece
from fhirtrial.terminology import Terminology

# Days after which a pregnancy on the problem list is no longer believed.
_LONGEST = 300
_PREGNANCY = Condition(concept="pregnancy", when="active")
_LACTATION = Condition(concept="lactation", when="active")
_MENOPAUSE = Condition(concept="menopause")
_HYSTERECTOMY = Procedure(concept="hysterectomy")
_TEST = Result(concept="hcg-pregnancy-test", result="positive")


def reproductive(atom: Reproductive, terminology: Terminology) -> Piece:
    match atom.state:
        case "pregnant":
            return _pregnant(atom, terminology)
        case "lactating":
            unstated = _presumed(atom)
            listed = condition(_LACTATION, terminology, silent=UNKNOWN, unstated=unstated)
            return _for_men(atom, listed.truth, _open(graded(_LACTATION, unstated)), listed)
        case _:
            return _potential(atom, terminology)


def _pregnant(atom: Reproductive, terminology: Terminology) -> Piece:
    """A current pregnancy on the record; a test decides where the list is silent or stale, and may contradict."""
    limit = f"IndexDate - {_LONGEST} days"
    old = f'(F.startHigh < {limit} or F.startLow = "Floor" and F.written > "Floor" and F.written < {limit})'
    fresh = f"(if {old} then {UNKNOWN} else true)"
    # As if its course were told, and as it may be presumed.
    firm, listed = (
        condition(_PREGNANCY, terminology, silent=UNKNOWN, fresh=fresh, unstated=unstated)
        for unstated in ("true", _presumed(atom))
    )
    tested = result(_TEST, terminology)
    truth = f'"Pregnant"(\n    {firm.truth},\n    {listed.truth},\n    {tested.truth})'
    rows = judged(_TEST, terminology)
    evidence = f'{_open(graded(_PREGNANCY, "true", fresh))}\n    or "Speaks"({rows})'
    return _for_men(atom, truth, evidence, listed, tested)


def _potential(atom: Reproductive, terminology: Terminology) -> Piece:
    """A uterus removed or a menopause on record ends it; nothing on record proves it."""
    unstated = _presumed(atom)
    removed = procedure(_HYSTERECTOMY, terminology)
    ceased = condition(_MENOPAUSE, terminology, unstated=unstated)
    truth = f"(if {removed.truth} is true\n    or {ceased.truth} is true then false else {UNKNOWN})"
    evidence = f"{_open(rows_of(_HYSTERECTOMY, 'Procedure'))}\n    or {_open(graded(_MENOPAUSE, unstated))}"
    return _for_men(atom, truth, evidence, removed, ceased)


def _presumed(atom: Reproductive) -> str:
    return f'"Presumed"(true, {family_list(atom)})'


def _open(rows: str) -> str:
    """Whether some of the rows is it, or may be."""
    return f"exists (({rows}) R where R.grade >= 1)"


def _for_men(atom: Reproductive, truth: str, evidence: str, *read: Piece) -> Piece:
    """Male without evidence of it is presumed not to be so (docs/truth.md)."""
    men = f"Patient.gender.value = 'male' and not ({evidence})"
    return Piece(
        f'Coalesce(\n    {truth},\n    if {men} then "Presumed"(false, {family_list(atom)}) else {UNKNOWN})',
        " or ".join(piece.present for piece in read),
        parts=frozenset({"reproduction"}).union(*(p.parts for p in read)),
        concepts=frozenset().union(*(p.concepts for p in read)),
        helpers=tuple(h for p in read for h in p.helpers),
    )
