"""A part of a chunk for some atoms that ask alike: a lane for each atom, and in it the patients whose rows speak to it.

To an atom's function it is a chunk like any other, of as many patients as there are (lane, patient) pairs with rows;
what differs from lane to lane (days, numbers, concepts) is an array over those. Thousands of atoms cost one pass, and
no patient is looked at who has nothing to say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fhirtrial.criteria.tree import Atom, Measurement
from fhirtrial.matching.calendar import Span
from fhirtrial.matching.grades import Answer, Grades, Ints, Places
from fhirtrial.matching.hearing import ranges
from fhirtrial.matching.reads import Read, reads
from fhirtrial.matching.view import A, T, Target, View, distinct, of_kinds
from fhirtrial.patients.facts import Family, Patient


class Told:
    """What the lanes' atoms ask: the distinct things, and the number of each atom's among them, -1 for nothing."""

    def __init__(self, atoms: Sequence[Atom]) -> None:
        self.atoms = atoms
        self._found: dict[tuple[Any, Any], tuple[list[Any], Ints]] = {}

    def __call__(self, asked: Callable[[A], T | None], kind: type[A]) -> tuple[list[T], Ints]:
        if (asked, kind) not in self._found:
            things: dict[T, int] = {}
            said = [asked(atom) if isinstance(atom, kind) else None for atom in self.atoms]
            numbers = [things.setdefault(one, len(things)) if one else -1 for one in said]
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


@dataclass(frozen=True, kw_only=True)
class Lanes(View):
    """`origin` and `key` per row: its row in the chunk, its (lane, patient) pair; `who` per key: the patient.

    Rows `edges[i]:edges[i + 1]` are those of lane `lanes[i]`; `lane` per key is its lane, and `asks` what that asks,
    where the lanes differ. `own_…` per row speak of the lanes' own concepts, where these differ, and `silent` per key
    is the truth if no row spoke, where that is known.
    """

    base: View
    origin: Ints
    key: Ints
    lanes: Ints
    edges: Ints
    lane: Ints
    who: Ints
    atom: Atom
    asks: Asks | None = None
    own_states: NDArray[np.int8] | None = None
    own_heads: NDArray[np.bool_] | None = None
    silent: Grades | None = None

    @property
    def patients(self) -> int:
        return len(self.who)

    def column(self, name: str) -> NDArray[Any]:
        return self.key if name == "patient" else self.base.column(name)[self.origin]

    def at(self, name: str, rows: Ints | int) -> NDArray[Any]:
        return self.key[rows] if name == "patient" else self.base.column(name)[self.origin[rows]]

    def states_of(self, atom: Atom, rows: Ints) -> NDArray[np.int8]:
        if self._mine(atom) and self.own_states is not None:
            return self.own_states[rows]
        return super().states_of(atom, rows)

    def heads_of(self, atom: Atom, rows: Ints) -> NDArray[np.bool_]:
        if self._mine(atom) and self.own_heads is not None:
            return self.own_heads[rows]
        return super().heads_of(atom, rows)

    def routed_states_of(self, atom: Atom, rows: Ints) -> NDArray[np.int8]:
        if self._mine(atom) and self.own_states is not None:
            return self.own_states[rows]
        return super().routed_states_of(atom, rows)

    def _mine(self, atom: Atom) -> bool:
        """Whether it stands for all the lanes' atoms, or is one that its function asks beside them."""
        return atom is self.atom

    def asking(self, atom: A, asked: Callable[[A], T | None], rows: Ints) -> Sequence[tuple[T, Places]]:
        if self.asks is None or self.own_states is None or not self._mine(atom):
            return super().asking(atom, asked, rows)
        values, numbers = self.asks.told(asked, type(atom))
        of = numbers[self.lanes]
        asking = (of >= 0).nonzero()[0]
        if not len(asking):
            return []
        of = of[asking]
        # a lane's rows lie together: they are found for the lanes that ask, and nothing is done for the others
        first, last = np.searchsorted(rows, self.edges[asking]), np.searchsorted(rows, self.edges[asking + 1])
        found: list[tuple[T, Places]] = []
        for number in distinct(of).tolist():
            mine = (of == number).nonzero()[0]
            places = ranges(first[mine], last[mine] - first[mine])
            if len(places):
                found.append((values[number], slice(None) if len(places) == len(rows) else places))
        return found

    def asker(self, atom: A, row: int) -> A:
        if self.asks is None or not self._mine(atom):
            return atom
        mine: A = self.asks.told.atoms[self.lane[self.key[row]]]
        return mine

    def span(self, atom: Atom) -> Span | None:
        return super().span(atom) if self._spans is None or not self._mine(atom) else self._spans

    @cached_property
    def _spans(self) -> Span | None:
        if self.asks is None:
            return None
        spans = self.asks.spans.of(self.lane)
        return spans if np.any(spans.assumed) else replace(spans, assumed=False)

    def asked(self, value: float, rows: Ints) -> NDArray[np.float64]:
        return super().asked(value, rows) if self.asks is None else self.asks.values[self.lane[self.key[rows]]]

    def operators(self, op: str, rows: Ints) -> str | Ints:
        if self.own_states is None or self.asks is None:
            return super().operators(op, rows)
        return self.asks.operators[self.lane[self.key[rows]]]

    def targets(self, rows: Ints) -> tuple[Sequence[Target], Ints] | None:
        # what other kinds of atoms convert (a body weight) is in the unit that they name
        if self.own_states is None or self.asks is None or not isinstance(self.atom, Measurement):
            return None
        return self.asks.target_table, self.asks.targets[self.lane[self.key[rows]]]

    def absence(self, kind: str, atom: Atom, families: tuple[Family, ...], span: Span) -> Answer:
        if self.own_states is None or self.asks is None or not self._mine(atom):
            return super().absence(kind, atom, families, span)
        asks, lane = self.asks, self.lane

        def found() -> Answer:
            complete = self._complete(asks.complete[lane], families)
            return self._absence(families, span, asks.presumes[lane], complete)

        return self._silence(found)

    def uncoded_absence(self, kind: str, families: tuple[Family, ...], span: Span) -> Answer:
        return self._silence(lambda: super(Lanes, self).uncoded_absence(kind, families, span))

    def _silence(self, found: Callable[[], Answer]) -> Answer:
        """What silence means, without finding out again what is known."""
        return found() if self.silent is None else Answer(self.silent, lambda: found().reasons)

    @property
    def whole(self) -> View:
        return self.base

    def of(self, everyone: NDArray[Any]) -> NDArray[Any]:
        found: NDArray[Any] = everyone[self.who]
        return found

    def person(self, patient: int) -> Patient:
        return self.base.person(int(self.who[patient]))

    @cached_property
    def births(self) -> Ints:
        return self.of(self.base.births)

    @cached_property
    def last_births(self) -> Ints:
        return self.of(self.base.last_births)

    @cached_property
    def sexes(self) -> NDArray[np.str_]:
        return self.of(self.base.sexes)


def narrowed(view: View, atom: Atom) -> Lanes:
    """One lane with everyone in it: the rows that the atom looks at."""
    rows = rows_of(view, reads(atom))
    everyone = np.arange(view.patients)
    key = view.at("patient", rows)
    given = (view.facts, view.on, view.codes, view.policy, view.uln)
    one, edges, lane = np.zeros(1, np.int64), np.array([0, len(rows)]), np.zeros(view.patients, np.int64)
    return Lanes(*given, base=view, origin=rows, key=key, lanes=one, edges=edges, lane=lane, who=everyone, atom=atom)


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
    return rows[of_kinds(view.at("kind", rows), read.kinds)]
