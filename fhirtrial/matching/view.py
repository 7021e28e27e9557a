"""A chunk of facts seen from one index date through one terminology and policy: what every kind of atom may ask.

An atom's function is handed a part of it (`lanes`): the rows that speak of what the atom asks, and whose they are.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from fhirtrial.criteria.tree import Atom
from fhirtrial.matching import calendar
from fhirtrial.matching.codes import Codes, Said, Spoken
from fhirtrial.matching.grades import UNKNOWN, Answer, Bits, Graded, Ints, Places, Test, spread
from fhirtrial.matching.reasons import Reason
from fhirtrial.matching.spans import span_of
from fhirtrial.patients.facts import CEIL, FLOOR, Coverage, Facts, Family, Kind, Level, Patient
from fhirtrial.site import Limits
from fhirtrial.terminology import Concept, Terminology
from fhirtrial.terminology.policy import Policy

Qualifiers = tuple[tuple[str, ...], tuple[str, ...]]
"""Concepts that facts must be of, and those that they must not be of."""
A = TypeVar("A", bound=Atom)
T = TypeVar("T")
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

    def at(self, name: str, rows: Ints | int) -> NDArray[Any]:
        """What some of the rows say in one column."""
        return self.column(name)[rows]

    def rows(self, *kinds: Kind) -> Ints:
        """The rows of these kinds, ascending."""
        if kinds not in self._rows:
            self._rows[kinds] = of_kinds(self.column("kind"), kinds).nonzero()[0]
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

    def states(self, concept: str, rows: Ints, column: str = "code") -> NDArray[np.int8]:
        """The State of each of the rows' CodeableConcepts in `column` for `concept`."""
        values = self.facts.vocabulary.codes.values
        numbers = self.at(column, rows)
        table = np.zeros(len(values), np.int8)
        for number in distinct(numbers).tolist():
            if number:
                table[number] = self.codes.state(concept, values[number])
        found: NDArray[np.int8] = table[numbers]
        return found

    def states_of(self, atom: Atom, rows: Ints) -> NDArray[np.int8]:
        """As `states`, for the concept that the atom asks for."""
        return self.states(atom.concept, rows)  # type: ignore[union-attr,arg-type]

    def heads_of(self, atom: Atom, rows: Ints) -> NDArray[np.bool_]:
        """As `heads`, for the concept that the atom asks for."""
        return self.heads(atom.concept, rows)  # type: ignore[union-attr,arg-type]

    def routed_states_of(self, atom: Atom, rows: Ints) -> NDArray[np.int8]:
        """As `routed_states`, for the concept that the atom asks for."""
        return self.routed_states(atom.concept, rows)  # type: ignore[union-attr,arg-type]

    def asking(self, atom: A, asked: Callable[[A], T | None], rows: Ints) -> Sequence[tuple[T, Places]]:  # noqa: ARG002
        """What is asked of the rows, each with the places of those of which it is: at most one thing, but see `lanes`.

        What is false (None, an empty text) asks for nothing.
        """
        one = asked(atom)
        return [(one, slice(None))] if one else []

    def asker(self, atom: A, row: int) -> A:  # noqa: ARG002 - see `lanes`
        """The very atom that the row is judged for."""
        return atom

    def each(self, atom: A, asked: Callable[[A], T | None], judge: Callable[[T, Ints], Graded]) -> Test:
        """Judges rows by what is asked of them; what asks for nothing is held."""

        def test(rows: Ints) -> Graded | None:
            parts = [(places, judge(one, rows[places])) for one, places in self.asking(atom, asked, rows)]
            if len(parts) == 1 and isinstance(parts[0][0], slice):
                return parts[0][1]
            return spread(len(rows), parts) if parts else None

        return test

    def which(self, atom: A, asked: Callable[[A], object], rows: Ints) -> NDArray[np.bool_]:
        """Of which of the rows it is asked."""
        which = np.zeros(len(rows), bool)
        for _, places in self.asking(atom, asked, rows):
            which[places] = True
        return which

    def qualified(self, atom: A, asked: Callable[[A], Qualifiers | None]) -> Test:
        """Judges whether facts are of each of the atom's other concepts, and of none that they must not be of."""
        return self.each(atom, asked, self._qualified)

    def _qualified(self, asked: Qualifiers, rows: Ints) -> Graded:
        values = self.facts.vocabulary.codes.values
        numbers = self.at("code", rows)
        table = np.zeros(len(values), np.int8)
        for number in distinct(numbers).tolist():
            table[number] = self.codes.qualified(values[number], *asked)
        return Graded(table[numbers], lambda: Reason.CODE_TOO_COARSE)

    def heads(self, concept: str, rows: Ints) -> NDArray[np.bool_]:
        """Which of the rows have the code that stands for the whole concept in its system."""
        values = self.facts.vocabulary.codes.values
        numbers = self.at("code", rows)
        table = np.zeros(len(values), bool)
        for number in distinct(numbers).tolist():
            table[number] = self.codes.is_head(concept, values[number])
        found: NDArray[np.bool_] = table[numbers]
        return found

    def routed_states(self, concept: str, rows: Ints) -> NDArray[np.int8]:
        """As `states`, for these rows of medications, where a recorded route settles classes of drugs by route."""
        values = self.facts.vocabulary.codes.values
        numbers, routes = self.at("code", rows), self.at("route", rows)
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

    def absence(self, kind: str, atom: Atom, families: tuple[Family, ...], span: calendar.Span) -> Answer:
        """What it means, per patient, that no fact answers: the policy, where docs/truth.md lets it speak."""
        concept: str = atom.concept  # type: ignore[union-attr,assignment]
        if self.policy.absence(kind, self.concept(concept)) != "presumed-no":
            return self._absence(families, span, False)
        return self._absence(families, span, True, self._complete(self.codes.complete(concept), families))

    def uncoded_absence(self, kind: str, families: tuple[Family, ...], span: calendar.Span) -> Answer:
        """As `absence`, for kinds that ask for no one coded concept: encounter, imaging, family."""
        return self._absence(families, span, self.policy.absences.get(kind, "unknown") == "presumed-no")

    def recorded(self, families: tuple[Family, ...], span: calendar.Span) -> Answer:
        """As `absence`, for questions about the record itself: what a fully read record lacks, it lacks."""
        return self._absence(families, span, True)

    def _absence(
        self,
        families: tuple[Family, ...],
        span: calendar.Span,
        speaks: bool | NDArray[np.bool_],
        complete: bool | NDArray[np.bool_] = True,
    ) -> Answer:
        """`speaks`: absence may mean no; `complete`: where it may, the codes in use say all of the concept."""
        reach = [(self.of(self.whole.levels[NUMBER[one]]), self._late(one, span)) for one in families]
        presumed = np.full(self.patients, speaks) & complete
        for level, late in reach:
            presumed &= (level == Level.COMPLETE) & ~late

        def why() -> Bits:
            reasons = np.zeros(self.patients, np.uint32)
            for level, late in reach:
                reasons |= LACKING[level] | np.where(late & (level == Level.COMPLETE), _PARTIAL, _NOTHING)
            mute: Bits = np.where(speaks, np.where(complete, _NOTHING, _INCOMPLETE), _ABSENT)
            return np.where(reasons == 0, mute, reasons)

        return Answer((UNKNOWN - presumed.view(np.int8)).astype(np.int8), why)

    def _late(self, family: Family, span: calendar.Span) -> NDArray[np.bool_]:
        """Whose record of the family speaks only from some day after the span's first."""
        since = self.of(self.whole.since[NUMBER[family]])
        late: NDArray[np.bool_] = (since != FLOOR) & (since > span.first_earliest)
        return late

    def _complete(self, concept: int | Ints, families: tuple[Family, ...]) -> NDArray[np.bool_]:
        """Per patient: for each family, its facts use a system in which the concept is complete, or there are none.

        `concept`: a bit for each system in which it is.
        """
        result = np.ones(self.patients, bool)
        for family in families:
            used = self.of(self.whole.systems[NUMBER[family]])
            result &= (used & concept != 0) | (used == 0)
        return result

    @property
    def whole(self) -> View:
        """The chunk that this is a part of; see `lanes`."""
        return self

    def of(self, everyone: NDArray[Any]) -> NDArray[Any]:
        """What is known of every patient of the chunk, for each patient here; see `lanes`."""
        return everyone

    @cached_property
    def levels(self) -> NDArray[np.int8]:
        """[families × patients]: how much of each was read."""
        return self._coverage(lambda c: c.level).astype(np.int8)

    @cached_property
    def since(self) -> Ints:
        """[families × patients]: the first day that the record can speak of."""
        return self._coverage(lambda c: c.since)

    def _coverage(self, of: Callable[[Coverage], int]) -> Ints:
        """Patients that share what was read of them are looked at once."""
        none, shared = Coverage(), {id(p.coverage): p.coverage for p in self.facts.patients}
        numbers = {one: number for number, one in enumerate(shared)}
        mine = np.array([numbers[id(p.coverage)] for p in self.facts.patients], np.int64)
        told = np.array([[of(one.get(f, none)) for one in shared.values()] for f in FAMILIES], np.int64)
        found: Ints = told.reshape(len(FAMILIES), len(shared))[:, mine]
        return found

    @cached_property
    def systems(self) -> NDArray[np.int32]:
        """[families × patients]: a bit for each code system in use, the last for uncoded or local."""
        codes, values = self.column("code"), self.facts.vocabulary.codes.values
        table = np.zeros(len(values), np.int32)
        for number in distinct(codes).tolist():
            table[number] = self.codes.systems(values[number])
        found = np.zeros((len(FAMILIES) + 1) * self.patients, np.int32)
        np.bitwise_or.at(found, _FAMILY_OF[self.column("kind")] * self.patients + self.column("patient"), table[codes])
        return found.reshape(len(FAMILIES) + 1, self.patients)[:-1]


def of_kinds(kind: NDArray[Any], kinds: tuple[Kind, ...]) -> NDArray[np.bool_]:
    """Which of the rows' kinds are among these."""
    table = np.zeros(len(Kind), bool)
    table[list(kinds)] = True
    found: NDArray[np.bool_] = table[kind]
    return found


def distinct(numbers: NDArray[Any]) -> Ints:
    """The distinct ones of some small numbers, ascending."""
    return np.bincount(numbers).nonzero()[0]


_NOTHING, _PARTIAL, _INCOMPLETE, _ABSENT = np.array(
    [0, Reason.PARTIAL, Reason.CONCEPT_INCOMPLETE, Reason.ABSENT], np.uint32
)
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
FAMILIES = tuple(KINDS)
NUMBER = {family: number for number, family in enumerate(FAMILIES)}
_FAMILY_OF = np.array(
    [next((n for n, kinds in enumerate(KINDS.values()) if kind in kinds), len(FAMILIES)) for kind in Kind], np.int64
)
"""Each Kind's family by number, one more for those of none."""
