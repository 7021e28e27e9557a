"""TrialRecord → FHIR: a transaction Bundle of everything the mappings make of it, the same bytes every time."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import date
from typing import Any

from fhirtrial import terminology
from fhirtrial.plugins import Draft, Fhir, Publication, Registry, Resource, installed
from fhirtrial.records.record import TrialRecord
from fhirtrial.site import Site
from fhirtrial.version import VERSION


def publication(site: Site, fhir: Fhir, on: date | None = None) -> Publication:
    return Publication(
        base=site.canonical_base,
        fhir=fhir,
        terminology=terminology.load().with_local(site.codes),
        software_version=VERSION,
        candidates_when_not_recruiting=site.candidates_when_not_recruiting,
        on=on,
    )


def map_trial(record: TrialRecord, fhir: Fhir = "R4", site: Site | None = None, *, on: date | None = None) -> Resource:
    """The record as a transaction Bundle of definitional resources, each written by PUT on its own id.

    With a screening day `on` there are also Groups that say, in FHIR searches, who is to be looked at on that day.
    """
    site = site or Site()
    return transaction(registry(site).build("trial", record, publication(site, fhir, on)), site.canonical_base)


def registry(site: Site) -> Registry:
    return installed(site.mappings)


def transaction(drafts: Iterable[Draft], base: str) -> Resource:
    """A transaction Bundle that can be sent any number of times: PUT on ids, conditional creates for the rest.

    Every entry has a fullUrl, since servers resolve references between entries by it.
    """
    return {"resourceType": "Bundle", "type": "transaction", "entry": [entry(draft, base) for draft in drafts]}


def entry(draft: Draft, base: str) -> dict[str, Any]:
    kind = draft.resource["resourceType"]
    if draft.if_none_exist:
        url = uuid.uuid5(uuid.NAMESPACE_URL, f"{base}/{kind}?{draft.if_none_exist}").urn
        request = {"method": "POST", "url": kind, "ifNoneExist": draft.if_none_exist}
        return {"fullUrl": url, "resource": draft.resource, "request": request}
    own = f"{kind}/{draft.resource['id']}"
    request = {"method": "PUT", "url": own}
    if draft.if_match:
        request["ifMatch"] = f'W/"{draft.if_match}"'
    return {"fullUrl": f"{base}/{own}", "resource": draft.resource, "request": request}
