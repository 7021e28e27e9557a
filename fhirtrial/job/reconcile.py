"""What the server already holds decides what is sent: who the patients are there, and what a draft is merged with.

Nothing a person wrote is overwritten: a merged resource goes out with If-Match on the version that was read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from fhirtrial.client import FhirSession
from fhirtrial.errors import Problem
from fhirtrial.patients.facts import Patient
from fhirtrial.plugins import Draft, Fhir, Registry, Resource

PAGE = 50


def references(patients: Iterable[Patient], session: FhirSession) -> tuple[dict[str, str], tuple[Problem, ...]]:
    """Each patient's reference on the server: by id where id and identifiers agree, else by a unique identifier."""
    found: dict[str, str] = {}
    problems: list[Problem] = []
    everyone = list({p.reference: p for p in patients}.values())
    for start in range(0, len(everyone), PAGE):
        some = everyone[start : start + PAGE]
        ids = ",".join(p.reference.removeprefix("Patient/") for p in some)
        held = {r["id"]: _identifiers(r) for r in session.search("Patient", {"_id": ids, "_count": str(PAGE)})}
        for patient in some:
            own = set(patient.identifiers)
            there = held.get(patient.reference.removeprefix("Patient/"))
            if there is not None and (not own or not there or own & there):
                found[patient.reference] = patient.reference
                continue
            named = _by_identifier(patient, session)
            if len(named) == 1:
                found[patient.reference] = f"Patient/{named.pop()}"
            else:
                got = "no such patient on the server" if not named else "several patients with its identifiers"
                todo = "load the patient there first, or give --with-patients"
                problems.append(Problem(patient.reference, "", got, todo))
    return found, tuple(problems)


def merged(drafts: Sequence[Draft], mappings: Registry, fhir: Fhir, session: FhirSession) -> Iterator[Draft]:
    """The drafts that would change something, each joined with what the server holds under its id."""
    held = _held(drafts, mappings, fhir, session)
    for draft in drafts:
        kind = draft.resource["resourceType"]
        mapping = mappings.of_resource(kind, fhir)
        existing = held.get((kind, draft.resource.get("id", "")))
        if existing is None or mapping is None or mapping.merge is None:
            yield draft
            continue
        resource = mapping.merge(existing, draft.resource)
        if resource is not None:
            yield replace(draft, resource=resource, if_match=existing.get("meta", {}).get("versionId", ""))


def _held(
    drafts: Sequence[Draft], mappings: Registry, fhir: Fhir, session: FhirSession
) -> dict[tuple[str, str], Resource]:
    wanted: dict[str, list[str]] = {}
    for draft in drafts:
        kind = draft.resource["resourceType"]
        mapping = mappings.of_resource(kind, fhir)
        if mapping is not None and mapping.merge is not None:
            wanted.setdefault(kind, []).append(draft.resource["id"])
    return {
        (kind, r["id"]): r
        for kind, ids in wanted.items()
        for start in range(0, len(ids), PAGE)
        for r in session.search(kind, {"_id": ",".join(ids[start : start + PAGE]), "_count": str(PAGE)})
    }


def _by_identifier(patient: Patient, session: FhirSession) -> set[str]:
    found: set[str] = set()
    for system, value in patient.identifiers:
        token = f"{system}|{_escaped(value)}"
        found |= {r["id"] for r in session.search("Patient", {"identifier": token}) if r.get("id")}
    return found


def _identifiers(resource: Resource) -> set[tuple[str, str]]:
    return {(i.get("system", ""), i["value"]) for i in resource.get("identifier", ()) if i.get("value")}


def _escaped(value: str) -> str:
    for sign in ("\\", ",", "$", "|"):
        value = value.replace(sign, f"\\{sign}")
    return value
