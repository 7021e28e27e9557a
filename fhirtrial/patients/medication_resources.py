"""The four medication records, Medication and Substance: the fields of R4 that facts are made from."""

from __future__ import annotations

from msgspec import Raw

from fhirtrial.patients.elements import Concept, Dosage, Element, Period, Quantity, Reference, Resource


class Medicine(Resource):
    """What the four medication records share."""

    status: str = ""
    medication_codeable_concept: Concept | None = None
    medication_reference: Reference | None = None
    subject: Reference | None = None
    reason_code: tuple[Concept, ...] = ()
    reason_reference: tuple[Reference, ...] = ()


class DispenseRequest(Element):
    validity_period: Period | None = None
    number_of_repeats_allowed: int = 0
    expected_supply_duration: Quantity | None = None


class MedicationRequest(Medicine):
    intent: str = ""
    status_reason: Concept | None = None
    category: tuple[Concept, ...] = ()
    do_not_perform: bool = False
    authored_on: str = ""
    dosage_instruction: tuple[Dosage, ...] = ()
    dispense_request: DispenseRequest | None = None


class MedicationStatement(Medicine):
    status_reason: tuple[Concept, ...] = ()
    category: Concept | None = None
    effective_date_time: str = ""
    effective_period: Period | None = None
    date_asserted: str = ""
    dosage: tuple[Dosage, ...] = ()


class Administered(Element):
    route: Concept | None = None
    site: Concept | None = None
    dose: Quantity | None = None
    modifier_extension: tuple[Raw, ...] = ()


class MedicationAdministration(Medicine):
    status_reason: tuple[Concept, ...] = ()
    category: Concept | None = None
    effective_date_time: str = ""
    effective_period: Period | None = None
    dosage: Administered | None = None


class MedicationDispense(Medicine):
    status_reason_codeable_concept: Concept | None = None
    category: Concept | None = None
    days_supply: Quantity | None = None
    when_prepared: str = ""
    when_handed_over: str = ""
    dosage_instruction: tuple[Dosage, ...] = ()


class Ingredient(Element):
    item_codeable_concept: Concept | None = None
    item_reference: Reference | None = None


class Medication(Resource):
    code: Concept | None = None
    ingredient: tuple[Ingredient, ...] = ()


class Substance(Resource):
    code: Concept | None = None
