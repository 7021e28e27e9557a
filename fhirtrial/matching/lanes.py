"""A part of a chunk for some atoms that ask alike: a lane for each atom, and in it the patients whose rows speak to it.

To an atom's function it is a chunk like any other, of as many patients as there are (lane, patient) pairs with rows;
what differs from lane to lane (days, numbers, concepts) is an array over those. Thousands of atoms cost one pass, and
no patient is looked at who has nothing to say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fhirtrial.criteria.tree import Atom
from fhirtrial.matching.calendar import Span
from fhirtrial.matching.grades import Absence, Ints
from fhirtrial.matching.reads import Read, reads
from fhirtrial.matching.view import A, T, Target, View, distinct, of_kinds
from fhirtrial.patients.facts import Family, Patient


class Told:
    """What the lanes' atoms say of themselves: the distinct things, and the number of each atom's among them."""

    def __init__(self, atoms: Sequence[Atom]) -> None:
        self._atoms = atoms
        self._found: dict[tuple[Any, Any], tuple[list[Any], Ints]] = {}

    def __call__(self, asked: Callable[[A], T], kind: type[A]) -> tuple[list[T], Ints]:
        if (asked, kind) not in self._found:
            things: dict[T, int] = {}
            numbers = [
                things.setdefault(asked(atom), len(things)) if isinstance(atom, kind) else -1 for atom in self._atoms
            ]
            self._found[asked, kind] = list(things), np.array(numbers, np.int64)
        return self._found[asked, kind]


@dataclass(frozen=True)
class Asks:
    """What differs between the lanes: arrays with one value per lane, which is all that there is of it."""

    spans: Span
    operators: Ints
    values: NDArray[np.float64]
    presumes: NDArray[np.bool_]
    complete: Ints
    targets: Ints
    target_table: tuple[Target, ...]
    told: Told
    lanes: Ints

    def of(self, lanes: Ints) -> Asks:
        """A lane's for each key."""
        return Asks(
            self.spans.of(lanes),
            self.operators[lanes],
            self.values[lanes],
            self.presumes[lanes],
            self.complete[lanes],
            self.targets[lanes],
            self.target_table,
            self.told,
            self.lanes[lanes],
        )


@dataclass(frozen=True, kw_only=True)
class Lanes(View):
    """`origin` and `key` per row: its row in the chunk, its (lane, patient) pair; `who` per key: the patient.

    `asks` is one value per key, where the lanes differ; `own_…` per row speak of the lanes' own concepts, where
    these differ.
    """

    base: View
    origin: Ints
    key: Ints
    who: Ints
    atom: Atom
    asks: Asks | None = None
    own_states: NDArray[np.int8] | None = None
    own_heads: NDArray[np.bool_] | None = None

    @property
    def patients(self) -> int:
        return len(self.who)

    @cached_property
    def _columns(self) -> dict[str, NDArray[Any]]:
        return {"patient": self.key}

    def column(self, name: str) -> NDArray[Any]:
        found = self._columns.get(name)
        if found is None:
            found = self._columns[name] = self.base.column(name)[self.origin]
        return found

    def states_of(self, atom: Atom) -> NDArray[np.int8]:
        return self.own_states if self._mine(atom) and self.own_states is not None else super().states_of(atom)

    def heads_of(self, atom: Atom) -> NDArray[np.bool_]:
        return self.own_heads if self._mine(atom) and self.own_heads is not None else super().heads_of(atom)

    def routed_states_of(self, atom: Atom, rows: Ints) -> NDArray[np.int8]:
        if self._mine(atom) and self.own_states is not None:
            return self.own_states[rows]
        return super().routed_states_of(atom, rows)

    def _mine(self, atom: Atom) -> bool:
        """Whether it stands for all the lanes' atoms, or is one that its function asks beside them."""
        return atom is self.atom

    def asking(self, atom: A, asked: Callable[[A], T], rows: Ints) -> Sequence[tuple[T, Ints | slice]]:
        if self.asks is None or self.own_states is None or not self._mine(atom):
            return super().asking(atom, asked, rows)
        values, numbers = self.asks.told(asked, type(atom))
        if len(values) == 1:
            return [(values[0], slice(None))]
        of = numbers[self.asks.lanes][self.key[rows]]
        return [(values[number], np.flatnonzero(of == number)) for number in distinct(of).tolist()]

    def span(self, atom: Atom) -> Span | None:
        return super().span(atom) if self.asks is None or atom is not self.atom else self.asks.spans

    def asked(self, value: float, rows: Ints) -> NDArray[np.float64]:
        return super().asked(value, rows) if self.asks is None else self.asks.values[self.key[rows]]

    def operators(self, op: str, rows: Ints) -> str | Ints:
        if self.own_states is None or self.asks is None:
            return super().operators(op, rows)
        return self.asks.operators[self.key[rows]]

    def targets(self, rows: Ints) -> tuple[Sequence[Target], Ints] | None:
        if self.own_states is None or self.asks is None:
            return None
        return self.asks.target_table, self.asks.targets[self.key[rows]]

    def absence(self, kind: str, atom: Atom, families: tuple[Family, ...], span: Span) -> Absence:
        if self.own_states is None or self.asks is None or not self._mine(atom):
            return super().absence(kind, atom, families, span)
        used = self.systems[families[0]]
        complete = ((used & self.asks.complete) != 0) | (used == 0)
        told, silent = self._absence(families, span, complete), self._absence(families, span, None)
        speaks = self.asks.presumes
        return Absence(np.where(speaks, told.truth, silent.truth), np.where(speaks, told.reasons, silent.reasons))

    def person(self, patient: int) -> Patient:
        return self.base.person(int(self.who[patient]))

    @cached_property
    def births(self) -> Ints:
        return self.base.births[self.who]

    @cached_property
    def last_births(self) -> Ints:
        return self.base.last_births[self.who]

    @cached_property
    def sexes(self) -> NDArray[np.str_]:
        return self.base.sexes[self.who]

    @cached_property
    def levels(self) -> Mapping[Family, Ints]:
        return {f: of[self.who] for f, of in self.base.levels.items()}

    @cached_property
    def since(self) -> Mapping[Family, Ints]:
        return {f: of[self.who] for f, of in self.base.since.items()}

    @cached_property
    def systems(self) -> Mapping[Family, Ints]:
        return {f: of[self.who] for f, of in self.base.systems.items()}


def narrowed(view: View, atom: Atom) -> Lanes:
    """One lane with everyone in it: the rows that the atom looks at."""
    rows = rows_of(view, reads(atom))
    everyone = np.arange(view.patients)
    key = view.column("patient")[rows]
    return Lanes(
        view.facts, view.on, view.codes, view.policy, view.uln, base=view, origin=rows, key=key, who=everyone, atom=atom
    )


def rows_of(view: View, of: tuple[Read, ...]) -> Ints:
    """The rows that any of the readings finds, ascending."""
    found = [_spoken(view, read) for read in of]
    if not found:
        return np.empty(0, np.int64)
    return found[0] if len(found) == 1 else np.unique(np.concatenate(found))


def _spoken(view: View, read: Read) -> Ints:
    if read.concept is None:
        return view.rows(*read.kinds)
    parts = [view.of_code(number) for number, _ in view.said(read.concept)]
    if not parts:
        return np.empty(0, np.int64)
    rows = parts[0] if len(parts) == 1 else np.sort(np.concatenate(parts))
    return rows[of_kinds(view.column("kind")[rows], read.kinds)]
