"""A chunk of facts seen from one index date through one terminology and policy: what every kind of atom may ask.

An atom's function is handed a part of it (`lanes`): the rows that speak of what the atom asks, and whose they are.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fhirtrial.criteria.tree import Atom
from fhirtrial.matching import calendar
from fhirtrial.matching.codes import Codes, Said, Spoken
from fhirtrial.matching.grades import PRESUMED_NO, UNKNOWN, Absence, Bits, Grades, Ints
from fhirtrial.matching.reasons import Reason
from fhirtrial.matching.spans import span_of
from fhirtrial.patients.facts import CEIL, FLOOR, Coverage, Facts, Family, Kind, Level, Patient
from fhirtrial.site import Limits
from fhirtrial.terminology import Concept, Terminology
from fhirtrial.terminology.policy import Policy

Graded = tuple[Grades, Bits]
Target = tuple[str | None, float | None]
"""A unit, and the molar mass by which a mass becomes an amount."""


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
        if kinds not in self._rows:
            self._rows[kinds] = np.flatnonzero(of_kinds(self.column("kind"), kinds))
        return self._rows[kinds]

    @cached_property
    def _rows(self) -> dict[tuple[Kind, ...], Ints]:
        return {}

    def hear(self, spoken: Spoken) -> None:
        """Finds what all the codes say of all these concepts at once."""
        if spoken.names in self._heard:
            return
        values = self.facts.vocabulary.codes.values
        found: dict[str, list[tuple[int, Said]]] = {name: [] for name in spoken.names}
        for number in self._by_code:
            for said in spoken.of(values[number]):
                found[spoken.names[said.concept]].append((number, said))
        self._heard.add(spoken.names)
        self._said.update(found)

    def said(self, concept: str) -> Sequence[tuple[int, Said]]:
        """The numbers of the codes here that say anything of the concept, each with what it says."""
        if concept not in self._said:
            self.hear(self.codes.index((concept,)))
        return self._said[concept]

    def of_code(self, number: int) -> Ints:
        """The rows with this code, ascending."""
        return self._by_code[number]

    @cached_property
    def _heard(self) -> set[tuple[str, ...]]:
        return set()

    @cached_property
    def _said(self) -> dict[str, list[tuple[int, Said]]]:
        return {}

    @cached_property
    def _by_code(self) -> Mapping[int, Ints]:
        numbers = self.column("code")
        order = np.argsort(numbers, kind="stable")
        present, starts = np.unique(numbers[order], return_index=True)
        ends = np.append(starts, len(order))[1:].tolist()
        cut = zip(present.tolist(), starts.tolist(), ends, strict=True)
        return {number: order[start:end] for number, start, end in cut}

    def states(self, concept: str, column: str = "code") -> NDArray[np.int8]:
        """The State of every row's CodeableConcept in `column` for `concept`."""
        values = self.facts.vocabulary.codes.values
        numbers = self.column(column)
        table = np.zeros(len(values), np.int8)
        for number in distinct(numbers).tolist():
            if number:
                table[number] = self.codes.state(concept, values[number])
        found: NDArray[np.int8] = table[numbers]
        return found

    def qualified(self, rows: Ints, also: tuple[str, ...], unless: tuple[str, ...]) -> list[Graded]:
        """Whether the facts are of each of the concepts in `also`, and of none in `unless`."""
        if not also and not unless:
            return []
        values = self.facts.vocabulary.codes.values
        numbers = self.column("code")[rows].tolist()
        told = {n: self.codes.qualified(values[n], also, unless) for n in set(numbers)}
        grade = np.array([told[n] for n in numbers], np.int8)
        return [(grade, np.where(grade == UNKNOWN, Reason.CODE_TOO_COARSE, 0).astype(np.uint32))]

    def heads(self, concept: str) -> NDArray[np.bool_]:
        """Rows whose code is the one that stands for the whole concept in its system."""
        values = self.facts.vocabulary.codes.values
        numbers = self.column("code")
        table = np.zeros(len(values), bool)
        for number in distinct(numbers).tolist():
            table[number] = self.codes.is_head(concept, values[number])
        found: NDArray[np.bool_] = table[numbers]
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
        return self.codes.route(self.facts.vocabulary.codes.values[number])

    def span(self, atom: Atom) -> calendar.Span | None:
        """The days that the atom asks about, None where their anchor is not known."""
        return span_of(atom, self.on, self.policy, self.concept)

    def targets(self, rows: Ints) -> tuple[Sequence[Target], Ints] | None:  # noqa: ARG002 - see `lanes`
        """The units that values are compared in, and each row's number among them, where they differ."""
        return None

    def operators(self, op: str, rows: Ints) -> str | Ints:  # noqa: ARG002 - see `lanes`
        """How the rows are compared: by one operator, or each by that with its number."""
        return op

    def asked(self, value: float, rows: Ints) -> NDArray[np.float64]:
        """What each of the rows is compared with."""
        return np.full(len(rows), value)

    def person(self, patient: int) -> Patient:
        return self.facts.patients[patient]

    @cached_property
    def births(self) -> Ints:
        """Per patient the first day on which they may have been born; FLOOR where nobody knows."""
        return np.array([FLOOR if p.birth is None else p.birth[0] for p in self.facts.patients], np.int64)

    @cached_property
    def last_births(self) -> Ints:
        """Per patient the last day on which they may have been born; CEIL where nobody knows."""
        return np.array([CEIL if p.birth is None else p.birth[1] for p in self.facts.patients], np.int64)

    @cached_property
    def sexes(self) -> NDArray[np.str_]:
        return np.array([p.sex for p in self.facts.patients], dtype="U8")

    def absence(self, kind: str, concept: str, families: tuple[Family, ...], span: calendar.Span) -> Absence:
        """What it means, per patient, that no fact answers: the policy, where docs/truth.md lets it speak."""
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
            level, since = self.levels[family], self.since[family]
            late = (level == Level.COMPLETE) & (since != FLOOR) & (since > span.first_earliest)
            reasons |= LACKING[level] | np.where(late, Reason.PARTIAL, 0).astype(np.uint32)
        silent = reasons == 0
        if complete is None:
            reasons[silent] = Reason.ABSENT
        else:
            truth[silent & complete] = PRESUMED_NO
            reasons[silent & ~complete] = Reason.CONCEPT_INCOMPLETE
        return Absence(truth, reasons)

    def _complete(self, concept: str, families: tuple[Family, ...]) -> NDArray[np.bool_]:
        """Per patient: for each family, its facts use a system in which the concept is complete, or there are none."""
        complete = self.codes.complete(concept)
        result = np.ones(self.patients, bool)
        for family in families:
            used = self.systems[family]
            result &= (used & complete != 0) | (used == 0)
        return result

    @cached_property
    def levels(self) -> Mapping[Family, Ints]:
        """Per family and patient, how much of it was read."""
        return {f: self._coverage(f, lambda c: c.level) for f in Family}

    @cached_property
    def since(self) -> Mapping[Family, Ints]:
        """Per family and patient, the first day that the record can speak of."""
        return {f: self._coverage(f, lambda c: c.since) for f in Family}

    def _coverage(self, family: Family, of: Callable[[Coverage], int]) -> Ints:
        none = Coverage()
        return np.array([of(p.coverage.get(family, none)) for p in self.facts.patients], np.int64)

    @cached_property
    def systems(self) -> Mapping[Family, Ints]:
        """Per family and patient: a bit for each code system in use, the last for uncoded or local."""
        codes, values = self.column("code"), self.facts.vocabulary.codes.values
        table = np.zeros(len(values), np.int64)
        for number in distinct(codes).tolist():
            table[number] = self.codes.systems(values[number])
        families = list(KINDS)
        of_kind = np.full(len(Kind), len(families), np.int64)
        for number, kinds in enumerate(KINDS.values()):
            of_kind[list(kinds)] = number
        found = np.zeros((len(families) + 1, self.patients), np.int64)
        np.bitwise_or.at(found, (of_kind[self.column("kind")], self.column("patient")), table[codes])
        return dict(zip(families, found, strict=False))


def of_kinds(kind: NDArray[Any], kinds: tuple[Kind, ...]) -> NDArray[np.bool_]:
    """Which of the rows' kinds are among these."""
    table = np.zeros(len(Kind), bool)
    table[list(kinds)] = True
    found: NDArray[np.bool_] = table[kind]
    return found


def distinct(numbers: NDArray[Any]) -> Ints:
    """The distinct ones of some small numbers, ascending."""
    return np.flatnonzero(np.bincount(numbers))


LACKING = np.zeros(len(Level), np.uint32)
"""Why a family that was read no further lets nothing be presumed."""
LACKING[[Level.NOT_LOADED, Level.PARTIAL, Level.REDACTED]] = Reason.NOT_LOADED, Reason.PARTIAL, Reason.REDACTED
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
