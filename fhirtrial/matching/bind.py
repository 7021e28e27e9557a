"""Atoms at one index date under one policy: what each asks in numbers, which ask alike, and what silence means to each.

Atoms that differ in days, thresholds and, for the plain kinds, in their concept alone form a group, which one call of
its kind's function answers (`lanes`). Everything here is done once per run, before any patient is read.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

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
    OtherExperiencer,
    Procedure,
    Reproductive,
    Result,
    Sex,
)
from fhirtrial.matching.atoms.demographics import Bounds, bounds_of
from fhirtrial.matching.calendar import Span
from fhirtrial.matching.codes import Codes
from fhirtrial.matching.grades import PRESUMED_NO, UNKNOWN, Ints
from fhirtrial.matching.hearing import Ears
from fhirtrial.matching.lanes import Asks, Told
from fhirtrial.matching.quantities import OPERATORS
from fhirtrial.matching.reads import Read, reads
from fhirtrial.matching.spans import span_of, uses_half_lives
from fhirtrial.matching.view import View
from fhirtrial.patients.facts import FLOOR, Family, Level
from fhirtrial.terminology.policy import Policy

FAMILIES = list(Family)
_NO_SPAN = Span(FLOOR, FLOOR, FLOOR, FLOOR)
_OF_KIND = {
    "condition": Family.CONDITIONS,
    "medication": Family.MEDICATIONS,
    "procedure": Family.PROCEDURES,
    "immunization": Family.IMMUNIZATIONS,
}


class Silence(NamedTuple):
    """What no row means: presumed-no where the family was read to its end for the days asked and absence may speak.

    `family` None: unknown, whatever was read (`speaks` is then for those of whom there are rows).
    `male`: presumed-no for men.
    """

    family: Family | None = None
    speaks: bool = False
    complete: int = 0
    first: int = FLOOR
    male: bool = False


@dataclass(frozen=True)
class Bound:
    """`group`, `reading`, `silence` number each atom's among the tuples; -1: no rows are read for it.

    `leaf` is the number of its reading and days, where rows at other times change nothing; else -1.
    """

    atoms: tuple[Atom, ...]
    asks: Asks
    group: Ints
    reading: Ints
    silence: Ints
    plain: tuple[bool, ...]
    silences: tuple[Silence, ...]
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

    def silent(self, view: View) -> NDArray[np.int8]:
        """Per atom and patient, its truth if no row speaks to it."""
        families, speaks, complete, first, male = self._silences
        levels, since, used = (
            np.array([of[f] for f in FAMILIES])[families] for of in (view.levels, view.since, view.systems)
        )
        read = (levels == Level.COMPLETE) & ((since == FLOOR) | (since <= first))
        presumed = speaks & read & (((used & complete) != 0) | (used == 0))
        presumed |= male & (view.sexes == "male")
        return np.where(presumed, PRESUMED_NO, UNKNOWN).astype(np.int8).take(self.silence, axis=0)

    @cached_property
    def _silences(self) -> tuple[NDArray[Any], ...]:
        families = np.array([FAMILIES.index(s.family) if s.family else 0 for s in self.silences])
        told = [s._replace(speaks=s.speaks and s.family is not None) for s in self.silences]
        fields = (np.array(column)[:, None] for column in list(zip(*told, strict=True))[1:])
        return families, *fields


def bind(atoms: Sequence[Atom], on: dt.date, policy: Policy, codes: Codes) -> Bound:
    concept = codes.terminology.concept
    groups: dict[Hashable, int] = {}
    plain: list[bool] = []
    leaves: dict[Hashable, int] = {}
    firsts: list[int] = []
    leaf_list: list[int] = []
    readings: dict[tuple[Read, ...], int] = {}
    silences: dict[Silence, int] = {}
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
            silence = _silence(atom, span, policy, codes)
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
        cells.append(
            (group, reading, silences.setdefault(silence, len(silences)), target, silence.speaks, silence.complete)
        )
        at = span or _NO_SPAN
        numbers.append((at.first_earliest, at.first_latest, at.last_earliest, at.last_latest, at.assumed))  # type: ignore[arg-type]
    table = np.array(cells, np.int64).reshape(-1, 6).T
    days = np.array(numbers, np.int64).reshape(-1, 5).T
    operators = np.array([OPERATORS.index(getattr(atom, "op", "=")) for atom in atoms], np.int64)
    asks = Asks(
        Span(days[0], days[1], days[2], days[3], days[4] > 0),
        operators,
        np.array(values),
        table[4] > 0,
        table[5],
        table[3],
        tuple(targets),
        Told(atoms),
    )
    return Bound(
        tuple(atoms),
        asks,
        table[0],
        table[1],
        table[2],
        tuple(plain),
        tuple(silences),
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


def _silence(atom: Atom, span: Span, policy: Policy, codes: Codes) -> Silence:
    def coded(kind: str, family: Family, name: str) -> Silence:
        speaks = policy.absence(kind, codes.terminology.concept(name)) == "presumed-no"
        return _noted(family, span, codes.complete(name)) if speaks else Silence()

    def uncoded(kind: str, family: Family) -> Silence:
        speaks = policy.absences.get(kind, "unknown") == "presumed-no"
        return _noted(family, span, -1) if speaks else Silence()

    match atom:
        case Condition() | Medication() | Procedure() | Immunization():
            return coded(atom.kind, _OF_KIND[atom.kind], atom.concept)
        case Allergy():
            # only a list that is not empty may speak
            speaks = policy.absence(atom.kind, codes.terminology.concept(atom.concept)) == "presumed-no"
            return Silence(speaks=speaks, complete=codes.complete(atom.concept) if speaks else 0)
        case Encounter():
            return uncoded("encounter", Family.ENCOUNTERS)
        case Finding():
            return uncoded("imaging", Family.OBSERVATIONS)
        case OtherExperiencer():
            return uncoded("family", Family.FAMILY_HISTORY)
        case DataAvailability():
            return _noted(Family.OBSERVATIONS, span, -1)
        case Reproductive():
            return Silence(male=policy.presume_sensitive)
        case _:
            name = atom.concept  # type: ignore[union-attr]
            return coded(codes.terminology.concept(name).kind, Family.OBSERVATIONS, name)  # type: ignore[arg-type]


def _noted(family: Family, span: Span, complete: int) -> Silence:
    return Silence(family, speaks=True, complete=complete, first=span.first_earliest)  # type: ignore[arg-type]
