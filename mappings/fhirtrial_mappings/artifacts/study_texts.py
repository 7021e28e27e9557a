"""What a registry record says in words or codes that ResearchStudy has no element for: categories and notes.

Each line is a label and a getter, so that what is carried, and how it is called, can be read in one place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fhirtrial.plugins import Resource
from fhirtrial.records.record import SourceDefect, TrialRecord
from fhirtrial_mappings.artifacts import study_codes as codes
from fhirtrial_mappings.artifacts.primitives import coded, present, string

Getter = Callable[[TrialRecord], object]

# Coded facts about the design, in the registry's own codes.
DESIGN: tuple[tuple[str, Getter], ...] = (
    ("Study type", lambda r: r.study_type),
    ("Allocation", lambda r: r.design.allocation),
    ("Intervention model", lambda r: r.design.intervention_model),
    ("Observational model", lambda r: r.design.observational_model),
    ("Time perspective", lambda r: r.design.time_perspective),
    ("Masking", lambda r: r.design.masking),
    ("Who is masked", lambda r: r.design.who_masked),
)
# Other coded facts: R5 tells these apart, R4 has one element for both.
CLASSIFIERS: tuple[tuple[str, Getter], ...] = (
    ("Patient registry", lambda r: r.patient_registry),
    ("Healthy volunteers", lambda r: r.eligibility.healthy_volunteers),
    ("Sampling method", lambda r: r.eligibility.sampling_method),
    ("Standard ages", lambda r: r.eligibility.std_ages),
    ("Biospecimen retention", lambda r: r.bio_spec and r.bio_spec.retention),
    ("Expanded access, individual", lambda r: r.expanded_access_types and r.expanded_access_types.individual),
    ("Expanded access, intermediate", lambda r: r.expanded_access_types and r.expanded_access_types.intermediate),
    ("Expanded access, treatment", lambda r: r.expanded_access_types and r.expanded_access_types.treatment),
)
NOTES: tuple[tuple[str, Getter], ...] = (
    ("Last known status", lambda r: r.last_known_status),
    ("Delayed posting", lambda r: r.delayed_posting),
    ("Has results", lambda r: r.has_results),
    ("Expanded access available", lambda r: r.expanded_access and r.expanded_access.has_expanded_access),
    ("Expanded access record", lambda r: r.expanded_access and r.expanded_access.nct_id),
    ("Expanded access status", lambda r: r.expanded_access and r.expanded_access.status_for_nct_id),
    ("Records that point here for expanded access", lambda r: r.n_ptrs_to_this_exp_acc_nct_id),
    ("Intervention model", lambda r: r.design.intervention_model_description),
    ("Masking", lambda r: r.design.masking_description),
    ("Target duration", lambda r: r.target_duration),
    ("Biospecimens", lambda r: r.bio_spec and r.bio_spec.description),
    ("Study population", lambda r: r.eligibility.study_population),
    ("Minimum age", lambda r: r.eligibility.minimum_age),
    ("Maximum age", lambda r: r.eligibility.maximum_age),
    ("Sex", lambda r: r.eligibility.sex),
    ("Eligibility is based on gender", lambda r: r.eligibility.gender_based),
    ("Gender eligibility", lambda r: r.eligibility.gender_description),
    ("Data monitoring committee", lambda r: r.oversight.oversight_has_dmc),
    ("Studies a drug regulated by the FDA", lambda r: r.oversight.is_fda_regulated_drug),
    ("Studies a device regulated by the FDA", lambda r: r.oversight.is_fda_regulated_device),
    ("Studies a device not approved by the FDA", lambda r: r.oversight.is_unapproved_device),
    ("Pediatric postmarket surveillance", lambda r: r.oversight.is_ppsd),
    ("Product exported from the USA", lambda r: r.oversight.is_us_export),
    ("FDAAA 801 violation", lambda r: r.oversight.fdaaa801_violation),
    ("Sharing of individual participant data", lambda r: r.ipd_sharing and r.ipd_sharing.ipd_sharing),
    ("Sharing plan", lambda r: r.ipd_sharing and r.ipd_sharing.description),
    ("Shared documents", lambda r: r.ipd_sharing and r.ipd_sharing.info_types),
    ("Sharing time frame", lambda r: r.ipd_sharing and r.ipd_sharing.time_frame),
    ("Sharing access criteria", lambda r: r.ipd_sharing and r.ipd_sharing.access_criteria),
    ("Countries removed", lambda r: r.removed_countries),
    ("Version of the registry's data", lambda r: r.version_holder),
)


def lines(table: tuple[tuple[str, Getter], ...], record: TrialRecord) -> Iterator[tuple[str, str]]:
    """Label and words, one line for each value."""
    for label, get in table:
        value = get(record)
        for one in value if isinstance(value, tuple) else (value,):
            words = {True: "yes", False: "no"}[one] if isinstance(one, bool) else string(str(one))
            if one is not None and words:
                yield label, words


def categories(record: TrialRecord) -> list[Resource]:
    return [{"text": f"{label}: {value}"} for label, value in lines((*DESIGN, *CLASSIFIERS), record)]


def designs(record: TrialRecord) -> list[Resource]:
    """What the study-design code system has a code for."""
    return [design for design in study_design(record) if "coding" in design]


def study_design(record: TrialRecord) -> list[Resource]:
    found = ((f"{label}: {value}", codes.DESIGN.get((label, value))) for label, value in lines(DESIGN, record))
    return present(coded(codes.DESIGN_SYSTEM, code, words) for words, code in found)


def classifiers(record: TrialRecord) -> list[Resource]:
    return [{"text": f"{label}: {value}"} for label, value in lines(CLASSIFIERS, record)]


def _defect(defect: SourceDefect) -> str:
    explained = f" (explained by {defect.explained_by})" if defect.explained_by else ""
    return f"Source defect ({defect.code}): {defect.text}{explained}"


def notes(record: TrialRecord) -> list[Resource]:
    told = [f"{label}: {value}" for label, value in lines(NOTES, record)]
    told += [_defect(defect) for defect in record.defects]
    told += [f"Said outside the eligibility section, not executed: {hint.text}" for hint in record.hints]
    return present({"text": words} for words in (string(t) for t in told) if words)
