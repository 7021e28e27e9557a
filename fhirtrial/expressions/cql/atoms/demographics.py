"""Age in completed units at the index date, and administrative sex; a partial birth date may leave the age open."""

from __future__ import annotations

from fhirtrial.criteria.tree import Age, Sex
from fhirtrial.expressions.cql.names import decimal, string
from fhirtrial.expressions.cql.piece import Piece

_BETWEEN = {"a": "years", "mo": "months", "wk": "weeks", "d": "days"}


def age(atom: Age) -> Piece:
    earliest, latest = _inside(atom, '"Birth earliest"'), _inside(atom, '"Birth latest"')
    truth = f"if ({earliest}) = ({latest})\n    then {earliest}\n  else null as Boolean"
    return Piece(truth, "Patient.birthDate is not null", parts=frozenset({"dates"}))


def sex(atom: Sex) -> Piece:
    known = "Patient.gender.value in { 'female', 'male' }"
    truth = f"if {known} then Patient.gender.value = {string(atom.value)} else null as Boolean"
    return Piece(truth, known)


def _inside(atom: Age, birth: str) -> str:
    completed = f"({_BETWEEN[atom.unit]} between {birth} and IndexDate)"
    bounds = ((atom.low_op, atom.low), (atom.high_op, atom.high))
    return " and ".join(f"{completed} {op} {decimal(value)}" for op, value in bounds if value is not None)
