"""What no row means to an atom: presumed-no where its family was read to the end and absence may speak."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fhirtrial.criteria.tree import (
    Allergy,
    Atom,
    Condition,
    DataAvailability,
    Encounter,
    Finding,
    Immunization,
    Medication,
    OtherExperiencer,
    Procedure,
    Reproductive,
)
from fhirtrial.matching.calendar import Span
from fhirtrial.matching.codes import Codes
from fhirtrial.matching.grades import UNKNOWN
from fhirtrial.matching.view import NUMBER, View
from fhirtrial.patients.facts import CEIL, FLOOR, Family, Level
from fhirtrial.terminology.policy import Policy

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


class Silences:
    """What silence means to some atoms, one after the other; those to whom it means the same are asked about once."""

    def __init__(self, each: Sequence[Silence]) -> None:
        timeless: dict[Silence, int] = {}
        distinct: dict[Silence, int] = {}
        of_atom = []
        for one in each:
            timeless.setdefault(one._replace(first=FLOOR), len(timeless))
            of_atom.append(distinct.setdefault(one, len(distinct)))
        self._of_atom = np.array(of_atom, np.int64)
        self._timeless = np.array([timeless[one._replace(first=FLOOR)] for one in distinct], np.int64)
        self._family = np.array([NUMBER[one.family] if one.family else 0 for one in timeless], np.int64)
        self._first = np.array([[one.first if one.family else CEIL] for one in distinct], np.int64)
        self._complete = np.array([[one.complete] for one in timeless], np.int32)
        self._speaks = np.array([[one.speaks and one.family is not None] for one in timeless], bool)
        self._male = np.array([[one.male] for one in timeless], bool)

    def truths(self, view: View) -> NDArray[np.int8]:
        """[atoms × patients]: each one's truth if no row speaks to it."""
        if not len(self._of_atom):
            return np.empty((0, view.patients), np.int8)
        family = self._family
        used = view.systems[family]
        read = (view.levels == Level.COMPLETE)[family] & self._speaks
        presumed = read & (((used & self._complete) != 0) | (used == 0))
        presumed |= self._male & (view.sexes == "male")
        told: NDArray[np.int8] = UNKNOWN - presumed.view(np.int8)
        if not (view.since > FLOOR).any():
            return told.take(self._timeless[self._of_atom], axis=0)
        found = told[self._timeless]
        found[view.since[family[self._timeless]] > self._first] = UNKNOWN
        return found.take(self._of_atom, axis=0)


def silence_of(atom: Atom, span: Span, policy: Policy, codes: Codes) -> Silence:
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
