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


def merged(drafts: Sequence[Draft], mappings: Registry, fhir: Fhir, session: FhirSession) -> list[Draft]:
    """The drafts that would change something, each joined with what the server holds under its id.

    A draft that only updates is left out where there is nothing to update, unless one that is written refers to it.
    """
    held = _held(drafts, mappings, fhir, session)
    changed: list[Draft] = []
    absent: list[Draft] = []
    for draft in drafts:
        existing = held.get(draft.identity)
        if existing is None:
            (absent if draft.update_only else changed).append(draft)
            continue
        mapping = mappings.of_resource(draft.identity[0], fhir)
        resource = (
            draft.resource if mapping is None or mapping.merge is None else mapping.merge(existing, draft.resource)
        )
        if resource is not None:
            version = existing.get("meta", {}).get("versionId", "")
            changed.append(replace(draft, resource=resource, if_match=version))
    return [*_referred_to(changed, absent), *changed]


def _referred_to(changed: Sequence[Draft], absent: Sequence[Draft]) -> list[Draft]:
    names = {name for draft in changed if draft.update_only for name in _references(draft.resource)}
    found = [draft for draft in absent if "/".join(draft.identity) in names]
    rest = [draft for draft in absent if draft not in found]
    return [*_referred_to(found, rest), *found] if found else []


def _references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("reference"), str):
            yield node["reference"]
        yield from (name for value in node.values() for name in _references(value))
    elif isinstance(node, list):
        yield from (name for value in node for name in _references(value))


def _held(
    drafts: Sequence[Draft], mappings: Registry, fhir: Fhir, session: FhirSession
) -> dict[tuple[str, str], Resource]:
    """What the server holds of those that are merged, or that are written only where they are there."""
    wanted: dict[str, list[str]] = {}
    for draft in drafts:
        kind, name = draft.identity
        mapping = mappings.of_resource(kind, fhir)
        merges = mapping is not None and mapping.merge is not None
        if not draft.if_none_exist and (merges or draft.update_only):
            wanted.setdefault(kind, []).append(name)
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
