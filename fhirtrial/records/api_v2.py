"""ClinicalTrials.gov API v2 study (JSON) → TrialRecord: what the record's classes have room for is carried by name.

A value of the wrong type, an unknown field or an unknown code is a note on the record; the rest goes on. The two
tables below are the only knowledge of the API's shape.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

import orjson

from fhirtrial.errors import RecordError
from fhirtrial.records.conversion import Conversion
from fhirtrial.records.eligibility import read_eligibility
from fhirtrial.records.fields import Eligibility
from fhirtrial.records.hints import find_hints
from fhirtrial.records.record import SCHEMA_VERSION, Source, TrialRecord, document_id

# Module → its fields: the record's field where the API's name in snake case is another, "" where one object is spread.
_MODULES: Mapping[str, Mapping[str, str]] = {
    "identificationModule": {
        "nctId": "nct_id",
        "nctIdAliases": "nct_id_aliases",
        "orgStudyIdInfo": "org_study_id",
        "secondaryIdInfos": "secondary_ids",
        "briefTitle": "brief_title",
        "officialTitle": "official_title",
        "acronym": "acronym",
        "organization": "organization",
    },
    "statusModule": {
        "statusVerifiedDate": "status_verified_date",
        "overallStatus": "overall_status",
        "lastKnownStatus": "last_known_status",
        "delayedPosting": "delayed_posting",
        "whyStopped": "why_stopped",
        "expandedAccessInfo": "expanded_access",
        "startDateStruct": "start_date",
        "primaryCompletionDateStruct": "primary_completion_date",
        "completionDateStruct": "completion_date",
        "studyFirstSubmitDate": "study_first_submit_date",
        "studyFirstSubmitQcDate": "study_first_submit_qc_date",
        "studyFirstPostDateStruct": "study_first_post_date",
        "resultsFirstSubmitDate": "results_first_submit_date",
        "resultsFirstSubmitQcDate": "results_first_submit_qc_date",
        "resultsFirstPostDateStruct": "results_first_post_date",
        "dispFirstSubmitDate": "disp_first_submit_date",
        "dispFirstSubmitQcDate": "disp_first_submit_qc_date",
        "dispFirstPostDateStruct": "disp_first_post_date",
        "lastUpdateSubmitDate": "last_update_submit_date",
        "lastUpdatePostDateStruct": "last_update_post_date",
    },
    "sponsorCollaboratorsModule": {
        "responsibleParty": "responsible_party",
        "leadSponsor": "lead_sponsor",
        "collaborators": "collaborators",
    },
    "descriptionModule": {"briefSummary": "brief_summary", "detailedDescription": "detailed_description"},
    "conditionsModule": {"conditions": "conditions", "keywords": "keywords"},
    "designModule": {
        "studyType": "study_type",
        "nPtrsToThisExpAccNctId": "n_ptrs_to_this_exp_acc_nct_id",
        "expandedAccessTypes": "expanded_access_types",
        "patientRegistry": "patient_registry",
        "targetDuration": "target_duration",
        "phases": "phases",
        "designInfo": "design",
        "bioSpec": "bio_spec",
        "enrollmentInfo": "enrollment",
    },
    "armsInterventionsModule": {"armGroups": "arms", "interventions": "interventions"},
    "outcomesModule": {
        "primaryOutcomes": "primary_outcomes",
        "secondaryOutcomes": "secondary_outcomes",
        "otherOutcomes": "other_outcomes",
    },
    "contactsLocationsModule": {
        "centralContacts": "central_contacts",
        "overallOfficials": "overall_officials",
        "locations": "locations",
    },
    "referencesModule": {
        "references": "references",
        "seeAlsoLinks": "see_also_links",
        "availIpds": "available_ipds",
    },
}
_WHOLE_MODULES: Mapping[str, str] = {"oversightModule": "oversight", "ipdSharingStatementModule": "ipd_sharing"}
_DERIVED: Mapping[str, Mapping[str, str]] = {
    "conditionBrowseModule": {"meshes": "condition_mesh", "ancestors": "condition_mesh_ancestors"},
    "interventionBrowseModule": {"meshes": "intervention_mesh", "ancestors": "intervention_mesh_ancestors"},
    "miscInfoModule": {"versionHolder": "version_holder", "removedCountries": "removed_countries"},
}
# What is left out on purpose; nothing below these paths is reported on the record.
OMITTED: Mapping[str, str] = {
    "derivedSection.conditionBrowseModule.browseLeaves": "the registry's search index, gone from newer records",
    "derivedSection.conditionBrowseModule.browseBranches": "the registry's search index, gone from newer records",
    "derivedSection.interventionBrowseModule.browseLeaves": "the registry's search index, gone from newer records",
    "derivedSection.interventionBrowseModule.browseBranches": "the registry's search index, gone from newer records",
    "derivedSection.miscInfoModule.modelPredictions": "a machine's guess, not the sponsor's words",
    "derivedSection.miscInfoModule.submissionTracking": "the registry's internal process",
    "resultsSection": "results of the trial, not needed to run it; has_results says that they exist",
    "annotationSection": "the registry's remarks on results",
    "documentSection": "links to large documents at the registry",
}
_NCT = re.compile(r"NCT\d{8}")


def is_study(data: object) -> bool:
    return isinstance(data, dict) and isinstance(data.get("protocolSection"), dict)


def record_from_study(data: Mapping[str, Any], name: str, where: str) -> TrialRecord:
    """The record of one study; RecordError when it has neither an NCT id nor a title."""
    conversion = Conversion()
    protocol = data["protocolSection"]
    values: dict[str, Any] = {}
    eligibility: dict[str, Any] = {}
    text: str | None = None
    for module, content in protocol.items():
        path = f"protocolSection.{module}"
        if not isinstance(content, dict):
            conversion.note("wrong-type", path, "not an object, left out")
        elif module in _MODULES:
            values |= conversion.fields(TrialRecord, content, path, names=_MODULES[module], only=True)
        elif module in _WHOLE_MODULES:
            values[_WHOLE_MODULES[module]] = conversion.model_of(TrialRecord, _WHOLE_MODULES[module], content, path)
        elif module == "eligibilityModule":
            rest = {k: v for k, v in content.items() if k != "eligibilityCriteria"}
            eligibility = conversion.fields(Eligibility, rest, path)
            text = conversion.text(content.get("eligibilityCriteria"), f"{path}.eligibilityCriteria")
        else:
            conversion.note("unknown-field", path, "not a module of API v2, left out")
    values |= _outside_protocol(data, conversion)
    fields = Eligibility(**eligibility)
    parts = read_eligibility(text, fields)
    values = {k: v for k, v in values.items() if v is not None} | {"eligibility": fields}
    identity = _identity(values, conversion, where)
    summary: dict[str, str] = {k: values[k] for k in ("brief_summary", "detailed_description") if k in values}
    return TrialRecord(
        schema_version=SCHEMA_VERSION,
        id=identity,
        source=Source(format="ctgov-v2", name=name, hash=_hash(data, where)),
        **values,
        eligibility_text=text,
        eligibility_headings=parts.headings,
        eligibility_notes=parts.asides,
        criteria=parts.criteria,
        defects=parts.defects,
        hints=find_hints(summary, parts.defects),
        notes=(*conversion.notes, *parts.notes),
    )


def _outside_protocol(data: Mapping[str, Any], conversion: Conversion) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, content in data.items():
        if key in OMITTED or key == "protocolSection":
            continue
        if key == "hasResults":
            values["has_results"] = conversion.flag(content, key)
        elif key == "derivedSection" and isinstance(content, dict):
            for module, inner in content.items():
                path = f"derivedSection.{module}"
                if module not in _DERIVED or not isinstance(inner, dict):
                    conversion.note("unknown-field", path, "not a module of API v2, left out")
                    continue
                kept = {k: v for k, v in inner.items() if f"{path}.{k}" not in OMITTED}
                values |= conversion.fields(TrialRecord, kept, path, names=_DERIVED[module], only=True)
        else:
            conversion.note("unknown-field", key, "not a section of API v2, left out")
    return values


def _identity(values: dict[str, Any], conversion: Conversion, where: str) -> str:
    number = values.get("nct_id")
    if number is not None and _NCT.fullmatch(number.upper()):
        values["nct_id"] = number.upper()
        return str(number.upper())
    title = values.get("official_title") or values.get("brief_title")
    if title is None:
        got = f"no NCT id ({number!r}) and no title" if number else "no NCT id and no title"
        raise RecordError(where, got, "give the study its identificationModule.nctId or a title")
    if number is not None:
        conversion.note("wrong-type", "protocolSection.identificationModule.nctId", "not NCT and eight digits")
    return document_id(title)


def _hash(data: Mapping[str, Any], where: str) -> str:
    """Of the study's own content in canonical form, so that a study has one hash alone or on a page of studies."""
    try:
        content = orjson.dumps(data, option=orjson.OPT_SORT_KEYS)
    except TypeError as error:
        raise RecordError(where, "nested deeper than any study", "give the registry's JSON as it was sent") from error
    return hashlib.sha256(content).hexdigest()
