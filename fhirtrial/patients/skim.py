"""Structs for one quick pass: dates and numbers typed, all else as the bytes it was written in.

They are derived from the structs in `resources`, so that what is read there cannot be forgotten here. Equal bytes mean
the same, hence what a resource says apart from its dates, numbers and identity is understood once (see `patterns`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import accumulate
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
    (id, subject, meta, number), dates `[dates:usual]`, what most resources of the type have and others have, as bytes
    `[usual:rare]` and `[rare:refs]`, and references `[refs:]`.

    `times` reads the dates and what is `timed`: a `dated` holds the ones and then the others. `precise`: how precise
    the dates are decides more than the times. `nothing` is in the place of all that is rare in a resource without it.
    """

    kind: type[Resource]
    facts: Callable[[Any, Source], Any]
    times: Callable[[Any, Source], Times]
    timed: tuple[str, ...]
    dated: type[Struct]
    skimmed: type[Struct]
    names: tuple[str, ...]
    dates: int
    usual: int
    rare: int
    refs: int
    nothing: tuple[bytes, ...]
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
    *,
    dates: tuple[str, ...],
    timed: tuple[str, ...] = (),
    usual: tuple[str, ...],
    precise: bool = False,
) -> Shape:
    given = {one.name: one for one in msgspec.structs.fields(kind)}
    own: list[tuple[str, Any, Any]] = [("id", str, ""), _raw(given["subject"]), _raw(given["meta"])]
    if kind is r4.Observation:
        own += [("value_quantity", Amount | None, None), ("component", tuple[Component, ...], ())]  # type: ignore[valid-type]
    when = [(name, str, "") if given[name].type is str else (name, Span | None, None) for name in dates]
    others = [one for name, one in given.items() if name not in {name for name, *_ in (*own, *when)}]
    refs = [_raw(one) for one in others if _mentions(one.type)]
    most = [_raw(given[name]) for name in usual]
    rare = [_raw(one) for one in others if not _mentions(one.type) and one.name not in usual]
    fields = [*own, *when, *most, *rare, *refs]
    dated = defstruct(kind.__name__, [*dates, *timed], gc=False)
    skimmed = defstruct(
        kind.__name__, fields, tag_field="resourceType", tag=kind.__name__, rename="camel", gc=False, module=__name__
    )
    names = tuple(name for name, *_ in fields)
    dates_at, usual_at, rare_at, refs_at = accumulate((len(when), len(most), len(rare)), initial=len(own))
    nothing = (NOT_GIVEN,) * (len(rare) + len(refs))
    return Shape(
        kind, facts, times, timed, dated, skimmed, names, dates_at, usual_at, rare_at, refs_at, nothing, precise
    )


SHAPES: Mapping[type[Struct], Shape] = {
    shape.skimmed: shape
    for shape in (
        _shape(
            r4.Observation,
            observations.facts,
            observations.times,
            dates=("effective_date_time", "effective_period", "effective_instant", "issued"),
            timed=("effective_timing",),
            usual=("status", "category", "code", "value_codeable_concept", "interpretation", "reference_range"),
        ),
        _shape(
            r4.DiagnosticReport,
            observations.report_facts,
            observations.report_times,
            dates=("effective_date_time", "effective_period", "issued"),
            usual=("status", "category", "code", "conclusion"),
        ),
        _shape(
            r4.Condition,
            conditions.facts,
            conditions.times,
            dates=("onset_date_time", "onset_period", "abatement_date_time", "abatement_period", "recorded_date"),
            timed=(
                "clinical_status", "onset_age", "onset_range", "abatement_age", "abatement_range", "abatement_string",
            ),
            usual=("clinical_status", "verification_status", "category", "severity", "code"),
        ),
        _shape(
            r4.Procedure,
            procedures.facts,
            procedures.times,
            dates=(
                "performed_date_time", "performed_period", "occurrence_date_time", "occurrence_period", "recorded",
            ),
            timed=(
                "status", "performed_age", "performed_range", "occurrence_age", "occurrence_range", "occurrence_timing",
            ),
            usual=("status", "category", "code", "reason_code"),
        ),
        _shape(
            r4.Encounter,
            encounters.facts,
            encounters.times,
            dates=("period", "actual_period"),
            timed=("status",),
            usual=("status", "class_", "type", "reason_code", "hospitalization"),
        ),
        _shape(
            r4.Immunization,
            immunizations.facts,
            immunizations.times,
            dates=("occurrence_date_time", "recorded"),
            usual=("status", "vaccine_code", "site", "route"),
        ),
        _shape(
            MedicationRequest,
            medications.request_facts,
            medications.request_times,
            dates=("authored_on",),
            timed=("status", "do_not_perform", "dosage_instruction", "dispense_request"),
            usual=(
                "status", "intent", "category", "medication_codeable_concept", "reason_code", "dosage_instruction",
                "dispense_request",
            ),
        ),
        _shape(
            MedicationDispense,
            medications.dispense_facts,
            medications.dispense_times,
            dates=("when_prepared", "when_handed_over"),
            timed=("days_supply",),
            usual=("status", "category", "medication_codeable_concept", "days_supply", "dosage_instruction"),
        ),
        _shape(
            MedicationAdministration,
            medications.administration_facts,
            medications.administration_times,
            dates=("effective_date_time", "occurence_date_time"),
            timed=("status", "effective_period", "occurence_period", "occurence_timing"),
            usual=("status", "category", "medication_codeable_concept", "effective_period", "reason_code", "dosage"),
            precise=True,
        ),
    )
}  # fmt: skip
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
