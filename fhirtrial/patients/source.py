"""One resource as a source of facts: it stamps rows with patient, resource and version, and keeps what was noticed.

A reader of a resource type sees its resource, this, and nothing else of the document.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import nan
from typing import NamedTuple, TypeVar

from msgspec import Struct

from fhirtrial.errors import Problem
from fhirtrial.patients.codes import NOTHING, code_set, joined, merged, of_codings
from fhirtrial.patients.dates import NOT_YET, UNDATED, BadValueError, When, between
from fhirtrial.patients.elements import CodeableReference, Coded, Coding, Concept, Reference, Resource
from fhirtrial.patients.facts import (  # fmt: skip
    CEIL,
    FLOOR,
    CodeSet,
    Course,
    Fact,
    Kind,
    Patient,
    ReferenceRange,
    Standing,
    Vocabulary,
)
from fhirtrial.patients.quantities import NO_VALUE, Value
from fhirtrial.patients.references import References

T = TypeVar("T")


class Item(NamedTuple):
    """One resource, where it stands (file or file:line, and path inside), and whether a search only included it."""

    resource: Resource
    url: str
    where: str
    path: str
    included: bool


def label(item: Item) -> str:
    """Type/id; a resource that has no id is named by its URL or its place."""
    kind = type(item.resource).__name__
    return f"{kind}/{item.resource.id}" if item.resource.id else item.url or f"{kind} {item.path}".strip()


class Times(Struct, frozen=True, gc=False):
    """When something began and was over, and the day it was written down."""

    start: When = UNDATED
    end: When = UNDATED
    recorded: int = FLOOR


class Dose(NamedTuple):
    """The amount per day."""

    low: float = nan
    high: float = nan
    unit: str = ""


NO_DOSE = Dose()


@dataclass(slots=True)
class Source:
    """One patient's resources, one at a time (`turn_to`).

    `doubtful` when something in the resource may change its meaning and is not understood; `incomplete` when part of
    what the resource says could not be found.
    """

    patient: Patient
    number: int
    references: References
    vocabulary: Vocabulary
    problems: list[Problem]
    resource: Resource = field(default_factory=Resource)
    where: str = ""
    path: str = ""
    url: str = ""
    label: int = 0
    version: int = 0
    doubtful: bool = False
    incomplete: bool = False

    def turn_to(self, item: Item, *, doubtful: bool) -> None:
        resource = self.resource = item.resource
        name = label(item)
        self.where = f"{item.where}: {name}"
        self.path, self.url = item.path, item.url
        self.label = self.vocabulary.strings.number(name)
        self.version = self.vocabulary.strings.number(resource.meta.version_id) if resource.meta is not None else 0
        self.doubtful = doubtful or bool(resource.modifier_extension) or bool(resource.implicit_rules)
        self.incomplete = False

    def report(self, path: str, got: str, todo: str) -> None:
        self.problems.append(Problem(self.where, f"{self.path}.{path}" if self.path else path, got, todo))

    def row(
        self,
        kind: Kind,
        standing: Standing,
        times: Times,
        *,
        code: CodeSet = NOTHING,
        course: Course = Course.OPEN,
        value: Value = NO_VALUE,
        interpretation: CodeSet = NOTHING,
        ranges: tuple[ReferenceRange, ...] = (),
        severity: CodeSet = NOTHING,
        stage: CodeSet = NOTHING,
        category: CodeSet = NOTHING,
        reason: CodeSet = NOTHING,
        outcome: CodeSet = NOTHING,
        route: CodeSet = NOTHING,
        site: CodeSet = NOTHING,
        dose: Dose = NO_DOSE,
    ) -> Fact:
        codes, strings = self.vocabulary.codes.number, self.vocabulary.strings.number
        start, end = times.start, times.end
        return Fact(
            self.number,
            kind,
            Standing.UNCONFIRMED if self.doubtful else standing,
            codes(code),
            start.low,
            start.high,
            end.low,
            end.high,
            start.instant,
            times.recorded,
            course,
            value.kind,
            value.low,
            value.high,
            value.comparator,
            strings(value.unit) if value.unit else 0,
            0 if value.coded is NOTHING else codes(value.coded),
            0 if interpretation is NOTHING else codes(interpretation),
            self.vocabulary.ranges.number(ranges) if ranges else 0,
            0 if severity is NOTHING else codes(severity),
            0 if stage is NOTHING else codes(stage),
            0 if category is NOTHING else codes(category),
            0 if reason is NOTHING else codes(reason),
            0 if outcome is NOTHING else codes(outcome),
            0 if route is NOTHING else codes(route),
            0 if site is NOTHING else codes(site),
            dose.low,
            dose.high,
            strings(dose.unit) if dose.unit else 0,
            self.label,
            self.version,
            strings(value.path),
            start.blur,
        )

    def resolve(self, reference: Reference | None, path: str) -> Resource | None:
        """The resource meant; a dangling reference is reported, and what it would have said stays unknown."""
        if reference is None or (not reference.reference and reference.identifier is None):
            return None
        found = self.references.find(reference, self.resource, self.url)
        if found is None:
            got = "a reference to a resource that is not here"
            self.report(path, got, "send the resource along, or its code in the place of the reference")
        return found

    def reasons(
        self, codes: Iterable[Concept], references: Iterable[Reference], either: Iterable[CodeableReference] = ()
    ) -> CodeSet:
        """Reason codes, and the codes of conditions and results that are given as reasons; R5 lists both in one."""
        stated = merged(codes)
        found = [self.codes_behind(one, f"reasonReference[{i}]") for i, one in enumerate(references)]
        found += [self.coded(one, f"reason[{i}]") for i, one in enumerate(either)]
        return joined(stated, *found) if found else stated

    def coded(self, one: CodeableReference | Coded, path: str) -> CodeSet:
        """What an element says that holds a concept or a reference to one; in R4 it is a concept or a coding itself."""
        own = NOTHING
        if isinstance(one, Coded):
            given = Coding(one.system, one.code, one.display)
            own = joined(code_set(Concept(one.coding, one.text)), of_codings([given] if given != Coding() else []))
        referred = self.codes_behind(one.reference, f"{path}.reference") if one.reference is not None else NOTHING
        return joined(own, code_set(one.concept), referred)

    def codes_behind(self, reference: Reference | None, path: str) -> CodeSet:
        """The code of the resource referred to, with the words of the reference itself."""
        resource = self.resolve(reference, path)
        if _is_untrue(resource):
            return NOTHING
        words = CodeSet((), reference.display) if reference is not None and reference.display else NOTHING
        code = getattr(resource, "code", None)
        return joined(self.coded(code, path) if isinstance(code, Coded) else code_set(code), words)


def _is_untrue(resource: Resource | None) -> bool:
    """Whether a resource is itself refuted, or an error."""
    verified = getattr(resource, "verification_status", None)
    stated = {coding.code for coding in verified.coding} if verified is not None else {getattr(resource, "status", "")}
    return bool(stated & {"refuted", "entered-in-error"})


def standing(table: Mapping[str, T], status: str, path: str = "status") -> T:
    """What a required status means; one that FHIR does not have is never read as another."""
    try:
        return table[status]
    except KeyError:
        known = ", ".join(code for code in table if code)
        got = "no status" if not status else "a code FHIR does not have"
        raise BadValueError(path, got, f"use one of: {known}") from None


def concept_standing(table: Mapping[str, T], concept: Concept | None, system: str, path: str, absent: T) -> T:
    """The same for statuses that are CodeableConcepts; `absent` is what R4 lets their absence mean."""
    if concept is None:
        return absent
    codes = [coding.code for coding in concept.coding if coding.system in (system, "") and coding.code]
    return standing(table, codes[0] if codes else "", path)


def open_end(start: When) -> When:
    """Over some time after it began, or not yet."""
    return between(start.low, CEIL)


def end_of(course: Course, start: When, end: When | None) -> When:
    """The end as recorded; without one, what still runs is not over and anything else may be."""
    if end is not None:
        return end
    return NOT_YET if course in (Course.NOW, Course.RECURRENT) else open_end(start)
