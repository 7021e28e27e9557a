"""Facts: dated statements from patients' records as columns; nouns only.

They know no concepts and no trials: codes, units and reference ranges stay as recorded and are dictionary-encoded, so
that a new concept or trial never re-reads JSON. What never counts (entered in error, cancelled, draft) is no fact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from functools import cached_property
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from fhirtrial.errors import Problem

T = TypeVar("T")

FLOOR = -(2**30)
"""The day before all days: a lower end that nothing bounds."""
CEIL = 2**30
"""The day after all days: an upper end that nothing bounds."""


class Family(StrEnum):
    """Resource types that answer one kind of question together; completeness is known per family."""

    CONDITIONS = "conditions"
    MEDICATIONS = "medications"
    OBSERVATIONS = "observations"
    PROCEDURES = "procedures"
    ALLERGIES = "allergies"
    IMMUNIZATIONS = "immunizations"
    ENCOUNTERS = "encounters"
    FAMILY_HISTORY = "family-history"


class Level(IntEnum):
    """How much of a family was read. Only COMPLETE lets absence speak."""

    NOT_LOADED = 0
    PARTIAL = 1
    REDACTED = 2
    COMPLETE = 3


class Kind(IntEnum):
    CONDITION = 0
    OBSERVATION = 1
    REPORT = 2
    REQUEST = 3
    STATEMENT = 4
    ADMINISTRATION = 5
    DISPENSE = 6
    PROCEDURE = 7
    ENCOUNTER = 8
    ALLERGY = 9
    IMMUNIZATION = 10
    RELATIVE = 11
    ANSWER = 12


class Standing(IntEnum):
    """What the resource's statuses make of the statement."""

    ASSERTED = 0
    ORDERED = 1
    UNCONFIRMED = 2
    DENIED = 3


class Course(IntEnum):
    """Where a lasting thing stands, as recorded: OPEN says nothing, PAUSED is on hold or in remission."""

    OPEN = 0
    NOW = 1
    RECURRENT = 2
    OVER = 3
    PAUSED = 4


class ValueKind(IntEnum):
    NONE = 0
    QUANTITY = 1
    RANGE = 2
    CODED = 3
    TEXT = 4
    BOOLEAN = 5
    RATIO = 6
    ABSENT = 7


class Comparator(IntEnum):
    EXACT = 0
    LESS = 1
    LESS_OR_EQUAL = 2
    GREATER = 3
    GREATER_OR_EQUAL = 4


class CodeSet(NamedTuple):
    """One CodeableConcept: its (system URI, code) pairs in the record's order, and its distinct displays and text."""

    codings: tuple[tuple[str, str], ...] = ()
    text: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        """Each display and the text by itself."""
        return tuple(self.text.split("; ")) if self.text else ()


class ReferenceRange(NamedTuple):
    """One Observation.referenceRange; `normal` when its type is normal or absent; ages in years."""

    low: float | None = None
    high: float | None = None
    unit: str = ""
    normal: bool = True
    sex: str = ""
    age_low: float | None = None
    age_high: float | None = None


class Fact(NamedTuple):
    """One row. Days count from 1970-01-01 as the local date in the stated offset; intervals are [earliest, latest].

    `start` is when it began or was measured; `end` when it was over ([CEIL, CEIL]: it is not; [start, CEIL]: unknown).
    `instant` (ms, UTC) is the latest moment at which a result can be meant, `blur` how many ms earlier it may be (0:
    the time is exact; a date alone: a day); `recorded` is the day it was written down (FLOOR where not stated).
    Codes are numbers in `Vocabulary.codes` (code value interpretation severity stage category reason outcome route
    site), strings in `.strings` (unit dose_unit resource version path), ranges in `.ranges`; 0 is the empty one.
    An ANSWER's code is (questionnaire canonical, linkId); a RELATIVE's category is the relationship.
    `dose_low`..`dose_high` is the daily amount in `dose_unit`, NaN where it cannot be told; a single administration is
    a lower bound (its day may have others).
    `low`..`high` is the numeric value: equal for one number, NaN for none; a comparator keeps its number in both; a
    BOOLEAN is 0 or 1; an open end of a RANGE is infinite; a RATIO is numerator by denominator, its words in `value`.
    What is ABSENT has its dataAbsentReason in `value`.
    """

    patient: int
    kind: Kind
    standing: Standing
    code: int
    start_low: int
    start_high: int
    end_low: int
    end_high: int
    instant: int
    recorded: int
    course: Course = Course.OPEN
    value_kind: ValueKind = ValueKind.NONE
    low: float = float("nan")
    high: float = float("nan")
    comparator: Comparator = Comparator.EXACT
    unit: int = 0
    value: int = 0
    interpretation: int = 0
    ranges: int = 0
    severity: int = 0
    stage: int = 0
    category: int = 0
    reason: int = 0
    outcome: int = 0
    route: int = 0
    site: int = 0
    dose_low: float = float("nan")
    dose_high: float = float("nan")
    dose_unit: int = 0
    resource: int = 0
    version: int = 0
    path: int = 0
    blur: int = 0


