"""What a ResearchStudy is about and refers to: conditions, keywords, focus, arms, publications, shared data."""

from __future__ import annotations

from collections.abc import Iterable

from fhirtrial.plugins import Resource
from fhirtrial.records.fields import AvailableIpd, MeshTerm, Reference
from fhirtrial.records.record import TrialRecord
from fhirtrial_mappings.artifacts import study_codes as codes
from fhirtrial_mappings.artifacts.primitives import coded, filled, present, string, text, uri


def conditions(record: TrialRecord) -> list[Resource]:
    return present(_with_mesh(words, record.condition_mesh) for words in record.conditions)


def focus_r5(record: TrialRecord) -> list[Resource]:
    return [{"concept": concept} for concept in focus(record)]


def focus(record: TrialRecord) -> list[Resource]:
    return present(_with_mesh(i.name, record.intervention_mesh) for i in record.interventions)


def keywords(record: TrialRecord) -> list[Resource]:
    """The record's keywords, and every MeSH term that the registry derived, so that a search by code finds it."""
    derived = (
        *record.condition_mesh,
        *record.condition_mesh_ancestors,
        *record.intervention_mesh,
        *record.intervention_mesh_ancestors,
    )
    return present(
        [*(text(word) for word in record.keywords), *({"coding": [_mesh(t)]} for t in dict.fromkeys(derived))]
    )


def arms(record: TrialRecord) -> list[Resource]:
    return [
        filled(
            {
                "name": string(arm.label) or f"Arm {n}",
                "type": coded(codes.ARM_SYSTEM, codes.ARM.get(arm.type or ""), arm.type),
                "description": string(arm.description),
            }
        )
        for n, arm in enumerate(record.arms, 1)
    ]


def comparison_groups(record: TrialRecord) -> list[Resource]:
    return [{"linkId": f"arm-{n}", **arm} for n, arm in enumerate(arms(record), 1)]


def artifacts(record: TrialRecord) -> list[Resource]:
    links = [
        filled({"type": "documentation", "display": string(link.label), "url": uri(link.url)})
        for link in record.see_also_links
    ]
    given = [record.org_study_id, *record.secondary_ids]
    registered = [
        {"type": "documentation", "display": f"Registered as {one.id}", "url": uri(one.link)}
        for one in given
        if one and uri(one.link)
    ]
    plan = record.ipd_sharing and uri(record.ipd_sharing.url)
    sharing = {"type": "documentation", "display": "Sharing of individual participant data", "url": plan}
    return [
        *(_citation(reference) for reference in record.references),
        *registered,
        *links,
        *(_shared(data) for data in record.available_ipds),
        *([sharing] if plan else []),
    ]


def _citation(reference: Reference) -> Resource:
    retracted = [f"retracted: {' '.join(present([r.source, r.pmid]))}" for r in reference.retractions]
    pubmed = f"https://pubmed.ncbi.nlm.nih.gov/{reference.pmid}" if reference.pmid else None
    return filled(
        {
            "type": "citation",
            "label": string(reference.type),
            "display": string("; ".join(retracted)),
            "citation": string(reference.citation),
            "url": uri(pubmed),
        }
    )


def _shared(data: AvailableIpd) -> Resource:
    told = "; ".join(present([data.type, data.id, data.comment]))
    return filled({"type": "documentation", "label": "IPD", "display": string(told), "url": uri(data.url)})


def _with_mesh(words: str, terms: Iterable[MeshTerm]) -> Resource | None:
    same = (term for term in terms if (term.term or "").casefold() == words.strip().casefold())
    term = next(same, None)
    concept = text(words)
    return {"coding": [_mesh(term)], **concept} if term and concept else concept


def _mesh(term: MeshTerm) -> Resource:
    return filled({"system": codes.MESH_SYSTEM, "code": term.id, "display": string(term.term)})
