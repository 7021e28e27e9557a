"""ClinicalTrials.gov codes in FHIR's terms; every table is total over its enumeration, None where FHIR has no code.

A code that is in no table is a newer registry's: it is carried as text, never mapped to something near.
"""

from __future__ import annotations

from collections.abc import Mapping

STATUS_SYSTEM = "http://hl7.org/fhir/research-study-status"
PHASE_SYSTEM = "http://terminology.hl7.org/CodeSystem/research-study-phase"
PURPOSE_SYSTEM = "http://terminology.hl7.org/CodeSystem/research-study-prim-purp-type"
ARM_SYSTEM = "http://hl7.org/fhir/research-study-arm-type"
ROLE_SYSTEM = "http://hl7.org/fhir/research-study-party-role"
ORGANIZATION_SYSTEM = "http://hl7.org/fhir/research-study-party-organization-type"
CLASSIFIER_SYSTEM = "http://hl7.org/fhir/research-study-classifiers"
DESIGN_SYSTEM = "http://hl7.org/fhir/study-design"
TITLE_SYSTEM = "http://hl7.org/fhir/title-type"
OBJECTIVE_SYSTEM = "http://terminology.hl7.org/CodeSystem/research-study-objective-type"
# R5 5.0.0 has the same codes under its own URLs.
PHASE_SYSTEM_R5 = "http://hl7.org/fhir/research-study-phase"
PURPOSE_SYSTEM_R5 = "http://hl7.org/fhir/research-study-prim-purp-type"
OBJECTIVE_SYSTEM_R5 = "http://hl7.org/fhir/research-study-objective-type"
ACTIVITY_SYSTEM = "http://hl7.org/fhir/research-study-registration-activity"
MESH_SYSTEM = "https://www.nlm.nih.gov/mesh"

