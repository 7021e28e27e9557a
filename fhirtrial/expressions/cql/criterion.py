"""One criterion as a CQL define over its atoms; one that CQL cannot carry has none and says why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.english import sentence
from fhirtrial.criteria.lower import Lowered, atoms, lower
from fhirtrial.criteria.tree import AtLeast, Atom, Not
from fhirtrial.expressions.cql.atoms import atom_piece
from fhirtrial.expressions.cql.names import UNKNOWN, name
from fhirtrial.expressions.cql.piece import Piece
from fhirtrial.terminology import Terminology

SCREENED = "Screened"
ELIGIBLE = "Eligible"


@dataclass(frozen=True)
class Define:
    """`expression` names the atoms' own defines; the library holds them."""

    name: str
    expression: str


@dataclass(frozen=True)
class NoCql:
    reason: str


@lru_cache(maxsize=256)
def cql(criterion: Criterion, terminology: Terminology) -> Define | NoCql:
    """The criterion as written: an exclusion is true for those whom it excludes."""
    found = pieces(criterion, terminology)
    if all(piece.why for piece in found.values()):
        return NoCql("; ".join(dict.fromkeys(piece.why for piece in found.values())))
    return Define(criterion.id, _composed(lower(criterion.tree), found, terminology))


def pieces(criterion: Criterion, terminology: Terminology) -> dict[Atom, Piece]:
    """The distinct atoms of the criterion in the order of its tree."""
    return {atom: _piece(atom, terminology) for atom in atoms(criterion.tree)}


def data_present(criterion: Criterion, terminology: Terminology) -> str:
    """Whether the record holds anything that the criterion reads."""
    told = (piece.present for piece in pieces(criterion, terminology).values() if piece.present)
    return "\n    or ".join(f"({present})" for present in dict.fromkeys(told)) or "false"


def atom_name(atom: Atom, terminology: Terminology) -> str:
    """An atom's define is named by what it asks."""
    return sentence(atom, lambda concept: terminology.concept(concept).label)


def through(criterion: Criterion) -> str:
    """The define that is true for those whom neither this criterion nor one before it rules out."""
    return f"Through {criterion.id}"


@lru_cache(maxsize=4096)
def _piece(atom: Atom, terminology: Terminology) -> Piece:
    return atom_piece(atom, terminology)


def _composed(node: Lowered, found: dict[Atom, Piece], terminology: Terminology) -> str:
    """What is lowered holds nothing but lowered nodes, which is more than their types say."""
    match node:
        case Not(node=inner):
            return f"not ({_composed(inner, found, terminology)})"  # type: ignore[arg-type]
        case AtLeast(k=k, nodes=nodes):
            return _at_least(k, [_composed(n, found, terminology) for n in nodes])  # type: ignore[arg-type]
        case atom:
            return f"({UNKNOWN})" if found[atom].why else name(atom_name(atom, terminology))


def _at_least(k: int, parts: list[str]) -> str:
    if k in {1, len(parts)}:
        return "(" + f"\n    {'and' if k > 1 else 'or'} ".join(parts) + ")"
    grades = ",\n    ".join(f'"Grade"({part})' for part in parts)
    return f'"At least"({k}, {{\n    {grades} }})'


def defined(criterion: Criterion, terminology: Terminology) -> Iterator[tuple[Atom, Piece]]:
    """The atoms that need a define of their own."""
    return ((atom, piece) for atom, piece in pieces(criterion, terminology).items() if not piece.why)
