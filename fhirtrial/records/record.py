"""TrialRecord: one trial as every later stage sees it. It has one JSON text, and no field that a mapping must guess."""

from __future__ import annotations

import hashlib
from typing import Any, Literal

import orjson
from pydantic import Field, ValidationError, model_validator

from fhirtrial.criteria.criterion import Criterion, CriterionId, Span
from fhirtrial.criteria.tree import Value
from fhirtrial.errors import RecordError
from fhirtrial.records.fields import (
    Agency,
    Arm,
    AvailableIpd,
    BioSpec,
    Contact,
    Design,
    Eligibility,
    Enrollment,
    ExpandedAccess,
    ExpandedAccessTypes,
    Intervention,
    IpdSharing,
    Link,
    Location,
    MeshTerm,
    Official,
    OrgStudyId,
    Outcome,
    Oversight,
    PartialDate,
    Reference,
    ResponsibleParty,
    SecondaryId,
)

SCHEMA_VERSION: Literal["1"] = "1"


class Source(Value):
    """Where the record comes from: the document's bare file name and the SHA-256 of its content in one form."""

    format: Literal["ctgov-v2", "page", "record"]
    name: str
    hash: str = Field(pattern=r"^[0-9a-f]{64}$")


class RecordNote(Value):
    """What a reader should know of the conversion: `path` is the source's own path or the record's field.

    unknown-code: a code that the API's tables do not have is carried as text · wrong-type: a value left out or
    converted · unknown-field, not-carried: left out, by name · unlabelled: a page's value that was recognised by its
    shape or place · unplaced: a page's line that belongs to no field · renumbered: criterion ids count positions,
    because the source's numbers repeat · text-changed, unmatched, review-dropped: joining reviewed trees.
    """

    code: Literal[
        "unknown-code",
        "wrong-type",
        "unknown-field",
        "not-carried",
        "unlabelled",
        "unplaced",
        "missing-title",
        "renumbered",
        "text-changed",
        "unmatched",
        "review-dropped",
    ]
    path: str
    text: str


class SourceDefect(Value):
    """What is wrong with the document itself, always listed here.

    One that may hide a criterion is also a criterion `defect-N`, named in `criterion`; one that `explained_by` a
    structured field, or that hides nothing, is only listed. A defect inside an item names that item.
    """

    code: Literal[
        "missing_section",
        "missing_list",
        "no_section_headings",
        "numbering_gap",
        "source_truncated",
        "no_age_information",
        "unclosed_bracket",
        "source_typo",
        "run_on",
        "unit_implausible",
        "direction_implausible",
        "repeated_member",
        "field_disagrees",
    ]
    text: str
    criterion: CriterionId | None = None
    span: Span | None = None
    explained_by: str | None = None


class Hint(Value):
    """Words outside the eligibility section that sound like eligibility: for a reader, never executed."""

    path: str
    text: str


