"""All trials as one plan: their distinct atoms, the distinct gates over them, and which gate is which criterion.

A gate is a node of the lowered tree by number: atoms come first, every gate after the ones it reads, so that one pass
in order evaluates everything. Two trials that ask the same question share the atom, and equal subtrees the gate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.lower import Lowered, lower
from fhirtrial.criteria.questions import asked, link_id
from fhirtrial.criteria.tree import AtLeast, Atom, Not
from fhirtrial.matching.reads import reads
from fhirtrial.matching.result import Trial
from fhirtrial.terminology import Terminology


class Asked(NamedTuple):
    """An atom, and where a person's answer to it would stand; two trials' residues are never one question."""

    atom: Atom
    questionnaire: str = ""
    link_id: str = ""


class Gate(NamedTuple):
    """At least `k` of the numbered nodes, or, with k = 0, the negation of the one."""

    k: int
    nodes: tuple[int, ...]


@dataclass(frozen=True)
class Planned:
    """A trial and the number of each criterion's root."""

    trial: Trial
    roots: tuple[int, ...]


@dataclass(frozen=True)
class Plan:
    atoms: tuple[Asked, ...]
    gates: tuple[Gate, ...]
    trials: tuple[Planned, ...]

    @cached_property
    def concepts(self) -> tuple[str, ...]:
        """The concepts that the atoms look for in records."""
        named = (read.concept for asked in self.atoms for read in reads(asked.atom))
        return tuple(sorted({name for name in named if name is not None}))


def plan(trials: Sequence[Trial], terminology: Terminology) -> Plan:
    """Compiles trials; a concept that does not exist is a ConfigError here, before any patient is read."""
    lowered = [[(c, lower(c.tree)) for c in trial.criteria] for trial in trials]
    atoms: dict[Asked, int] = {}
    for trial, criteria in zip(trials, lowered, strict=True):
        for criterion, node in criteria:
            _collect(node, trial, criterion, terminology, atoms)
    gates: dict[Gate, int] = {}
    planned = tuple(
        Planned(trial, tuple(_number(node, trial, c, terminology, atoms, gates) for c, node in criteria))
        for trial, criteria in zip(trials, lowered, strict=True)
    )
    return Plan(tuple(atoms), tuple(gates), planned)


def _ask(atom: Atom, trial: Trial, criterion: Criterion, terminology: Terminology) -> Asked:
    if asked(atom, terminology):
        return Asked(atom, trial.questionnaire, link_id(criterion.id, atom))
    return Asked(atom)


def _collect(
    node: Lowered, trial: Trial, criterion: Criterion, terminology: Terminology, atoms: dict[Asked, int]
) -> None:
    match node:
        case AtLeast(nodes=nodes):
            for n in nodes:
                _collect(n, trial, criterion, terminology, atoms)  # type: ignore[arg-type]
        case Not(node=inner):
            _collect(inner, trial, criterion, terminology, atoms)  # type: ignore[arg-type]
        case atom:
            atoms.setdefault(_ask(atom, trial, criterion, terminology), len(atoms))


def _number(
    node: Lowered,
    trial: Trial,
    criterion: Criterion,
    terminology: Terminology,
    atoms: dict[Asked, int],
    gates: dict[Gate, int],
) -> int:
    match node:
        case AtLeast(k=k, nodes=nodes):
            children = (_number(n, trial, criterion, terminology, atoms, gates) for n in nodes)  # type: ignore[arg-type]
            gate = Gate(k, tuple(children))
        case Not(node=inner):
            gate = Gate(0, (_number(inner, trial, criterion, terminology, atoms, gates),))  # type: ignore[arg-type]
        case atom:
            return atoms[_ask(atom, trial, criterion, terminology)]
    return gates.setdefault(gate, len(atoms) + len(gates))
