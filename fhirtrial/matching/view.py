"""A chunk of facts seen from one index date through one terminology and policy: what every kind of atom may ask.

Codes meet concepts here and nowhere else: once per distinct CodeableConcept, never per fact.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fhirtrial.criteria.tree import Window
from fhirtrial.matching import calendar
from fhirtrial.matching.grades import PRESUMED_NO, UNKNOWN, Absence, Ints
from fhirtrial.matching.reasons import Reason
from fhirtrial.patients.facts import FLOOR, CodeSet, Coverage, Facts, Family, Kind, Level
from fhirtrial.site import Limits
from fhirtrial.terminology import Concept, Terminology
from fhirtrial.terminology.medicines import route_group
from fhirtrial.terminology.policy import Policy
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


@dataclass(frozen=True)
class View:
    facts: Facts
    on: dt.date
    codes: Codes
    policy: Policy
    uln: Mapping[str, Limits] = field(default_factory=dict)

    @property
    def patients(self) -> int:
        return len(self.facts.patients)

    @property
    def today(self) -> int:
        """The index date as a day."""
        return calendar.day(self.on)

    @property
    def terminology(self) -> Terminology:
        return self.codes.terminology

    def concept(self, name: str) -> Concept:
        return self.terminology.concept(name)

    def column(self, name: str) -> NDArray[Any]:
        return self.facts.columns[name]

    def rows(self, *kinds: Kind) -> Ints:
        """The rows of these kinds, ascending."""
        return np.flatnonzero(np.isin(self.column("kind"), kinds))

    def states(self, concept: str, column: str = "code") -> NDArray[np.int8]:
        """The State of every row's CodeableConcept in `column` for `concept`."""
        values = self.facts.vocabulary.codes.values
        numbers = self.column(column)
        table = np.zeros(len(values), np.int8)
        for number in np.unique(numbers):
            if number:
                table[number] = self.codes.state(concept, values[number])
        found: NDArray[np.int8] = table[numbers]
        return found

    def routed_states(self, concept: str, rows: Ints) -> NDArray[np.int8]:
        """As `states`, for these rows of medications, where a recorded route settles classes of drugs by route."""
        values = self.facts.vocabulary.codes.values
        numbers, routes = self.column("code")[rows], self.column("route")[rows]
        found = np.zeros(len(rows), np.int8)
        for code, route in set(zip(numbers.tolist(), routes.tolist(), strict=True)):
            group = self.route(route) if route else None
            found[(numbers == code) & (routes == route)] = self.codes.state(concept, values[code], group)
        return found

    def route(self, number: int) -> str | None:
        """The route group that a recorded route belongs to."""
        codes = self.facts.vocabulary.codes.values[number]
        known = frozenset((canonical(system), code) for system, code in codes.codings)
        coded = route_group(known, "")
        worded = {route_group(frozenset(), word) for word in codes.words} - {None}
        return coded or (worded.pop() if len(worded) == 1 else None)

    def span(self, window: Window | None, default: calendar.Span) -> calendar.Span | None:
        """The window's days, `default` where the atom names none, None where its anchor is not known."""
        return default if window is None else calendar.resolve(window, self.on)

    @cached_property
    def sexes(self) -> NDArray[np.str_]:
        return np.array([p.sex for p in self.facts.patients], dtype="U8")

    def absence(self, kind: str, concept: str, families: tuple[Family, ...], span: calendar.Span) -> Absence:
        """What it means, per patient, that no fact answers: DESIGN §4's policy, allowed to speak by (a) and (b)."""
        speaks = self.policy.absence(kind, self.concept(concept)) == "presumed-no"
        return self._absence(families, span, self._complete(concept, families) if speaks else None)

    def uncoded_absence(self, kind: str, families: tuple[Family, ...], span: calendar.Span) -> Absence:
        """As `absence`, for kinds that ask for no one coded concept: encounter, imaging, family."""
        speaks = self.policy.absences.get(kind, "unknown") == "presumed-no"
        return self._absence(families, span, np.ones(self.patients, bool) if speaks else None)

    def recorded(self, families: tuple[Family, ...], span: calendar.Span) -> Absence:
        """As `absence`, for questions about the record itself: what a fully read record lacks, it lacks."""
        return self._absence(families, span, np.ones(self.patients, bool))

    def _absence(
        self, families: tuple[Family, ...], span: calendar.Span, complete: NDArray[np.bool_] | None
    ) -> Absence:
        truth = np.full(self.patients, UNKNOWN, np.int8)
        reasons = np.zeros(self.patients, np.uint32)
        for family in families:
            level, since = self._levels[family], self._since[family]
            late = (level == Level.COMPLETE) & (since != FLOOR) & (since > span.first_earliest)
            for of, why in _LACKING.items():
                reasons |= np.where(level == of, why, 0).astype(np.uint32)
            reasons |= np.where(late, Reason.PARTIAL, 0).astype(np.uint32)
        silent = reasons == 0
        if complete is None:
            reasons[silent] = Reason.ABSENT
        else:
            truth[silent & complete] = PRESUMED_NO
            reasons[silent & ~complete] = Reason.CONCEPT_INCOMPLETE
        return Absence(truth, reasons)

    def _complete(self, concept: str, families: tuple[Family, ...]) -> NDArray[np.bool_]:
        """Per patient: for each family, its facts use a system in which the concept is complete, or there are none."""
        complete = 0
        for bit, system in enumerate(KEYS):
            complete |= self.terminology.is_complete(concept, system) << bit
        result = np.ones(self.patients, bool)
        for family in families:
            used = self._systems[family]
            result &= (used & complete != 0) | (used == 0)
        return result

    @cached_property
    def _levels(self) -> Mapping[Family, Ints]:
        return {f: self._coverage(f, lambda c: c.level) for f in Family}

    @cached_property
    def _since(self) -> Mapping[Family, Ints]:
        return {f: self._coverage(f, lambda c: c.since) for f in Family}

    def _coverage(self, family: Family, of: Callable[[Coverage], int]) -> NDArray[np.int64]:
        none = Coverage()
        return np.array([of(p.coverage.get(family, none)) for p in self.facts.patients], np.int64)

    @cached_property
    def _systems(self) -> Mapping[Family, NDArray[np.int64]]:
        """Per family and patient: a bit for each code system in use, the last for uncoded or local."""
        order = {system: 1 << bit for bit, system in enumerate(KEYS)}
        other = 1 << len(KEYS)
        table = np.array(
            [
                np.bitwise_or.reduce([order.get(canonical(s), other) for s, _ in codes.codings] or [other])
                for codes in self.facts.vocabulary.codes.values
            ],
            np.int64,
        )
        found = {family: np.zeros(self.patients, np.int64) for family in Family}
        kinds, patients, bits = self.column("kind"), self.column("patient"), table[self.column("code")]
        for family, members in KINDS.items():
            mine = np.isin(kinds, members)
            np.bitwise_or.at(found[family], patients[mine], bits[mine])
        return found


_LACKING = {Level.NOT_LOADED: Reason.NOT_LOADED, Level.PARTIAL: Reason.PARTIAL, Level.REDACTED: Reason.REDACTED}
KINDS: Mapping[Family, tuple[Kind, ...]] = {
    Family.CONDITIONS: (Kind.CONDITION,),
    Family.MEDICATIONS: (Kind.REQUEST, Kind.STATEMENT, Kind.ADMINISTRATION, Kind.DISPENSE),
    Family.OBSERVATIONS: (Kind.OBSERVATION, Kind.REPORT),
    Family.PROCEDURES: (Kind.PROCEDURE,),
    Family.ALLERGIES: (Kind.ALLERGY,),
    Family.IMMUNIZATIONS: (Kind.IMMUNIZATION,),
    Family.ENCOUNTERS: (Kind.ENCOUNTER,),
    Family.FAMILY_HISTORY: (Kind.RELATIVE,),
}
