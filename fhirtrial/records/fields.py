"""The registry fields of a TrialRecord that are more than one text or number; nouns only.

Names are those of the ClinicalTrials.gov API v2 in snake case. Coded fields hold the API's own codes as text: an
unknown code is carried as it is and reported in the record's notes (`fhirtrial.records.codes` has the known ones).
Every field may be missing; a missing one is None or () and has no place in the JSON.
"""

from __future__ import annotations

from fhirtrial.criteria.tree import Value


class PartialDate(Value):
    """`date` is yyyy, yyyy-MM or yyyy-MM-dd as in the source; `type` is ACTUAL or ESTIMATED."""

    date: str
    type: str | None = None


class OrgStudyId(Value):
    id: str
    type: str | None = None
    link: str | None = None


class SecondaryId(Value):
    """`domain` names the registry where the type is REGISTRY or OTHER."""

    id: str
    type: str | None = None
    domain: str | None = None
    link: str | None = None


class Agency(Value):
    """A sponsor, collaborator or organization; `agency_class` is the API's `class`."""

    name: str
    agency_class: str | None = None


class ResponsibleParty(Value):
    type: str | None = None
    investigator_full_name: str | None = None
    investigator_title: str | None = None
    investigator_affiliation: str | None = None
    old_name_title: str | None = None
    old_organization: str | None = None


class ExpandedAccess(Value):
    has_expanded_access: bool | None = None
    nct_id: str | None = None
    status_for_nct_id: str | None = None


class ExpandedAccessTypes(Value):
    individual: bool | None = None
    intermediate: bool | None = None
    treatment: bool | None = None


class Oversight(Value):
    oversight_has_dmc: bool | None = None
    is_fda_regulated_drug: bool | None = None
    is_fda_regulated_device: bool | None = None
    is_unapproved_device: bool | None = None
    is_ppsd: bool | None = None
    is_us_export: bool | None = None
    fdaaa801_violation: bool | None = None


class Design(Value):
    """The API's designInfo with its maskingInfo."""

    allocation: str | None = None
    intervention_model: str | None = None
    intervention_model_description: str | None = None
    primary_purpose: str | None = None
    observational_model: str | None = None
    time_perspective: str | None = None
    masking: str | None = None
    masking_description: str | None = None
    who_masked: tuple[str, ...] = ()


class BioSpec(Value):
    retention: str | None = None
    description: str | None = None


class Enrollment(Value):
    count: int
    type: str | None = None


class Arm(Value):
    """`intervention_names` are "Type Label: name", as the API writes them, or plain names where a page has no type."""

    label: str
    type: str | None = None
    description: str | None = None
    intervention_names: tuple[str, ...] = ()


class Intervention(Value):
    name: str
    type: str | None = None
    description: str | None = None
    arm_group_labels: tuple[str, ...] = ()
    other_names: tuple[str, ...] = ()


class Outcome(Value):
    measure: str
    description: str | None = None
    time_frame: str | None = None


class Eligibility(Value):
    """The structured eligibility fields; the text is the record's `eligibility_text`.

    Ages are the source's words ("18 Years"); a missing one means that the source gives no limit.
    """

    sex: str | None = None
    minimum_age: str | None = None
    maximum_age: str | None = None
    healthy_volunteers: bool | None = None
    gender_based: bool | None = None
    gender_description: str | None = None
    std_ages: tuple[str, ...] = ()
    study_population: str | None = None
    sampling_method: str | None = None


class Contact(Value):
    name: str | None = None
    role: str | None = None
    phone: str | None = None
    phone_ext: str | None = None
    email: str | None = None


class Official(Value):
    name: str
    affiliation: str | None = None
    role: str | None = None


class GeoPoint(Value):
    lat: float
    lon: float


class Location(Value):
    """`country` is an English name, never a code; `status` is there only while the study is open."""

    facility: str | None = None
    status: str | None = None
    city: str | None = None
    state: str | None = None
    zip: str | None = None
    country: str | None = None
    contacts: tuple[Contact, ...] = ()
    geo_point: GeoPoint | None = None


class Retraction(Value):
    pmid: str | None = None
    source: str | None = None


class Reference(Value):
    citation: str | None = None
    pmid: str | None = None
    type: str | None = None
    retractions: tuple[Retraction, ...] = ()


class Link(Value):
    url: str
    label: str | None = None


class AvailableIpd(Value):
    id: str | None = None
    type: str | None = None
    url: str | None = None
    comment: str | None = None


class IpdSharing(Value):
    ipd_sharing: str | None = None
    description: str | None = None
    info_types: tuple[str, ...] = ()
    time_frame: str | None = None
    access_criteria: str | None = None
    url: str | None = None


class MeshTerm(Value):
    """`id` is a MeSH descriptor (D…) or supplementary concept (C…)."""

    id: str
    term: str | None = None
