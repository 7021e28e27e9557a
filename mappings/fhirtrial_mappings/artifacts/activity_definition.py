"""TrialRecord → ActivityDefinitions: one per intervention; what the registry's type does not settle stays unsaid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fhirtrial.plugins import Draft, Publication, Resource
from fhirtrial.records.fields import Arm, Intervention
from fhirtrial.records.record import TrialRecord
from fhirtrial_mappings import identity
from fhirtrial_mappings.artifacts.metadata import metadata, patient
from fhirtrial_mappings.artifacts.primitives import filled, present, string, text
from fhirtrial_mappings.narrative import narrative

# The kind of request that would bring it about; a combination product or "other" may be any.
KIND: Mapping[str, str | None] = {
    "DRUG": "MedicationRequest",
    "BIOLOGICAL": "MedicationRequest",
    "DIETARY_SUPPLEMENT": "NutritionOrder",
    "DEVICE": "DeviceRequest",
    "BEHAVIORAL": "ServiceRequest",
    "DIAGNOSTIC_TEST": "ServiceRequest",
    "GENETIC": "ServiceRequest",
    "PROCEDURE": "ServiceRequest",
    "RADIATION": "ServiceRequest",
    "COMBINATION_PRODUCT": None,
    "OTHER": None,
}


def r4(record: TrialRecord, to: Publication) -> Sequence[Draft]:
    return [Draft(_activity(n, given, record, to)) for n, given in enumerate(record.interventions, 1)]


def r5(record: TrialRecord, to: Publication) -> Sequence[Draft]:
    """R5 has the same elements, and every kind of request that is named here."""
    return r4(record, to)


def belongs(given: Intervention, arm: Arm) -> bool:
    """Whether the record joins them, by the arm's label or by the intervention's name ("Drug: metformin")."""
    named = {name.casefold() for name in arm.intervention_names}
    own = given.name.casefold()
    kind = (given.type or "").replace("_", " ").casefold()
    return arm.label in given.arm_group_labels or own in named or f"{kind}: {own}" in named


def _activity(number: int, given: Intervention, record: TrialRecord, to: Publication) -> Resource:
    identifier = identity.activity(record.id, number)
    name = f"{identity.library_name(record.id)}Intervention{number}"
    words = string(given.name) or f"Intervention {number}"
    kind = KIND.get(given.type or "")
    others = present(string(other) for other in given.other_names)
    product = text(given.name) if kind == "MedicationRequest" else None
    return filled(
        {
            **metadata("ActivityDefinition", identifier, record, to, name=name, title=words),
            "text": narrative(words, (given.description or "",), others),
            "subtitle": string(given.type),
            "subjectCodeableConcept": patient(to),
            "description": string(given.description),
            "usage": f"Also called: {'; '.join(others)}" if others else None,
            "kind": kind,
            "code": text(words),
            "productCodeableConcept": product,
        }
    )
