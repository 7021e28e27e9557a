"""What a recorded CodeableConcept says about concepts: judged once for each distinct one, and remembered.

Codes meet concepts here and nowhere else: never per fact, and across chunks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import NamedTuple

from fhirtrial.criteria.tree import Allergy
from fhirtrial.criteria.truth import Truth
from fhirtrial.patients.facts import CodeSet
from fhirtrial.terminology import Terminology
from fhirtrial.terminology.index import beginning
from fhirtrial.terminology.medicines import route_group
from fhirtrial.terminology.systems import KEYS, canonical


class State(IntEnum):
    """What a recorded CodeableConcept says about a concept; the strongest of its codings speaks."""

    NONE = 0
    DENIAL = 1
    MENTIONED = 2
    COARSE = 3
    HISTORY = 4
    HIT = 5


class Codes:
    """CodeableConcept × concept → State, remembered across chunks."""

    def __init__(self, terminology: Terminology) -> None:
        self.terminology = terminology
        self._states: dict[tuple[str, CodeSet, str | None], State] = {}
        self._qualified: dict[tuple[CodeSet, tuple[str, ...], tuple[str, ...]], int] = {}
        self._heads: dict[str, dict[str, str]] = {}
        self._systems: dict[CodeSet, int] = {}
        self._complete: dict[str, int] = {}
        self._indexes: dict[tuple[str, ...], Spoken] = {}

    def state(self, concept: str, codes: CodeSet, route: str | None = None) -> State:
        key = (concept, codes, route)
        if key not in self._states:
            self._states[key] = self._judge(concept, codes, route)
        return self._states[key]

    def _judge(self, concept: str, codes: CodeSet, route: str | None) -> State:
        t = self.terminology
        known = [(canonical(system), code) for system, code in codes.codings if canonical(system) in KEYS]
        local = [(system, code) for system, code in codes.codings if canonical(system) not in KEYS]
        best = State.NONE
        for system, code in (*known, *local):
            if t.is_hit(concept, system, code, route):
                return State.HIT
            if t.is_history(concept, system, code):
                best = max(best, State.HISTORY)
            elif t.is_coarse(concept, system, code, route):
                best = max(best, State.COARSE)
            elif t.is_denial(concept, system, code):
                best = max(best, State.DENIAL)
        if not known and best is State.NONE and codes.text and t.mentions(concept, codes.text):
            return State.MENTIONED
        return best

    def qualified(self, codes: CodeSet, also: tuple[str, ...], unless: tuple[str, ...]) -> int:
        """Whether a fact with these codes is of all of some concepts and of none of others, as a truth.

        A code that may be one of them leaves it open.
        """
        key = (codes, also, unless)
        if key not in self._qualified:
            held = [_HELD[self.state(name, codes)] for name in also]
            spared = [Truth.YES - _HELD[self.state(name, codes)] for name in unless]
            self._qualified[key] = min(*held, *spared, Truth.YES)
        return self._qualified[key]

    def is_head(self, concept: str, codes: CodeSet) -> bool:
        """Whether one of the codes is the first that the concept has in its system."""
        heads = self._heads.get(concept)
        if heads is None:
            heads = self._heads[concept] = {}
            for code in self.terminology.concept(concept).codes:
                heads.setdefault(code.system, code.code)
        return any(heads.get(canonical(system)) == code for system, code in codes.codings)

    def systems(self, codes: CodeSet) -> int:
        """A bit for each code system that is used, the last for uncoded or local."""
        if codes not in self._systems:
            bits = 0 if codes.codings else OTHER
            for system, _ in codes.codings:
                bits |= BITS.get(canonical(system), OTHER)
            self._systems[codes] = bits
        return self._systems[codes]

    def complete(self, concept: str) -> int:
        """A bit for each code system in which the concept's codes are exhaustive."""
        if concept not in self._complete:
            systems = (system for system in KEYS if self.terminology.is_complete(concept, system))
            self._complete[concept] = sum(BITS[system] for system in systems)
        return self._complete[concept]

    def of_drug(self, atom: Allergy) -> bool:
        """Whether an allergy to a drug is asked for."""
        return self.terminology.concept(atom.concept).kind == "medication"

    def route(self, codes: CodeSet) -> str | None:
        """The route group that a recorded route belongs to."""
        known = frozenset((canonical(system), code) for system, code in codes.codings)
        coded = route_group(known, "")
        worded = {route_group(frozenset(), word) for word in codes.words} - {None}
        return coded or (worded.pop() if len(worded) == 1 else None)

    def index(self, concepts: Iterable[str]) -> Spoken:
        """Which of these concepts each CodeableConcept speaks of; the same index for the same concepts."""
        names = tuple(concepts)
        if names not in self._indexes:
            self._indexes[names] = Spoken(self, names)
        return self._indexes[names]


_HELD: Mapping[State, int] = {
    State.NONE: Truth.NO,
    State.DENIAL: Truth.NO,
    State.MENTIONED: Truth.UNKNOWN,
    State.COARSE: Truth.UNKNOWN,
    State.HISTORY: Truth.YES,
    State.HIT: Truth.YES,
}
BITS: Mapping[str, int] = {system: 1 << bit for bit, system in enumerate(KEYS)}
OTHER = 1 << len(KEYS)


class Said(NamedTuple):
    """A CodeableConcept speaks of the concept with this number; whether by the code that stands for all of it."""

    concept: int
    state: State
    head: bool


class Spoken:
    """CodeableConcept → what it says of which of some concepts; only those that share a code's beginning are judged."""

    def __init__(self, codes: Codes, names: tuple[str, ...]) -> None:
        self.names = names
        self.numbers = {name: number for number, name in enumerate(names)}
        self._codes = codes
        self._said: dict[object, tuple[Said, ...]] = {}
        self._by_key: dict[tuple[str, str], list[int]] = {}
        for number, name in enumerate(names):
            for key in codes.terminology.beginnings(name):
                self._by_key.setdefault(key, []).append(number)

    def of(self, codes: CodeSet) -> tuple[Said, ...]:
        """What these codes, or else their text, say; text is heard only where no code is of a known system."""
        coded = any(canonical(system) in KEYS for system, _ in codes.codings)
        key = codes.codings if coded else codes
        found = self._said.get(key)
        if found is None:
            judged = (self._judge(number, codes) for number in (self._near(codes) if coded else range(len(self.names))))
            found = self._said[key] = tuple(said for said in judged if said.state or said.head)
        return found

    def _judge(self, number: int, codes: CodeSet) -> Said:
        name = self.names[number]
        return Said(number, self._codes.state(name, codes), self._codes.is_head(name, codes))

    def _near(self, codes: CodeSet) -> list[int]:
        found: set[int] = set()
        for system, code in codes.codings:
            found.update(self._by_key.get(beginning(canonical(system), code), ()))
        return sorted(found)
