"""One criterion as a FHIRPath expression; one that FHIRPath cannot say exactly has none and says why.

Evaluated on a Bundle that holds the Patient and all that was loaded of the record, with the constants %IndexDate (the
screening day), %Loaded (the families that were loaded whole) and %RecordStart (the record's first day, or {}): the
parameters of the CQL. true and false are so, {} is unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.lower import Lowered, atoms, lower
from fhirtrial.criteria.tree import (
    Age,
    AtLeast,
    Atom,
    Attestation,
    ClassificationCriteria,
    Condition,
    Defect,
    Expected,
    Measurement,
    Not,
    NotComputable,
    Residue,
    Sex,
    TreatmentState,
)
from fhirtrial.expressions.fhirpath.conditions import condition
from fhirtrial.expressions.fhirpath.conditions import window as condition_window
from fhirtrial.expressions.fhirpath.demographics import age, sex
from fhirtrial.expressions.fhirpath.measurements import measurement
from fhirtrial.expressions.fhirpath.measurements import window as result_window
from fhirtrial.expressions.fhirpath.words import EMPTY, let
from fhirtrial.terminology import Terminology

LONGEST = 60_000
"""Characters; what is longer no engine's configuration page takes."""


@dataclass(frozen=True)
class Path:
    expression: str


@dataclass(frozen=True)
class NoFhirPath:
    reason: str


def fhirpath(criterion: Criterion, terminology: Terminology) -> Path | NoFhirPath:
    """The criterion as written: an exclusion is true for those whom it excludes."""
    found = {atom: _atom(atom, terminology) for atom in atoms(criterion.tree)}
    reasons = [said.reason for said in found.values() if isinstance(said, NoFhirPath)]
    said = {atom: one.expression for atom, one in found.items() if isinstance(one, Path)}
    if reasons:
        return NoFhirPath("; ".join(dict.fromkeys(reasons)))
    if all(expression == EMPTY for expression in said.values()):
        return NoFhirPath("only a person can answer it")
    expression = _composed(lower(criterion.tree), said)
    if len(expression) > LONGEST:
        return NoFhirPath("its codes make it too long to be carried about")
    return Path(expression)


@lru_cache(maxsize=1024)
def _atom(atom: Atom, terminology: Terminology) -> Path | NoFhirPath:
    match atom:
        case Age():
            return Path(age(atom))
        case Sex():
            return Path(sex(atom))
        case Condition():
            if atom.severity or atom.course or atom.stage:
                return NoFhirPath("it asks for a severity, course or stage")
            if condition_window(atom) is None:
                return Path(EMPTY)
            return _said(condition(atom, terminology))
        case Measurement():
            if atom.of != "absolute":
                return NoFhirPath("it counts in multiples of the result's own limits")
            if atom.over is not None:
                return NoFhirPath("it divides two results")
            if result_window(atom, terminology) is None:
                return Path(EMPTY)
            return _said(measurement(atom, terminology))
        case (
            Attestation()
            | ClassificationCriteria()
            | Expected()
            | NotComputable()
            | Residue()
            | TreatmentState()
            | Defect()
        ):
            return Path(EMPTY)
        case _:
            return NoFhirPath(f"FHIRPath does not say {atom.kind} atoms exactly")


def _said(expression: str | None) -> Path | NoFhirPath:
    return NoFhirPath("its concept has too many codes to be written out") if expression is None else Path(expression)


def _composed(node: Lowered, said: dict[Atom, str]) -> str:
    """What is lowered holds nothing but lowered nodes, which is more than their types say."""
    match node:
        case Not(node=inner):
            return f"({_composed(inner, said)}).not()"  # type: ignore[arg-type]
        case AtLeast(k=k, nodes=nodes):
            return _at_least(k, [_composed(n, said) for n in nodes])  # type: ignore[arg-type]
        case atom:
            return f"({said[atom]})"


def _at_least(k: int, parts: list[str]) -> str:
    if k in {1, len(parts)}:
        return "(" + f" {'and' if k > 1 else 'or'} ".join(parts) + ")"
    votes = " & ".join(f"({part}).select(iif($this, 'y', 'n'))" for part in parts)
    yes, no = (f"%votes.replace('{other}', '').length()" for other in "ny")
    counted = f"iif({yes} >= {k}, true, iif({no} > {len(parts) - k}, false, {EMPTY}))"
    return f"%context.{let(('votes', votes))}select({counted})"
