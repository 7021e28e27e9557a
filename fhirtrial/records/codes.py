"""The codes of the ClinicalTrials.gov API v2 by record field (OpenAPI 2.0.0-draft), and the names that pages print.

An unknown code is carried and reported, never replaced: the live registry may know more than this table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_RECRUITMENT = (
    "ACTIVE_NOT_RECRUITING COMPLETED ENROLLING_BY_INVITATION NOT_YET_RECRUITING RECRUITING SUSPENDED TERMINATED "
    "WITHDRAWN AVAILABLE"
)
_EXPANDED_ACCESS = "AVAILABLE NO_LONGER_AVAILABLE TEMPORARILY_NOT_AVAILABLE APPROVED_FOR_MARKETING"
_STATUS = f"{_RECRUITMENT} {_EXPANDED_ACCESS} WITHHELD UNKNOWN"
_DATE = "ACTUAL ESTIMATED"
_ORG_ID = "NIH FDA VA CDC AHRQ SAMHSA"
_OFFICIAL = "STUDY_CHAIR STUDY_DIRECTOR PRINCIPAL_INVESTIGATOR SUB_INVESTIGATOR"

_TABLE: Mapping[tuple[str, str], str] = {
    ("TrialRecord", "overall_status"): _STATUS,
    ("TrialRecord", "last_known_status"): _STATUS,
    ("TrialRecord", "study_type"): "EXPANDED_ACCESS INTERVENTIONAL OBSERVATIONAL",
    ("TrialRecord", "phases"): "NA EARLY_PHASE1 PHASE1 PHASE2 PHASE3 PHASE4",
    ("Location", "status"): _RECRUITMENT,
    ("ExpandedAccess", "status_for_nct_id"): _EXPANDED_ACCESS,
    ("PartialDate", "type"): _DATE,
    ("Enrollment", "type"): _DATE,
    ("OrgStudyId", "type"): _ORG_ID,
    ("SecondaryId", "type"): f"{_ORG_ID} OTHER_GRANT EUDRACT_NUMBER CTIS REGISTRY OTHER",
    ("Agency", "agency_class"): "NIH FED OTHER_GOV INDIV INDUSTRY NETWORK AMBIG OTHER UNKNOWN",
    ("ResponsibleParty", "type"): "SPONSOR PRINCIPAL_INVESTIGATOR SPONSOR_INVESTIGATOR",
    ("Design", "allocation"): "RANDOMIZED NON_RANDOMIZED NA",
    ("Design", "intervention_model"): "SINGLE_GROUP PARALLEL CROSSOVER FACTORIAL SEQUENTIAL",
    ("Design", "primary_purpose"): "TREATMENT PREVENTION DIAGNOSTIC ECT SUPPORTIVE_CARE SCREENING "
    "HEALTH_SERVICES_RESEARCH BASIC_SCIENCE DEVICE_FEASIBILITY OTHER",
    ("Design", "masking"): "NONE SINGLE DOUBLE TRIPLE QUADRUPLE",
    ("Design", "who_masked"): "PARTICIPANT CARE_PROVIDER INVESTIGATOR OUTCOMES_ASSESSOR",
    ("Design", "observational_model"): "COHORT CASE_CONTROL CASE_ONLY CASE_CROSSOVER ECOLOGIC_OR_COMMUNITY "
    "FAMILY_BASED DEFINED_POPULATION NATURAL_HISTORY OTHER",
    ("Design", "time_perspective"): "RETROSPECTIVE PROSPECTIVE CROSS_SECTIONAL OTHER",
    ("BioSpec", "retention"): "NONE_RETAINED SAMPLES_WITH_DNA SAMPLES_WITHOUT_DNA",
    ("Arm", "type"): "EXPERIMENTAL ACTIVE_COMPARATOR PLACEBO_COMPARATOR SHAM_COMPARATOR NO_INTERVENTION OTHER",
    (
        "Intervention",
        "type",
    ): "BEHAVIORAL BIOLOGICAL COMBINATION_PRODUCT DEVICE DIAGNOSTIC_TEST DIETARY_SUPPLEMENT "
    "DRUG GENETIC PROCEDURE RADIATION OTHER",
    ("Eligibility", "sex"): "FEMALE MALE ALL",
    ("Eligibility", "std_ages"): "CHILD ADULT OLDER_ADULT",
    ("Eligibility", "sampling_method"): "PROBABILITY_SAMPLE NON_PROBABILITY_SAMPLE",
    ("Contact", "role"): f"{_OFFICIAL} CONTACT",
    ("Official", "role"): _OFFICIAL,
    ("Reference", "type"): "BACKGROUND RESULT DERIVED",
    ("IpdSharing", "ipd_sharing"): "YES NO UNDECIDED",
    ("IpdSharing", "info_types"): "STUDY_PROTOCOL SAP ICF CSR ANALYTIC_CODE",
}
CODES: Mapping[tuple[str, str], frozenset[str]] = {key: frozenset(codes.split()) for key, codes in _TABLE.items()}

# Printed names whose words are not the code's own ("Phase 2" becomes PHASE2 by rule).
_NAMES: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("TrialRecord", "overall_status"): {
        "ACTIVE": "ACTIVE_NOT_RECRUITING",
        "ACTIVE_NOT_YET_RECRUITING": "NOT_YET_RECRUITING",
        "UNKNOWN_STATUS": "UNKNOWN",
    },
    ("TrialRecord", "phases"): {"NOT_APPLICABLE": "NA", "N_A": "NA", "EARLY_PHASE_1": "EARLY_PHASE1"},
    ("Design", "allocation"): {"NOT_APPLICABLE": "NA", "N_A": "NA", "RANDOMISED": "RANDOMIZED"},
    ("Design", "intervention_model"): {
        "SINGLE_GROUP_ASSIGNMENT": "SINGLE_GROUP",
        "PARALLEL_ASSIGNMENT": "PARALLEL",
        "CROSSOVER_ASSIGNMENT": "CROSSOVER",
        "CROSS_OVER": "CROSSOVER",
        "FACTORIAL_ASSIGNMENT": "FACTORIAL",
        "SEQUENTIAL_ASSIGNMENT": "SEQUENTIAL",
    },
    ("Design", "masking"): {
        "OPEN_LABEL": "NONE",
        "NONE_OPEN_LABEL": "NONE",
        "SINGLE_BLIND": "SINGLE",
        "DOUBLE_BLIND": "DOUBLE",
        "TRIPLE_BLIND": "TRIPLE",
        "QUADRUPLE_BLIND": "QUADRUPLE",
    },
    ("Eligibility", "sex"): {"BOTH": "ALL", "WOMEN": "FEMALE", "MEN": "MALE"},
}


def code_of(owner: str, field: str, printed: str) -> str | None:
    """The API's code for what a page prints ("Active, not recruiting", "Phase 2", "ALL"); None if there is none."""
    folded = re.sub(r"\W+", "_", printed.strip()).strip("_").upper()
    codes = CODES[owner, field]
    names = _NAMES.get((owner, field), {})
    for candidate in (folded, re.sub(r"_(?=\d)", "", folded)):
        if candidate in codes:
            return candidate
        if candidate in names:
            return names[candidate]
    return None
