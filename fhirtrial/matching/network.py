"""All trials as one network of gates over distinct atoms, down to one verdict each; equal parts of trials are one.

It stands for patients whom nobody asked: what only a person can answer is one constant, unknown, for all trials. Where
somebody was asked, each such atom is one of its own, since two trials' questions are never one.
Slots are numbered so that every gate comes after what it reads, and gates of one kind on one level lie together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.lower import Lowered, lower
from fhirtrial.criteria.questions import asked, link_id
from fhirtrial.criteria.tree import (
    AtLeast,
    Atom,
    Attestation,
    ClassificationCriteria,
    DataAvailability,
    Defect,
    Expected,
    Not,
    NotComputable,
    OtherExperiencer,
    Residue,
    TreatmentState,
)
from fhirtrial.matching.result import Trial
from fhirtrial.terminology import Terminology

Ints = NDArray[np.int64]
NOBODY_SAYS = NotComputable(text="what only a person can answer", reason="not_encoded")
"""The constant that stands for all atoms of which no record can say anything."""


class Asked(NamedTuple):
    """An atom, and where a person's answer to it would stand, if it is a person's to give."""

    atom: Atom
    questionnaire: str = ""
    link_id: str = ""


@dataclass(frozen=True)
class Layer:
    """Gates of one kind, those of most inputs first: `k` of them, 0 for the negation of the one, -1 for all.

    Gate i of the layer is slot `first + i` and reads `inputs[starts[i]:starts[i + 1]]`.
    """

    k: int
    first: int
    starts: Ints
    inputs: Ints

    @property
    def gates(self) -> int:
        return len(self.starts) - 1

    @cached_property
    def pairs(self) -> NDArray[np.int64] | None:
        """[2 × gates], where every gate is an AND or OR of two inputs, as three of four are."""
        if self.k not in {1, -1} or (np.diff(self.starts) != 2).any():
            return None
        return np.ascontiguousarray(self.inputs.reshape(-1, 2).T)

    @cached_property
    def nth(self) -> tuple[Ints, ...]:
        """The first input of each gate, then the second of those that have one, and so on."""
        sizes = np.diff(self.starts)
        having = [np.searchsorted(-sizes, -place) for place in range(int(sizes.max(initial=0)))]
        return tuple(self.inputs[self.starts[:count] + place] for place, count in enumerate(having))


@dataclass(frozen=True)
class Network:
    """`verdicts` is each trial's slot, `criteria` each trial's slots of its criteria, in its order.

    `answered`: what only a person can answer is not a constant, since somebody may have.
    """

    atoms: tuple[Asked, ...]
    layers: tuple[Layer, ...]
    slots: int
    verdicts: Ints
    criteria: tuple[Ints, ...]
    answered: bool = False

    @cached_property
    def numbers(self) -> dict[Asked, int]:
        """The slot of each atom; what is not here only a person can answer, and nobody was asked."""
        return {one: number for number, one in enumerate(self.atoms)}


Key = tuple[int, tuple[int, ...]]
Ask = Callable[[Atom], Asked]


class _Builder:
    def __init__(self) -> None:
        self.atoms: dict[Asked, int] = {Asked(NOBODY_SAYS): 0}
        self.gates: dict[Key, int] = {}
        self.levels: list[int] = []

    def root(self, node: Lowered, ask: Ask) -> int:
        """Atoms have numbers from 0 up, gates from -1 down: how many atoms there are is known at the end."""
        match node:
            case AtLeast(k=k, nodes=nodes):
                return self.gate(k, [self.root(n, ask) for n in nodes])  # type: ignore[arg-type]
            case Not(node=inner):
                return self.gate(0, [self.root(inner, ask)])  # type: ignore[arg-type]
            case atom:
                return self.atoms.setdefault(ask(atom), len(self.atoms))

    def gate(self, k: int, nodes: list[int]) -> int:
        if k == len(nodes) or k == 1:
            nodes, k = sorted(set(nodes)), 1 if k == 1 and len(nodes) > 1 else -1
        if k and len(nodes) == 1:
            return nodes[0]
        if k == 0 and nodes[0] == 0:
            return 0  # not unknown is unknown
        key = (k, tuple(sorted(nodes)))
        number = self.gates.setdefault(key, -1 - len(self.gates))
        if len(self.levels) < len(self.gates):
            self.levels.append(1 + max(0 if n >= 0 else self.levels[-1 - n] for n in nodes))
        return number


def network(trials: Sequence[Trial], terminology: Terminology, *, answered: bool = False) -> Network:
    """Compiles trials; a trial without criteria is unknown. `answered`: people may have answered their questions."""
    unasked = cache(lambda atom: Asked(NOBODY_SAYS if _silent(atom, terminology) else atom))

    def ask(trial: Trial, criterion: Criterion) -> Ask:
        return partial(question, trial.questionnaire, criterion, terminology) if answered else unasked

    build = _Builder()
    roots = [[build.root(lower(c.tree), ask(trial, c)) for c in trial.criteria] for trial in trials]
    verdicts = [
        build.gate(
            -1,
            [build.gate(0, [n]) if c.kind == "exclusion" else n for n, c in zip(of, trial.criteria, strict=True)]
            or [0],
        )
        for trial, of in zip(trials, roots, strict=True)
    ]
    keys = list(build.gates)
    kind = [(build.levels[i], k, len(nodes) == 2) for i, (k, nodes) in enumerate(keys)]
    order = sorted(range(len(keys)), key=lambda i: (kind[i], -len(keys[i][1]), keys[i][1]))
    atoms = len(build.atoms)
    slot = np.empty(len(keys), np.int64)
    slot[order] = np.arange(atoms, atoms + len(keys))

    def slots(numbers: Sequence[int]) -> Ints:
        found = np.array(numbers, np.int64)
        gates = found < 0
        found[gates] = slot[-1 - found[gates]]
        return found

    layers: list[Layer] = []
    first = 0
    while first < len(order):
        k = keys[order[first]][0]
        last = first
        while last < len(order) and kind[order[last]] == kind[order[first]]:
            last += 1
        nodes = [keys[i][1] for i in order[first:last]]
        starts = np.cumsum([0, *map(len, nodes)])
        layers.append(Layer(k, atoms + first, starts, slots([n for some in nodes for n in some])))
        first = last
    return Network(
        tuple(build.atoms), tuple(layers), atoms + len(keys), slots(verdicts), tuple(map(slots, roots)), answered
    )


def question(questionnaire: str, criterion: Criterion, terminology: Terminology, atom: Atom) -> Asked:
    """The atom as the criterion asks it of a person, if it is a person's to answer."""
    return Asked(atom, questionnaire, link_id(criterion.id, atom)) if asked(atom, terminology) else Asked(atom)


def _silent(atom: Atom, terminology: Terminology) -> bool:
    """Whether no record can say anything: a person's to answer, or lost by the source."""
    match atom:
        case Residue() | NotComputable() | Attestation() | ClassificationCriteria() | TreatmentState() | Expected():
            return True
        case Defect():
            return True
        case DataAvailability() | OtherExperiencer():
            return asked(atom, terminology)
        case _:
            return False
