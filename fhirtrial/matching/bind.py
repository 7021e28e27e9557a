"""Atoms at one index date under one policy: what each asks in numbers, which ask alike, and what silence means to each.

Atoms that differ in days, thresholds and, for the plain kinds, in their concept alone form a group, which one call of
its kind's function answers (`lanes`). Everything here is done once per run, before any patient is read.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fhirtrial.criteria.tree import (
    Age,
    Allergy,
    Atom,
    Condition,
    DataAvailability,
    Encounter,
    Finding,
    Immunization,
    Measurement,
    Medication,
    Ordinal,
    Procedure,
    Result,
    Sex,
)
from fhirtrial.matching.atoms.demographics import Bounds, bounds_of
from fhirtrial.matching.calendar import Span
from fhirtrial.matching.codes import Codes
from fhirtrial.matching.grades import Ints
from fhirtrial.matching.hearing import Ears
from fhirtrial.matching.lanes import Asks, Told
from fhirtrial.matching.quantities import OPERATORS
from fhirtrial.matching.reads import Read, reads
from fhirtrial.matching.silence import Silence, Silences, silence_of
from fhirtrial.matching.spans import span_of, uses_half_lives
from fhirtrial.patients.facts import FLOOR
from fhirtrial.terminology.policy import Policy

_NO_SPAN = Span(FLOOR, FLOOR, FLOOR, FLOOR)


@dataclass(frozen=True)
class Bound:
    """`group` and `reading` number each atom's among the others'; -1: no rows are read for it.

    `leaf` is the number of its reading and days, where rows at other times change nothing; else -1.
    """

    atoms: tuple[Atom, ...]
    asks: Asks
    group: Ints
    reading: Ints
    silences: Silences
    plain: tuple[bool, ...]
    ears: Ears
    leaf: Ints
    first_of_leaf: Ints
    ages: tuple[tuple[Bounds, Ints], ...]
    sexes: tuple[tuple[Sex, int], ...]

    @cached_property
    def kinds(self) -> Ints:
        """The number of each atom's kind: all that silence depends on beside its days and concept."""
        found: dict[Hashable, int] = {}
        named = ((type(atom), getattr(atom, "state", "")) for atom in self.atoms)
        return np.array([found.setdefault(kind, len(found)) for kind in named], np.int64)


def bind(atoms: Sequence[Atom], on: dt.date, policy: Policy, codes: Codes) -> Bound:
    concept = codes.terminology.concept
    groups: dict[Hashable, int] = {}
    plain: list[bool] = []
    leaves: dict[Hashable, int] = {}
    firsts: list[int] = []
    leaf_list: list[int] = []
    readings: dict[tuple[Read, ...], int] = {}
    silences: list[Silence] = []
    targets: dict[tuple[str | None, float | None], int] = {(None, None): 0}
    cells: list[tuple[int, ...]] = []
    numbers: list[tuple[int, int, int, int, bool]] = []
    values: list[float] = []
    for number, atom in enumerate(atoms):
        span = span_of(atom, on, policy, concept)
        group = reading = target = -1
        values.append(float(getattr(atom, "value", 0)) if isinstance(atom, Measurement) else _rank(atom))
        if span is None or isinstance(atom, Age | Sex) or not reads(atom):
            silence = Silence()
        else:
            silence = silence_of(atom, span, policy, codes)
            key = _plain(atom)
            whole = key is None
            key = (_own(atom) if key is None else key, type(atom), whole and _window(atom) is None)
            group = groups.setdefault(key, len(groups))
            if group == len(plain):
                plain.append(not whole)
            reading = readings.setdefault(reads(atom), len(readings))
        if isinstance(atom, Measurement):
            of = concept(atom.concept)
            target = targets.setdefault((atom.unit or of.unit, of.molar_mass), len(targets))
        leaf = leaves.setdefault((reading, span), len(leaves)) if group >= 0 and _timed(atom, silence) else -1
        firsts += [number] if leaf == len(firsts) else []
        leaf_list.append(leaf)
        silences.append(silence)
        cells.append((group, reading, target, silence.speaks, silence.complete))
        at = span or _NO_SPAN
        numbers.append((at.first_earliest, at.first_latest, at.last_earliest, at.last_latest, at.assumed))  # type: ignore[arg-type]
    table = np.array(cells, np.int64).reshape(-1, 5).T
    days = np.array(numbers, np.int64).reshape(-1, 5).T
    operators = np.array([OPERATORS.index(getattr(atom, "op", "=")) for atom in atoms], np.int64)
    asks = Asks(
        Span(days[0], days[1], days[2], days[3], days[4] > 0),
        operators,
        np.array(values),
        table[3] > 0,
        table[4],
        table[2],
        tuple(targets),
        Told(atoms),
    )
    return Bound(
        tuple(atoms),
        asks,
        table[0],
        table[1],
        Silences(silences),
        tuple(plain),
        Ears(tuple(readings), codes),
        np.array(leaf_list, np.int64),
        np.array(firsts, np.int64),
        tuple(_ages(atoms)),
        tuple((atom, i) for i, atom in enumerate(atoms) if isinstance(atom, Sex)),
    )


def _ages(atoms: Sequence[Atom]) -> Iterator[tuple[Bounds, Ints]]:
    aged = [(i, atom) for i, atom in enumerate(atoms) if isinstance(atom, Age)]
    for unit in sorted({atom.unit for _, atom in aged}):
        mine = [(i, atom) for i, atom in aged if atom.unit == unit]
        yield bounds_of(unit, [atom for _, atom in mine]), np.array([i for i, _ in mine])


def _timed(atom: Atom, silence: Silence) -> bool:
    """Whether rows outside the atom's days change nothing; an old result does where its absence would speak."""
    match atom:
        case Measurement(over=None) | Ordinal() | Result():
            return not silence.speaks
        case Encounter() | Finding() | DataAvailability():
            return True
        case Condition() | Immunization() | Medication():
            return atom.window is not None and len(reads(atom)) == 1
        case _:
            return False


def _rank(atom: Atom) -> float:
    return float(atom.rank) if isinstance(atom, Ordinal) else 0.0


def _window(atom: Atom) -> object:
    return getattr(atom, "window", None)


def _plain(atom: Atom) -> Hashable | None:
    """What two atoms of different concepts must share to be lanes of one group; None where they cannot be."""
    match atom:
        case Condition() | Procedure() | Immunization() | Encounter() | Allergy():
            return "any"
        case Medication(distinct=1):
            return "any"
        case Measurement(of="absolute", over=None):
            if atom.select in {"min", "max"}:
                return atom.op, atom.select, atom.count
            return atom.select, atom.count
        case _:
            return None


def _own(atom: Atom) -> Hashable:
    """An atom without what may differ between lanes of its own concept."""
    if isinstance(atom, Medication) and uses_half_lives(atom):
        return atom
    varied = {"window": None, "value": 0.0, "rank": 0, "label": ""}
    if isinstance(atom, Measurement):
        varied["unit"] = atom.unit
    elif not isinstance(atom, Ordinal):
        varied = {"window": None}
    return atom.model_copy(update={name: v for name, v in varied.items() if name in type(atom).model_fields})
