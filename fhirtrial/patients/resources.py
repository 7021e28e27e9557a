"""The fields of R4 and R5 resources that facts are made from, as typed structs; a field nobody reads is not declared.

A name that both versions have with different types takes either; all others of either version stand side by side.

Unknown fields are skipped while decoding. Resource types that hold no facts decode to empty structs, so that a whole
Bundle is decoded in one pass; a resource type that FHIR does not have is an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Union

from msgspec import Raw, Struct, defstruct, field

from fhirtrial.patients.elements import (
    CodeableReference,
    Coded,
    Coding,
    Concept,
    Element,
    Extended,
    Identifier,
    Period,
    Quantity,
    Range,
    Ratio,
    Reference,
    Resource,
    SampledData,
    Timing,
)
from fhirtrial.patients.medication_resources import Medicine
from fhirtrial.patients.other_types import OTHER_TYPES


class PatientLink(Element):
    type: str = ""


class Patient(Resource):
    identifier: tuple[Identifier, ...] = ()
    active: bool = True
    gender: str = ""
    birth_date: str = ""
    birth_date_extended: Extended | None = field(default=None, name="_birthDate")
    deceased_boolean: bool = False
    deceased_date_time: str = ""
    link: tuple[PatientLink, ...] = ()


class Stage(Element):
    summary: Concept | None = None


class Condition(Resource):
    clinical_status: Concept | None = None
    verification_status: Concept | None = None
    category: tuple[Concept, ...] = ()
    severity: Concept | None = None
    code: Concept | None = None
    body_site: tuple[Concept, ...] = ()
    subject: Reference | None = None
    onset_date_time: str = ""
    onset_age: Quantity | None = None
    onset_period: Period | None = None
    onset_range: Range | None = None
    abatement_date_time: str = ""
    abatement_age: Quantity | None = None
    abatement_period: Period | None = None
    abatement_range: Range | None = None
    abatement_string: str = ""
    recorded_date: str = ""
    stage: tuple[Stage, ...] = ()


class ReferenceRange(Element):
    low: Quantity | None = None
    high: Quantity | None = None
    type: Concept | None = None
    applies_to: tuple[Concept, ...] = ()
    age: Range | None = None
    text: str = ""


class Measured(Resource):
    """What Observation and its components share; a component is decoded only inside its Observation."""

    code: Concept | None = None
    value_quantity: Quantity | None = None
    value_codeable_concept: Concept | None = None
    value_string: str | None = None
    value_boolean: bool | None = None
    value_integer: int | None = None
    value_range: Range | None = None
    value_ratio: Ratio | None = None
    value_sampled_data: SampledData | None = None
    value_time: str | None = None
    value_date_time: str | None = None
    value_period: Period | None = None
    data_absent_reason: Concept | None = None
    interpretation: tuple[Concept, ...] = ()
    reference_range: tuple[ReferenceRange, ...] = ()


class Component(Measured, tag=False):
    pass


class Observation(Measured):
    status: str = ""
    category: tuple[Concept, ...] = ()
    subject: Reference | None = None
    focus: tuple[Reference, ...] = ()
    effective_date_time: str = ""
    effective_period: Period | None = None
    effective_timing: Timing | None = None
    effective_instant: str = ""
    issued: str = ""
    body_site: Concept | None = None
    component: tuple[Component, ...] = ()


class DiagnosticReport(Resource):
    status: str = ""
    category: tuple[Concept, ...] = ()
    code: Concept | None = None
    subject: Reference | None = None
    effective_date_time: str = ""
    effective_period: Period | None = None
    issued: str = ""
    conclusion: str = ""
    conclusion_code: tuple[Concept, ...] = ()


class Series(Element):
    body_site: Coded | None = None


class ImagingStudy(Resource):
    status: str = ""
    modality: tuple[Coded, ...] = ()
    subject: Reference | None = None
    started: str = ""
    procedure_code: tuple[Concept, ...] = ()
    procedure: tuple[CodeableReference, ...] = ()
    reason_code: tuple[Concept, ...] = ()
    reason_reference: tuple[Reference, ...] = ()
    reason: tuple[CodeableReference, ...] = ()
    description: str = ""
    series: tuple[Series, ...] = ()


class Procedure(Resource):
    status: str = ""
    status_reason: Concept | None = None
    category: Concept | tuple[Concept, ...] | None = None
    code: Concept | None = None
    subject: Reference | None = None
    performed_date_time: str = ""
    performed_period: Period | None = None
    performed_age: Quantity | None = None
    performed_range: Range | None = None
    occurrence_date_time: str = ""
    occurrence_period: Period | None = None
    occurrence_age: Quantity | None = None
    occurrence_range: Range | None = None
    occurrence_timing: Timing | None = None
    recorded: str = ""
    reason_code: tuple[Concept, ...] = ()
    reason_reference: tuple[Reference, ...] = ()
    reason: tuple[CodeableReference, ...] = ()
    body_site: tuple[Concept, ...] = ()
    outcome: Concept | None = None


class Diagnosis(Element):
    condition: Reference | tuple[CodeableReference, ...] | None = None


class EncounterReason(Element):
    value: tuple[CodeableReference, ...] = ()


class Hospitalization(Element):
    """R5 calls it admission."""

    discharge_disposition: Concept | None = None


class Encounter(Resource):
    status: str = ""
    class_: Coding | tuple[Concept, ...] | None = field(default=None, name="class")
    type: tuple[Concept, ...] = ()
    subject: Reference | None = None
    period: Period | None = None
    actual_period: Period | None = None
    reason_code: tuple[Concept, ...] = ()
    reason_reference: tuple[Reference, ...] = ()
    reason: tuple[EncounterReason, ...] = ()
    diagnosis: tuple[Diagnosis, ...] = ()
    hospitalization: Hospitalization | None = None
    admission: Hospitalization | None = None


class Reaction(Element):
    substance: Concept | None = None
    manifestation: tuple[Coded, ...] = ()
    severity: str = ""
    exposure_route: Concept | None = None


class AllergyIntolerance(Resource):
    clinical_status: Concept | None = None
    verification_status: Concept | None = None
    type: str | Concept = ""
    category: tuple[str, ...] = ()
    criticality: str = ""
    code: Concept | None = None
    subject: Reference | None = field(default=None, name="patient")
    onset_date_time: str = ""
    onset_age: Quantity | None = None
    onset_period: Period | None = None
    onset_range: Range | None = None
    recorded_date: str = ""
    reaction: tuple[Reaction, ...] = ()


class Immunization(Resource):
    status: str = ""
    status_reason: Concept | None = None
    vaccine_code: Concept | None = None
    subject: Reference | None = field(default=None, name="patient")
    occurrence_date_time: str = ""
    recorded: str = ""
    site: Concept | None = None
    route: Concept | None = None
    reason_code: tuple[Concept, ...] = ()
    reason_reference: tuple[Reference, ...] = ()
    reason: tuple[CodeableReference, ...] = ()
    is_subpotent: bool = False


class RelativeCondition(Element):
    code: Concept | None = None
    outcome: Concept | None = None
    onset_age: Quantity | None = None
    onset_range: Range | None = None
    onset_period: Period | None = None
    modifier_extension: tuple[Raw, ...] = ()


class FamilyMemberHistory(Resource):
    status: str = ""
    subject: Reference | None = field(default=None, name="patient")
    date: str = ""
    relationship: Concept | None = None
    born_period: Period | None = None
    born_date: str = ""
    condition: tuple[RelativeCondition, ...] = ()


class Answer(Struct, rename="camel"):
    value_boolean: bool | None = None
    value_decimal: float | None = None
    value_integer: int | None = None
    value_date: str | None = None
    value_date_time: str | None = None
    value_time: str | None = None
    value_string: str | None = None
    value_uri: str | None = None
    value_coding: Coding | None = None
    value_quantity: Quantity | None = None
    item: tuple[AnswerItem, ...] = ()


class AnswerItem(Struct, rename="camel"):
    link_id: str
    answer: tuple[Answer, ...] = ()
    item: tuple[AnswerItem, ...] = ()
    modifier_extension: tuple[Raw, ...] = ()


class QuestionnaireResponse(Resource):
    questionnaire: str = ""
    status: str = ""
    subject: Reference | None = None
    authored: str = ""
    item: tuple[AnswerItem, ...] = ()


class Provision(Struct, rename="camel"):
    type: str = ""
    period: Period | None = None
    purpose: tuple[Coding, ...] = ()
    provision: tuple[Provision, ...] = ()


class Consent(Resource):
    status: str = ""
    scope: Concept | None = None
    category: tuple[Concept, ...] = ()
    patient: Reference | None = None
    subject: Reference | None = None
    date_time: str = ""
    date: str = ""
    period: Period | None = None
    policy_rule: Concept | None = None
    decision: str = ""
    provision: Provision | tuple[Provision, ...] | None = None

    def __post_init__(self) -> None:
        """R5 has a subject where R4 has a patient."""
        self.subject = self.subject or self.patient


class Progress(Element):
    subject_state: Concept | None = None
    start_date: str = ""
    end_date: str = ""


class ResearchSubject(Resource):
    status: str = ""
    progress: tuple[Progress, ...] = ()
    period: Period | None = None
    study: Reference | None = None
    individual: Reference | None = None
    subject: Reference | None = None

    def __post_init__(self) -> None:
        """R5 has a subject where R4 has an individual."""
        self.subject = self.subject or self.individual


class ResearchStudy(Resource):
    identifier: tuple[Identifier, ...] = ()


class OperationOutcome(Resource):
    pass


class Link(Element):
    relation: str = ""
    url: str = ""


class Search(Element):
    mode: str = ""


class Request(Element):
    method: str = ""
    url: str = ""


class Response(Element):
    status: str = ""


class Entry(Struct, rename="camel", gc=False):
    full_url: str = ""
    resource: AnyResource | None = None
    search: Search | None = None
    request: Request | None = None
    response: Response | None = None


class Bundle(Resource):
    type: str = ""
    timestamp: str = ""
    total: int | None = None
    link: tuple[Link, ...] = ()
    entry: tuple[Entry, ...] = ()


READ: tuple[type[Resource], ...] = tuple(
    kind for base in (Resource, Measured, Medicine) for kind in base.__subclasses__() if not kind.__subclasses__()
)
READ = tuple(kind for kind in READ if kind is not Component)
SKIPPED: tuple[type[Struct], ...] = tuple(
    defstruct(name, [], tag_field="resourceType", tag=name, module=__name__) for name in OTHER_TYPES
)
if TYPE_CHECKING:
    AnyResource = Resource
else:
    AnyResource = Union[READ + SKIPPED]  # noqa: UP007  # made at run time
