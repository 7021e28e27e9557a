"""The four medication records, Medication and Substance: the fields of R4 and R5 that facts are made from."""

from __future__ import annotations

from msgspec import Raw

from fhirtrial.patients.elements import (
    CodeableReference,
    Coded,
    Concept,
    Dosage,
    Element,
    Period,
    Quantity,
    Reference,
    Resource,
    Timing,
)


class Medicine(Resource):
    """What the four medication records share."""

    status: str = ""
    medication_codeable_concept: Concept | None = None
    medication_reference: Reference | None = None
    medication: CodeableReference | None = None
    subject: Reference | None = None
    reason_code: tuple[Concept, ...] = ()
    reason_reference: tuple[Reference, ...] = ()
    reason: tuple[CodeableReference, ...] = ()


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


class Adherence(Element):
    code: Concept | None = None
    reason: Concept | None = None


class MedicationStatement(Medicine):
    status_reason: tuple[Concept, ...] = ()
    category: Concept | tuple[Concept, ...] | None = None
    adherence: Adherence | None = None
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
    """`occurence` is how R5 5.0.0 spells it."""

    status_reason: tuple[Concept, ...] = ()
    category: Concept | tuple[Concept, ...] | None = None
    effective_date_time: str = ""
    effective_period: Period | None = None
    occurence_date_time: str = ""
    occurence_period: Period | None = None
    occurence_timing: Timing | None = None
    is_sub_potent: bool = False
    dosage: Administered | None = None


class MedicationDispense(Medicine):
    status_reason_codeable_concept: Concept | None = None
    not_performed_reason: CodeableReference | None = None
    category: Concept | tuple[Concept, ...] | None = None
    days_supply: Quantity | None = None
    when_prepared: str = ""
    when_handed_over: str = ""
    dosage_instruction: tuple[Dosage, ...] = ()


class Ingredient(Element):
    item_codeable_concept: Concept | None = None
    item_reference: Reference | None = None
    item: CodeableReference | None = None


class Medication(Resource):
    code: Concept | None = None
    ingredient: tuple[Ingredient, ...] = ()


class Substance(Resource):
    code: Coded | None = None
