"""TrialRecord → ResearchStudy, and back to what a match needs; every registry field that has a home is carried."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from fhirtrial.errors import ArtifactError
from fhirtrial.plugins import Draft, Publication, Resource
from fhirtrial.records.fields import Contact
from fhirtrial.records.record import TrialRecord
from fhirtrial_mappings import identity
from fhirtrial_mappings.artifacts import related_artifact, study_extensions, study_parties, study_related, study_texts
from fhirtrial_mappings.artifacts import study_codes as codes
from fhirtrial_mappings.artifacts import study_elements as elements
from fhirtrial_mappings.artifacts.extensions import data_absent
from fhirtrial_mappings.artifacts.primitives import coded, filled, period, present, string, text
from fhirtrial_mappings.narrative import narrative

_STATES_R5 = {**codes.STATUS_R5, elements.WHOLE: elements.WHOLE}


class Study(TypedDict):
    """A published trial without its criteria: the fields of `fhirtrial.matching.result.Trial` by name."""

    id: str
    title: str
    status: str
    identifiers: tuple[tuple[str, str], ...]


def r4(record: TrialRecord, to: Publication) -> Sequence[Draft]:
    study = identity.slug(record.id)
    sponsor, principal = study_parties.sponsor(record), study_parties.investigator(record)
    sites, parties = study_parties.sites(record), study_parties.parties(record)
    extensions = study_extensions.all_of(record, identity.version(record, to))
    groups = (identity.criteria_group(record.id), identity.expression_group(record.id))
    return (
        Draft(
            filled(
                {
                    "resourceType": "ResearchStudy",
                    "id": study,
                    "text": _narrative(record),
                    "contained": present([sponsor, principal, *sites, *(p.resource for p in parties)]),
                    "extension": [*extensions, *present(p.extension() for p in parties)],
                    "identifier": identifiers(record, to),
                    "title": title(record),
                    "protocol": [{"reference": f"PlanDefinition/{study}"}],
                    **status(record.overall_status),
                    "primaryPurposeType": purpose(record.design.primary_purpose),
                    "phase": phase(record.phases),
                    "category": study_texts.categories(record),
                    "focus": study_related.focus(record),
                    "condition": study_related.conditions(record),
                    "contact": present(contact(c) for c in record.central_contacts),
                    "relatedArtifact": study_related.artifacts(record),
                    "keyword": study_related.keywords(record),
                    "location": [{"text": country} for country in _countries(record)],
                    "description": string(record.detailed_description) or string(record.brief_summary),
                    "enrollment": [{"reference": f"Group/{group}"} for group in groups],
                    "period": _period(record),
                    "sponsor": _local(sponsor),
                    "principalInvestigator": _local(principal),
                    "site": [{"reference": f"#{site['id']}"} for site in sites],
                    "reasonStopped": text(record.why_stopped),
                    "note": study_texts.notes(record),
                    "arm": study_related.arms(record),
                }
            )
        ),
    )


def r5(record: TrialRecord, to: Publication) -> Sequence[Draft]:
    study = identity.slug(record.id)
    sites, parties = study_parties.sites(record), study_parties.parties_r5(record)
    return (
        Draft(
            filled(
                {
                    "resourceType": "ResearchStudy",
                    "id": study,
                    "text": _narrative(record),
                    "contained": present([*sites, *(p.resource for p in parties)]),
                    "extension": present(study_extensions.registration(record)),
                    "url": elements.registry_page(record),
                    "identifier": identifiers(record, to),
                    "version": identity.version(record, to),
                    "name": f"{identity.library_name(record.id)}Study",
                    "title": title(record),
                    "label": list(elements.labels(record)),
                    "protocol": [{"reference": f"PlanDefinition/{study}"}],
                    "relatedArtifact": [
                        *related_artifact.r5(study_related.artifacts(record)),
                        *_other_forms(record, to),
                    ],
                    "date": elements.updated(record),
                    "status": codes.RECORD_R5.get(record.overall_status or "", "active"),
                    "primaryPurposeType": purpose(record.design.primary_purpose, codes.PURPOSE_SYSTEM_R5),
                    "phase": phase(record.phases, codes.PHASE_SYSTEM_R5),
                    "studyDesign": study_texts.study_design(record),
                    "focus": study_related.focus_r5(record),
                    "condition": study_related.conditions(record),
                    "keyword": study_related.keywords(record),
                    "region": [{"text": country} for country in _countries(record)],
                    "descriptionSummary": string(record.brief_summary),
                    "description": string(record.detailed_description),
                    "period": _period(record),
                    "site": [{"reference": f"#{site['id']}"} for site in sites],
                    "note": study_texts.notes(record),
                    "classifier": [*elements.classifiers(record), *study_texts.classifiers(record)],
                    "associatedParty": [party.element() for party in parties],
                    "progressStatus": list(elements.progress(record, _STATES_R5)),
                    "whyStopped": text(record.why_stopped),
                    "recruitment": {
                        **elements.numbers(record),
                        "eligibility": {"reference": f"Group/{identity.criteria_group(record.id)}"},
                    },
                    "comparisonGroup": study_related.comparison_groups(record),
                    "outcomeMeasure": list(elements.outcomes(record, codes.OBJECTIVE_SYSTEM_R5)),
                }
            )
        ),
    )


def read(resource: Resource) -> Study:
    """What `r4` or `r5` said of the trial itself."""
    where = f"ResearchStudy/{resource.get('id', '?')}"
    named = tuple(
        (str(i["system"]), str(i["value"])) for i in resource.get("identifier", ()) if "system" in i and "value" in i
    )
    own = (v for s, v in named if s == identity.NCT or s.endswith(identity.TRIAL_SYSTEM))
    trial = next(own, None)
    if trial is None:
        raise ArtifactError(where, "no NCT number and no trial identifier", "publish the record again (fhirtrial map)")
    shown = str(resource.get("title", trial))
    return Study(id=trial, title=shown, status=study_extensions.registry_status(resource), identifiers=named)


def title(record: TrialRecord) -> str:
    return string(record.brief_title) or string(record.official_title) or record.id


def status(registry: str | None) -> Resource:
    """R4's required status; where it has no code, the reason why there is none. Never a default."""
    code = codes.STATUS_R4.get(registry or "")
    if code is not None:
        return {"status": code}
    known = registry is None or registry in codes.STATUS_R4
    return {
        "_status": data_absent(codes.STATUS_ABSENT.get(registry or "UNKNOWN", "unknown" if known else "unsupported"))
    }