class TrialRecord(Value):
    """Spans count characters of `eligibility_text`, which is the source's own text, escapes included.

    Every non-space character of it lies in exactly one criterion's span, heading or note.
    """

    schema_version: Literal["1"]
    id: str = Field(pattern=r"^NCT\d{8}$|^doc-[0-9a-f]{16}$")
    source: Source

    nct_id: str | None = None
    nct_id_aliases: tuple[str, ...] = ()
    org_study_id: OrgStudyId | None = None
    secondary_ids: tuple[SecondaryId, ...] = ()
    brief_title: str | None = None
    official_title: str | None = None
    acronym: str | None = None
    organization: Agency | None = None

    overall_status: str | None = None
    last_known_status: str | None = None
    why_stopped: str | None = None
    delayed_posting: bool | None = None
    expanded_access: ExpandedAccess | None = None
    status_verified_date: str | None = None
    start_date: PartialDate | None = None
    primary_completion_date: PartialDate | None = None
    completion_date: PartialDate | None = None
    study_first_submit_date: str | None = None
    study_first_submit_qc_date: str | None = None
    study_first_post_date: PartialDate | None = None
    results_first_submit_date: str | None = None
    results_first_submit_qc_date: str | None = None
    results_first_post_date: PartialDate | None = None
    disp_first_submit_date: str | None = None
    disp_first_submit_qc_date: str | None = None
    disp_first_post_date: PartialDate | None = None
    last_update_submit_date: str | None = None
    last_update_post_date: PartialDate | None = None
    has_results: bool | None = None

    lead_sponsor: Agency | None = None
    collaborators: tuple[Agency, ...] = ()
    responsible_party: ResponsibleParty | None = None
    oversight: Oversight = Oversight()

    brief_summary: str | None = None
    detailed_description: str | None = None
    conditions: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()

    study_type: str | None = None
    phases: tuple[str, ...] = ()
    design: Design = Design()
    enrollment: Enrollment | None = None
    patient_registry: bool | None = None
    target_duration: str | None = None
    bio_spec: BioSpec | None = None
    expanded_access_types: ExpandedAccessTypes | None = None
    n_ptrs_to_this_exp_acc_nct_id: int | None = None

    arms: tuple[Arm, ...] = ()
    interventions: tuple[Intervention, ...] = ()
    primary_outcomes: tuple[Outcome, ...] = ()
    secondary_outcomes: tuple[Outcome, ...] = ()
    other_outcomes: tuple[Outcome, ...] = ()
    unranked_outcomes: tuple[Outcome, ...] = Field(
        default=(), description="Outcomes of a page that does not say which are primary"
    )

    eligibility: Eligibility = Eligibility()
    central_contacts: tuple[Contact, ...] = ()
    overall_officials: tuple[Official, ...] = ()
    locations: tuple[Location, ...] = ()

    references: tuple[Reference, ...] = ()
    see_also_links: tuple[Link, ...] = ()
    available_ipds: tuple[AvailableIpd, ...] = ()
    ipd_sharing: IpdSharing | None = None

    condition_mesh: tuple[MeshTerm, ...] = ()
    condition_mesh_ancestors: tuple[MeshTerm, ...] = ()
    intervention_mesh: tuple[MeshTerm, ...] = ()
    intervention_mesh_ancestors: tuple[MeshTerm, ...] = ()
    removed_countries: tuple[str, ...] = ()
    version_holder: str | None = None

    eligibility_text: str | None = None
    eligibility_headings: tuple[Span, ...] = ()
    eligibility_notes: tuple[Span, ...] = ()
    criteria: tuple[Criterion, ...] = ()
    defects: tuple[SourceDefect, ...] = ()
    hints: tuple[Hint, ...] = ()
    notes: tuple[RecordNote, ...] = ()

    @model_validator(mode="after")
    def _one_criterion_per_id(self) -> TrialRecord:
        ids = [c.id for c in self.criteria]
        if len(ids) != len(set(ids)):
            twice = sorted({i for i in ids if ids.count(i) > 1})
            msg = f"criterion ids must differ, found twice: {', '.join(twice)}"
            raise ValueError(msg)
        return self


def document_id(opening: str) -> str:
    """The id of a document without a registry id: `opening` is its title, failing that its first words of substance."""
    folded = " ".join(opening.split()).casefold()
    return f"doc-{hashlib.sha256(folded.encode()).hexdigest()[:16]}"


def record_to_bytes(record: TrialRecord) -> bytes:
    """Canonical JSON: keys sorted, compact, defaults left out, a newline at the end."""
    return orjson.dumps(record.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


def record_from_bytes(content: bytes, where: str) -> TrialRecord:
    """The record that `record_to_bytes` wrote; RecordError names the first thing that is wrong."""
    try:
        data = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise RecordError(where, f"no JSON ({error})", "write the record again (fhirtrial read)") from error
    return record_from_json(data, where)


def record_from_json(data: object, where: str) -> TrialRecord:
    version = data.get("schema_version") if isinstance(data, dict) else None
    if version != SCHEMA_VERSION:
        raise RecordError(where, f"a record of schema version {version!r}", f"write schema version {SCHEMA_VERSION!r}")
    try:
        return TrialRecord.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = ".".join(str(p) for p in first["loc"])
        raise RecordError(
            f"{where} at {path}" if path else where, first["msg"], "correct it (fhirtrial schema record)"
        ) from error


def record_schema() -> dict[str, Any]:
    """The published JSON Schema of a normalized record."""
    return TrialRecord.model_json_schema()
