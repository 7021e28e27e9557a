"""Distinct atoms × patients → truths with their reasons, and the facts behind them: what somebody asks to see.

The same functions on the same lanes as `truths`, but for everyone, as silence has reasons, too. Reasons and evidence
are the atoms': each is made once for a patient, however many criteria of however many trials ask for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from fhirtrial.criteria.tree import Age, Sex
from fhirtrial.matching.atoms import answer, from_record
from fhirtrial.matching.bind import Bound
from fhirtrial.matching.grades import PRESUMED_NO, PRESUMED_YES, UNKNOWN, Answer, Ints
from fhirtrial.matching.network import Asked
from fhirtrial.matching.result import Evidence
from fhirtrial.matching.truths import blocks, lanes_of
from fhirtrial.matching.view import View
from fhirtrial.matching.wording import days_text, said_by

MOST_ROWS = 5
"""Rows shown per atom; the latest ones."""
TRUTH = 7
"""The bits of a state that are its truth; those above are the reasons why it is open."""
WHY = 3
"""How far above."""


@dataclass(frozen=True)
class Shown:
    """Some rows that are evidence: of which atom and patient, and their places in the answer that words them."""

    number: Ints
    patient: Ints
    row: Ints
    place: Ints
    compared: Callable[[int], str]


@dataclass(frozen=True)
class Reasoned:
    """`states` is [atoms × patients]; `shown` what the atoms were answered by."""

    view: View
    atoms: Sequence[Asked]
    states: NDArray[np.int32]
    shown: Sequence[Shown]

    @cached_property
    def personal(self) -> Sequence[int]:
        """The atoms that the Patient itself answers."""
        return [number for number, one in enumerate(self.atoms) if isinstance(one.atom, Age | Sex)]

    def people(self) -> Iterator[Known]:
        """Patient by patient."""
        number, patient, row, place = (
            np.concatenate([np.zeros(0, np.int64), *(getattr(some, name) for some in self.shown)])
            for name in ("number", "patient", "row", "place")
        )
        source = np.repeat(np.arange(len(self.shown)), [len(some.row) for some in self.shown])
        order = np.argsort(patient, kind="stable")
        edges = np.searchsorted(patient[order], np.arange(self.view.patients + 1)).tolist()
        columns = [column[order].tolist() for column in (number, row, source, place)]
        for who in range(self.view.patients):
            rows: dict[int, list[tuple[int, int, int]]] = {}
            mine = slice(edges[who], edges[who + 1])
            for atom, *cell in zip(*(column[mine] for column in columns), strict=True):
                rows.setdefault(atom, []).append(tuple(cell))
            yield Known(self, who, rows)


class Known:
    """One patient: the state of every atom, and the evidence for those `shown`, worded when it is first asked for."""

    def __init__(self, of: Reasoned, patient: int, rows: dict[int, list[tuple[int, int, int]]]) -> None:
        self.states: list[int] = of.states[:, patient].tolist()
        self._of, self._patient, self._rows = of, patient, rows
        self.shown = {*rows, *of.personal}
        self._made: dict[int, tuple[Evidence, ...]] = {}
        self._said: dict[int, tuple[str, str, str, str, str]] = {}

    def evidence(self, number: int) -> tuple[Evidence, ...]:
        """What the atom's truth stands on, the latest first."""
        found = self._made.get(number)
        if found is None:
            atom = self._of.atoms[number].atom
            made = self._from_patient(atom) if isinstance(atom, Age | Sex) else map(self._row, self._rows[number])
            found = self._made[number] = tuple(dict.fromkeys(made))
        return found

    def _row(self, cell: tuple[int, int, int]) -> Evidence:
        row, source, place = cell
        said = self._said.get(row)
        if said is None:
            said = self._said[row] = said_by(self._of.view.facts, row)
        return Evidence(*said, self._of.shown[source].compared(place))

    def _from_patient(self, atom: Age | Sex) -> Iterator[Evidence]:
        who = self._of.view.facts.patients[self._patient]
        of = (who.reference, who.resource_version)
        if isinstance(atom, Sex):
            yield Evidence(*of, "gender", who.sex or "not stated", "", f"= {atom.value}")
        else:
            born = "not stated" if who.birth is None else days_text(*who.birth)
            yield Evidence(*of, "birthDate", born, "", f"age at {self._of.view.on.isoformat()}")


def reasoned(asked: Sequence[Asked], bound: Bound, view: View) -> Reasoned:
    """`bound`: the same atoms at the index date."""
    states = np.empty((len(asked), view.patients), np.int32)
    shown: list[Shown] = []
    personal = np.array([bool(one.link_id) for one in asked], bool)
    everyone = np.arange(view.patients)
    for number in np.flatnonzero(personal | (bound.group < 0)).tolist():
        told = answer(asked[number], view)
        states[number] = _states(told)
        shown.append(_shown(view, told, told.rows.index, np.full(view.patients, number), everyone))
    heard = bound.ears.hear(view).of(bound.reading)
    read = ~personal & (bound.group >= 0)
    some_rows = heard.ends > heard.starts
    # where nobody has any row all atoms of one kind are answered alike, whatever they look for
    silent = blocks(bound.kinds, heard, np.flatnonzero(read & ~some_rows), view.patients)
    for lanes in chain(blocks(bound.group, heard, np.flatnonzero(read & some_rows), view.patients), silent):
        some = lanes_of(bound, view, heard, lanes)
        told = from_record(some.atom, some)
        states[some.lane, some.who] = _states(told)
        shown.append(_shown(view, told, some.origin[told.rows.index], some.lane, some.who))
    return Reasoned(view, asked, states, [some for some in shown if len(some.row)])


def _states(told: Answer) -> NDArray[np.int32]:
    return told.truth | told.reasons.astype(np.int32) << WHY


def _shown(view: View, told: Answer, row: Ints, number: Ints, who: Ints) -> Shown:
    """Of each answer the latest rows that speak for its truth; `number` and `who` are those of each answer."""
    truth, grade = told.truth[told.rows.patient], told.rows.grade
    speaks = np.where(truth > UNKNOWN, grade >= PRESUMED_YES, grade <= PRESUMED_NO)
    place = np.flatnonzero(np.where(truth == UNKNOWN, grade == UNKNOWN, speaks))
    of = told.rows.patient[place]
    order = np.lexsort((-view.at("instant", row[place]), of))
    place, of = place[order], of[order]
    first = np.searchsorted(of, of)
    kept = np.flatnonzero(np.arange(len(of)) - first < MOST_ROWS)
    place, of = place[kept], of[kept]
    return Shown(number[of], who[of], row[place], place, told.rows.compared)