def phase(phases: tuple[str, ...], system: str = codes.PHASE_SYSTEM) -> Resource | None:
    """A study has one phase: "1/2" is one code; what it has no code for is said in words."""
    known = codes.PHASE.get(tuple(sorted(phases)))
    return coded(system, known, "/".join(phases)) if phases else None


def purpose(code: str | None, system: str = codes.PURPOSE_SYSTEM) -> Resource | None:
    return coded(system, codes.PURPOSE.get(code or ""), code)


def identifiers(record: TrialRecord, to: Publication) -> list[Resource]:
    own = {"system": f"{to.base}{identity.TRIAL_SYSTEM}", "value": record.id}
    official = {"use": "official", "system": identity.NCT, "value": record.nct_id} if record.nct_id else None
    holder = record.organization or record.lead_sponsor
    organization = holder.name if holder else None
    given = [_given(s.id, s.type, s.domain) for s in record.secondary_ids]
    if record.org_study_id:
        given.insert(0, _given(record.org_study_id.id, record.org_study_id.type, organization))
    aliases = [{"use": "old", "system": identity.NCT, "value": alias} for alias in record.nct_id_aliases]
    return present([official or own, *aliases, *given])


def contact(person: Contact) -> Resource:
    return filled({"name": string(person.name), "telecom": study_parties.telecom(person)})


def _given(value: str, kind: str | None, assigner: str | None) -> Resource | None:
    if not string(value):
        return None
    by = string(assigner)
    return filled({"type": text(kind), "value": string(value), "assigner": {"display": by} if by else None})


def _period(record: TrialRecord) -> Resource | None:
    start, end = record.start_date, record.completion_date
    return period(start.date if start else None, end.date if end else None)


def _countries(record: TrialRecord) -> list[str]:
    return sorted({country for site in record.locations if (country := string(site.country))})


def _other_forms(record: TrialRecord, to: Publication) -> list[Resource]:
    """`recruitment.eligibility` names one form of the criteria; these are the others."""
    expression = {"reference": f"Group/{identity.expression_group(record.id)}"}
    variable = to.canonical("EvidenceVariable", identity.characteristics(record.id))
    return [
        {"type": "composed-of", "display": "Eligibility as one expression", "resourceReference": expression},
        {"type": "composed-of", "display": "Eligibility as characteristics", "resource": variable},
    ]


def _local(resource: Resource | None) -> Resource | None:
    return {"reference": f"#{resource['id']}"} if resource else None


def _narrative(record: TrialRecord) -> Resource:
    told = (f"{record.id}: {record.overall_status or 'status not given'}", record.brief_summary or "")
    return narrative(title(record), told, record.conditions)
