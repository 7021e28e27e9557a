"""The metadata that all canonical resources of a trial share: url, version, status, date, the tree they stand on."""

from __future__ import annotations

from fhirtrial.plugins import Publication, Resource
from fhirtrial.records.record import TrialRecord
from fhirtrial_mappings import identity
from fhirtrial_mappings.artifacts.primitives import date, filled
from fhirtrial_mappings.artifacts.research_study import title as study_title

_TYPES = {"R4": "http://hl7.org/fhir/resource-types", "R5": "http://hl7.org/fhir/fhir-types"}


def patient(to: Publication) -> Resource:
    """Who all of it is about: the type Patient, of the code system that the FHIR version has for types."""
    return {"coding": [{"system": _TYPES[to.fhir], "code": "Patient"}]}


def metadata(kind: str, identifier: str, record: TrialRecord, to: Publication, *, name: str, title: str) -> Resource:
    return filled(
        {
            "resourceType": kind,
            "id": identifier,
            "url": to.canonical(kind, identifier),
            "identifier": [identity.tree_identifier(record.criteria, to)],
            "version": identity.version(record, to),
            "name": name,
            "title": f"{title}: {study_title(record)}",
            **identity.publication_status(record.criteria),
            "date": date(identity.date(record)),
        }
    )