# R4 has no code for a status that is not known or not shown: those carry the reason why there is none.
STATUS_R4: Mapping[str, str | None] = {
    "ACTIVE_NOT_RECRUITING": "closed-to-accrual",
    "COMPLETED": "completed",
    "ENROLLING_BY_INVITATION": "active",
    "NOT_YET_RECRUITING": "approved",
    "RECRUITING": "active",
    "SUSPENDED": "temporarily-closed-to-accrual",
    "TERMINATED": "administratively-completed",
    "WITHDRAWN": "withdrawn",
    "AVAILABLE": "active",
    "NO_LONGER_AVAILABLE": "closed-to-accrual",
    "TEMPORARILY_NOT_AVAILABLE": "temporarily-closed-to-accrual",
    "APPROVED_FOR_MARKETING": "completed",
    "WITHHELD": None,
    "UNKNOWN": None,
}
STATUS_ABSENT: Mapping[str, str] = {"WITHHELD": "masked", "UNKNOWN": "unknown"}
STATUS_R5: Mapping[str, str | None] = {
    "ACTIVE_NOT_RECRUITING": "active-but-not-recruiting",
    "COMPLETED": "completed",
    "ENROLLING_BY_INVITATION": "enrolling-by-invitation",
    "NOT_YET_RECRUITING": "not-yet-recruiting",
    "RECRUITING": "recruiting",
    "SUSPENDED": "temporarily-closed-to-accrual",
    "TERMINATED": "terminated",
    "WITHDRAWN": "withdrawn",
    "AVAILABLE": None,
    "NO_LONGER_AVAILABLE": None,
    "TEMPORARILY_NOT_AVAILABLE": None,
    "APPROVED_FOR_MARKETING": None,
    "WITHHELD": None,
    "UNKNOWN": None,
}
# The state of the record itself: what the registry withholds is no longer to be used.
RECORD_R5: Mapping[str, str] = {"WITHHELD": "retired"}
PHASE: Mapping[tuple[str, ...], str] = {
    ("NA",): "n-a",
    ("EARLY_PHASE1",): "early-phase-1",
    ("PHASE1",): "phase-1",
    ("PHASE1", "PHASE2"): "phase-1-phase-2",
    ("PHASE2",): "phase-2",
    ("PHASE2", "PHASE3"): "phase-2-phase-3",
    ("PHASE3",): "phase-3",
    ("PHASE4",): "phase-4",
}
PURPOSE: Mapping[str, str | None] = {
    "TREATMENT": "treatment",
    "PREVENTION": "prevention",
    "DIAGNOSTIC": "diagnostic",
    "SUPPORTIVE_CARE": "supportive-care",
    "SCREENING": "screening",
    "HEALTH_SERVICES_RESEARCH": "health-services-research",
    "BASIC_SCIENCE": "basic-science",
    "DEVICE_FEASIBILITY": "device-feasibility",
    "ECT": None,
    "OTHER": None,
}
ARM: Mapping[str, str | None] = {
    "EXPERIMENTAL": "experimental",
    "ACTIVE_COMPARATOR": "active-comparator",
    "PLACEBO_COMPARATOR": "placebo-comparator",
    "SHAM_COMPARATOR": "sham-comparator",
    "NO_INTERVENTION": "no-intervention",
    "OTHER": "other-arm-type",
}
ROLE: Mapping[str, str | None] = {
    "STUDY_CHAIR": "study-chair",
    "STUDY_DIRECTOR": "study-director",
    "PRINCIPAL_INVESTIGATOR": "primary-investigator",
    "SUB_INVESTIGATOR": "sub-investigator",
    "SPONSOR_INVESTIGATOR": "sponsor-investigator",
    "SPONSOR": "sponsor",
    "CONTACT": "general-contact",
}
ORGANIZATION: Mapping[str, str | None] = {
    "NIH": "nih",
    "FED": "government",
    "OTHER_GOV": "government",
    "INDUSTRY": "industry",
    "INDIV": None,
    "NETWORK": None,
    "AMBIG": None,
    "OTHER": None,
    "UNKNOWN": None,
}
# SEVCO codes; what a code does not say exactly stays text (sequential, factorial, cohort, investigator masked).
DESIGN: Mapping[tuple[str, str], str] = {
    ("Study type", "INTERVENTIONAL"): "SEVCO:01001",
    ("Study type", "OBSERVATIONAL"): "SEVCO:01002",
    ("Study type", "EXPANDED_ACCESS"): "SEVCO:01038",
    ("Allocation", "RANDOMIZED"): "SEVCO:01003",
    ("Allocation", "NON_RANDOMIZED"): "SEVCO:01005",
    ("Intervention model", "PARALLEL"): "SEVCO:01011",
    ("Intervention model", "CROSSOVER"): "SEVCO:01012",
    ("Intervention model", "SINGLE_GROUP"): "SEVCO:01016",
    ("Who is masked", "PARTICIPANT"): "SEVCO:01060",
    ("Who is masked", "CARE_PROVIDER"): "SEVCO:01061",
    ("Who is masked", "OUTCOMES_ASSESSOR"): "SEVCO:01062",
    ("Observational model", "CASE_CONTROL"): "SEVCO:01013",
    ("Observational model", "ECOLOGIC_OR_COMMUNITY"): "SEVCO:01044",
    ("Observational model", "FAMILY_BASED"): "SEVCO:01020",
    ("Time perspective", "CROSS_SECTIONAL"): "SEVCO:01027",
}
OUTCOME: Mapping[str, str | None] = {"primary": "primary", "secondary": "secondary", "other": None, "unranked": None}
# Which date of the record documents which activity of registration.
REGISTRATION: Mapping[str, str] = {
    "status_verified_date": "record-verification",
    "primary_completion_date": "primary-outcome-data-collection",
    "study_first_submit_date": "registration-submission",
    "study_first_submit_qc_date": "registration-submission-qc",
    "study_first_post_date": "registration-posting",
    "results_first_submit_date": "results-submission",
    "results_first_submit_qc_date": "results-submission-qc",
    "results_first_post_date": "results-posting",
    "disp_first_submit_date": "disposition-submission",
    "disp_first_submit_qc_date": "disposition-submission-qc",
    "disp_first_post_date": "disposition-posting",
    "last_update_submit_date": "update-submission",
    "last_update_post_date": "update-posting",
}
