"""Structs for one quick pass: dates and numbers typed, all else as the bytes it was written in.

They are derived from the structs in `resources`, so that what is read there cannot be forgotten here. Equal bytes mean
the same, hence what a resource says apart from its dates, numbers and identity is understood once (see `patterns`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Union, get_args

import msgspec
from msgspec import Raw, Struct, defstruct

from fhirtrial.patients import conditions, encounters, immunizations, medications, observations, procedures
from fhirtrial.patients import resources as r4
from fhirtrial.patients.elements import CodeableReference, Period, Quantity, Reference, Resource
from fhirtrial.patients.medication_resources import MedicationAdministration, MedicationDispense, MedicationRequest
from fhirtrial.patients.source import Source, Times

NOT_GIVEN: Any = b""
"""The default of a field that stays bytes: no JSON value is empty."""


class Span(Struct, frozen=True, gc=False):
    """A Period that can stand in a key."""

    start: str = ""
    end: str = ""


class Stamp(Struct, rename="camel", gc=False):
    """Meta where resources differ in it: a version and a date for each; labels that most of them share."""

    version_id: str = ""
    last_updated: str = ""
    security: Raw = NOT_GIVEN
    tag: Raw = NOT_GIVEN


class Amount(Struct, gc=False):
    """A Quantity whose number is its own and whose unit many share; the order of the fields is used."""

    value: float | None = None
    comparator: Raw = NOT_GIVEN
    unit: Raw = NOT_GIVEN
    system: Raw = NOT_GIVEN
    code: Raw = NOT_GIVEN


@dataclass(frozen=True)
class Shape:
    """How one resource type is skimmed. In a skimmed resource's tuple of fields stand, in this order: what is its own
    (id, subject, meta, number), references `[refs:dates]`, dates `[dates:rest]`, and the rest as bytes.

    `times` reads the dates; what else it reads is in the rest. Where `undated` are all absent, it reads the dates only.
    `precise`: how precise the dates are decides more than the times.
    """

    kind: type[Resource]
    facts: Callable[[Any, Source], Any]
    times: Callable[[Any, Source], Times]
    skimmed: type[Struct]
    names: tuple[str, ...]
    refs: int
    dates: int
    rest: int
    undated: tuple[str, ...] | None
    precise: bool

    @property
    def label(self) -> str:
        return f"{self.kind.__name__}/"


def _mentions(kind: Any) -> bool:
    """Whether a value of this type may hold a Reference."""
    if kind in (Reference, CodeableReference):
        return True
    if isinstance(kind, type) and issubclass(kind, Struct):
        return any(_mentions(one.type) for one in msgspec.structs.fields(kind) if one.type is not kind)
    return any(_mentions(inner) for inner in get_args(kind))


def _raw(one: msgspec.structs.FieldInfo) -> tuple[str, Any, Any]:
    return one.name, Raw, msgspec.field(default=NOT_GIVEN, name=one.encode_name)


def _component() -> type[Struct]:
    fields = [one for one in msgspec.structs.fields(r4.Component) if one.name != "value_quantity"]
    return defstruct(
        "Component", [("value_quantity", Amount | None, None), *map(_raw, fields)], rename="camel", gc=False
    )


Component = _component()


def _shape(
    kind: type[Resource],
    facts: Callable[[Any, Source], Any],
    times: Callable[[Any, Source], Times],
    dates: tuple[str, ...],
    undated: tuple[str, ...] | None = None,
    *,
    precise: bool = False,
) -> Shape:
    given = {one.name: one for one in msgspec.structs.fields(kind)}
    own: list[tuple[str, Any, Any]] = [("id", str, ""), _raw(given["subject"]), _raw(given["meta"])]
    if kind is r4.Observation:
        own += [("value_quantity", Amount | None, None), ("component", tuple[Component, ...], ())]  # type: ignore[valid-type]
    taken = {name for name, *_ in own} | set(dates)
    refs = [_raw(one) for name, one in given.items() if name not in taken and _mentions(one.type)]
    dated = [(name, str, "") if given[name].type is str else (name, Span | None, None) for name in dates]
    taken |= {name for name, *_ in refs}
    rest = [_raw(one) for name, one in given.items() if name not in taken]
    fields = [*own, *refs, *dated, *rest]
    skimmed = defstruct(
        kind.__name__, fields, tag_field="resourceType", tag=kind.__name__, rename="camel", gc=False, module=__name__
    )
    names = tuple(name for name, *_ in fields)
    start = len(own)
    ends = start + len(refs), start + len(refs) + len(dated)
    return Shape(kind, facts, times, skimmed, names, start, *ends, undated, precise)


SHAPES: Mapping[type[Struct], Shape] = {
    shape.skimmed: shape
    for shape in (
        _shape(
            r4.Observation,
            observations.facts,
            observations.times,
            ("effective_date_time", "effective_period", "effective_instant", "issued"),
            ("effective_timing",),
        ),
        _shape(
            r4.DiagnosticReport,
            observations.report_facts,
            observations.times,
            ("effective_date_time", "effective_period", "issued"),
            (),
        ),
        _shape(
            r4.Condition,
            conditions.facts,
            conditions.times,
            ("onset_date_time", "onset_period", "abatement_date_time", "abatement_period", "recorded_date"),
        ),
        _shape(
            r4.Procedure,
            procedures.facts,
            procedures.times,
            (
                "performed_date_time",
                "performed_period",
                "occurrence_date_time",
                "occurrence_period",
                "recorded",
            ),
        ),
        _shape(r4.Encounter, encounters.facts, encounters.times, ("period", "actual_period")),
        _shape(
            r4.Immunization,
            immunizations.facts,
            immunizations.times,
            ("occurrence_date_time", "recorded"),
            (),
        ),
        _shape(MedicationRequest, medications.request_facts, medications.request_times, ("authored_on",)),
        _shape(
            MedicationDispense,
            medications.dispense_facts,
            medications.dispense_times,
            ("when_prepared", "when_handed_over"),
        ),
        _shape(
            MedicationAdministration,
            medications.administration_facts,
            medications.administration_times,
            ("effective_date_time", "occurence_date_time"),
            precise=True,
        ),
    )
}
_SKIMMED = tuple(SHAPES)
_WHOLE = tuple(kind for kind in r4.READ if kind not in {shape.kind for shape in SHAPES.values()} | {r4.Bundle})
if TYPE_CHECKING:
    AnySkimmed = Struct
else:
    AnySkimmed = Union[_SKIMMED + _WHOLE + r4.SKIPPED]  # noqa: UP007  # made at run time


class Request(Struct, gc=False):
    """A deletion does not decode: it is for the careful reader."""

    method: Literal["POST", "PUT", "GET", "HEAD", "PATCH"] = "POST"


class Entry(Struct, rename="camel", gc=False):
    full_url: str = ""
    resource: AnySkimmed | None = None
    search: r4.Search | None = None
    request: Request | None = None
    response: None = None


def _bundle() -> type[Struct]:
    fields: list[tuple[str, Any, Any]] = [
        (one.name, one.type, one.default) for one in msgspec.structs.fields(r4.Bundle) if one.name != "entry"
    ]
    return defstruct(
        "Bundle",
        [*fields, ("entry", tuple[Entry, ...], ())],
        tag_field="resourceType",
        tag="Bundle",
        rename="camel",
        gc=False,
    )


BUNDLE: msgspec.json.Decoder[Any] = msgspec.json.Decoder(_bundle())
RESOURCES: msgspec.json.Decoder[Any] = msgspec.json.Decoder(tuple[AnySkimmed, ...])
STAMPS = msgspec.json.Decoder(tuple[Stamp | None, ...])
_KINDS: tuple[type[Struct], ...] = (*(shape.kind for shape in SHAPES.values()), r4.Component, Quantity)
DECODERS: Mapping[type[Struct], Mapping[str, msgspec.json.Decoder[Any]]] = {
    kind: {one.name: msgspec.json.Decoder(one.type) for one in msgspec.structs.fields(kind)} for kind in _KINDS
}


def widened(skimmed: Struct) -> Resource:
    """The resource as the careful reader knows it; DecodeError where it is not well formed."""
    found: Resource = _widened(skimmed, SHAPES[type(skimmed)].kind)
    return found


def _widened(skimmed: Struct, kind: type[Struct]) -> Any:
    return kind(
        **{
            name: _value(value, DECODERS[kind][name])
            for name in skimmed.__struct_fields__
            if (value := getattr(skimmed, name)) is not NOT_GIVEN and value is not None
        }
    )


def _value(value: Any, decoder: msgspec.json.Decoder[Any]) -> Any:
    if isinstance(value, Raw):
        return decoder.decode(value)
    if isinstance(value, Span):
        return Period(value.start, value.end)
    if isinstance(value, Amount):
        return _widened(value, Quantity)
    if isinstance(value, tuple):
        return tuple(_widened(one, r4.Component) for one in value)
    return value
