"""The data types of R4 and R5 as typed structs, with only the fields that facts are made from."""

from __future__ import annotations

from msgspec import Raw, Struct


class Element(Struct, rename="camel", gc=False):
    """Leaves of the document tree: they hold no cycles, so the collector need not visit them."""


ABSENT_REASON = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"


class Coding(Element):
    system: str = ""
    code: str = ""
    display: str = ""


class Extension(Element):
    url: str = ""
    value_code: str = ""


class Extended(Element):
    """What stands beside a primitive (`_birthDate`): its extensions."""

    extension: tuple[Extension, ...] = ()


class Concept(Element):
    coding: tuple[Coding, ...] = ()
    text: str = ""
    extension: tuple[Extension, ...] = ()


class Identifier(Element):
    system: str = ""
    value: str = ""


class Reference(Element):
    reference: str = ""
    type: str = ""
    identifier: Identifier | None = None
    display: str = ""


class CodeableReference(Element):
    """R5's concept, or a reference to a resource that says it."""

    concept: Concept | None = None
    reference: Reference | None = None


class Coded(Element):
    """An element that is a Coding, a CodeableConcept or a CodeableReference, as the FHIR version has it."""

    system: str = ""
    code: str = ""
    display: str = ""
    coding: tuple[Coding, ...] = ()
    text: str = ""
    concept: Concept | None = None
    reference: Reference | None = None


class Period(Element):
    start: str = ""
    end: str = ""


class Quantity(Element):
    value: float | None = None
    comparator: str = ""
    unit: str = ""
    system: str = ""
    code: str = ""


class Range(Element):
    low: Quantity | None = None
    high: Quantity | None = None


class Ratio(Element):
    numerator: Quantity | None = None
    denominator: Quantity | None = None


class SampledData(Element):
    """A curve, which says no single value."""


class Repeat(Element):
    bounds_duration: Quantity | None = None
    bounds_range: Range | None = None
    bounds_period: Period | None = None
    duration: float | None = None
    duration_max: float | None = None
    duration_unit: str = ""
    frequency: int | None = None
    frequency_max: int | None = None
    period: float | None = None
    period_max: float | None = None
    period_unit: str = ""
    day_of_week: tuple[str | None, ...] = ()
    time_of_day: tuple[str | None, ...] = ()
    when: tuple[str | None, ...] = ()


class Timing(Element):
    event: tuple[str | None, ...] = ()
    repeat: Repeat | None = None
    code: Concept | None = None


class DoseAndRate(Element):
    type: Concept | None = None
    dose_quantity: Quantity | None = None
    dose_range: Range | None = None
    rate_quantity: Quantity | None = None
    rate_range: Range | None = None
    rate_ratio: Ratio | None = None


class Dosage(Element):
    sequence: int | None = None
    timing: Timing | None = None
    as_needed_boolean: bool = False
    as_needed_codeable_concept: Concept | None = None
    as_needed: bool = False
    as_needed_for: tuple[Concept, ...] = ()
    route: Concept | None = None
    site: Concept | None = None
    dose_and_rate: tuple[DoseAndRate, ...] = ()
    max_dose_per_period: Ratio | tuple[Ratio, ...] | None = None
    max_dose_per_administration: Quantity | None = None
    modifier_extension: tuple[Raw, ...] = ()


class Meta(Element):
    version_id: str = ""
    last_updated: str = ""
    security: tuple[Coding, ...] = ()
    tag: tuple[Coding, ...] = ()


class Resource(Struct, tag_field="resourceType", tag=True, rename="camel", gc=False):
    """What every resource has. `contained` stays text until a `#id` reference asks for it."""

    id: str = ""
    meta: Meta | None = None
    implicit_rules: str = ""
    modifier_extension: tuple[Raw, ...] = ()
    contained: tuple[Raw, ...] = ()