DTYPES: Mapping[str, str] = {
    "patient": "i4",
    "kind": "i1",
    "standing": "i1",
    "code": "i4",
    "start_low": "i4",
    "start_high": "i4",
    "end_low": "i4",
    "end_high": "i4",
    "instant": "i8",
    "recorded": "i4",
    "course": "i1",
    "value_kind": "i1",
    "low": "f8",
    "high": "f8",
    "comparator": "i1",
    "unit": "i4",
    "value": "i4",
    "interpretation": "i4",
    "ranges": "i4",
    "severity": "i4",
    "stage": "i4",
    "category": "i4",
    "reason": "i4",
    "outcome": "i4",
    "route": "i4",
    "site": "i4",
    "dose_low": "f8",
    "dose_high": "f8",
    "dose_unit": "i4",
    "resource": "i4",
    "version": "i4",
    "path": "i4",
    "blur": "i8",
}


ENUMS: Mapping[str, Callable[[Any], object]] = {
    "kind": Kind,
    "standing": Standing,
    "course": Course,
    "value_kind": ValueKind,
    "comparator": Comparator,
}


@dataclass(frozen=True)
class Coverage:
    """What one family's reading covers; `since` is the first day the record can speak of (FLOOR: from birth)."""

    level: Level = Level.NOT_LOADED
    since: int = FLOOR


class Enrolment(NamedTuple):
    """One ResearchSubject of this patient: which study (reference, identifiers) in which state since which day."""

    study: str
    identifiers: tuple[tuple[str, str], ...]
    state: str
    since: int = FLOOR


@dataclass(frozen=True)
class Patient:
    """Who the facts are about. `birth`, `died` are day intervals; `died` (FLOOR, CEIL): dead, date unknown.

    `research_refused` is the first day on which a Consent denies research (FLOOR: no date given).
    """

    reference: str
    identifiers: tuple[tuple[str, str], ...] = ()
    birth: tuple[int, int] | None = None
    sex: str = ""
    died: tuple[int, int] | None = None
    active: bool = True
    replaced: bool = False
    research_refused: int | None = None
    enrolments: tuple[Enrolment, ...] = ()
    coverage: Mapping[Family, Coverage] = field(default_factory=dict)
    resource_version: str = ""
    as_of: str = ""


class Index(Generic[T]):
    """Distinct values in order of appearance; number 0 is the empty one."""

    def __init__(self, empty: T) -> None:
        self.values = [empty]
        self._numbers: dict[T, int] = {empty: 0}

    def number(self, value: T) -> int:
        number = self._numbers.setdefault(value, len(self.values))
        if number == len(self.values):
            self.values.append(value)
        return number

    def extend(self, values: Iterable[T]) -> int:
        """The number of the first of many values that stand by themselves: nobody will ask for their numbers."""
        first = len(self.values)
        self.values.extend(values)
        return first


class Restored(Index[T]):
    """Values with the numbers they had; which number a value has is found out only if somebody asks."""

    def __init__(self, values: list[T]) -> None:
        self.values = values

    @cached_property
    def _numbers(self) -> dict[T, int]:  # type: ignore[override]
        return {value: number for number, value in reversed(list(enumerate(self.values)))}


class Vocabulary:
    """Everything that repeats in facts, once."""

    def __init__(self) -> None:
        self.codes: Index[CodeSet] = Index(CodeSet())
        self.strings: Index[str] = Index("")
        self.ranges: Index[tuple[ReferenceRange, ...]] = Index(())


@dataclass(frozen=True)
class Facts:
    """A chunk of patients: their rows as columns, sorted by patient, and what could not be read."""

    patients: tuple[Patient, ...]
    columns: Mapping[str, NDArray[np.generic]]
    vocabulary: Vocabulary
    problems: tuple[Problem, ...] = ()

    def __len__(self) -> int:
        return len(self.columns["patient"])

    @classmethod
    def of(
        cls,
        patients: tuple[Patient, ...],
        rows: list[Fact],
        vocabulary: Vocabulary,
        problems: tuple[Problem, ...] = (),
    ) -> Facts:
        table = list(zip(*rows, strict=True)) if rows else [() for _ in DTYPES]
        columns = {name: np.array(table[i], dtype=dtype) for i, (name, dtype) in enumerate(DTYPES.items())}
        return cls(patients, columns, vocabulary, problems)

    def row(self, i: int) -> Fact:
        """Row `i` as a Fact, its enums restored."""
        return Fact._make(ENUMS.get(name, _same)(column[i].item()) for name, column in self.columns.items())


def _same(cell: object) -> object:
    return cell
