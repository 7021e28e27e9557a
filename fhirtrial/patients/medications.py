"""MedicationRequest, -Statement, -Administration and -Dispense → facts: the product, when, and how much per day.

An order is not an intake: it stays ORDERED, and plans, proposals and options are no orders.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fhirtrial.patients.codes import NOTHING, code_set, joined, listed, merged
from fhirtrial.patients.dates import UNDATED, When, between, period, shift, timing, up_to, when
from fhirtrial.patients.dosage import daily_dose, single_dose
from fhirtrial.patients.elements import CodeableReference, Dosage, Period, Quantity, Range
from fhirtrial.patients.facts import CEIL, CodeSet, Course, Fact, Kind, Standing, ValueKind
from fhirtrial.patients.medication_resources import (
    Medication,
    MedicationAdministration,
    MedicationDispense,
    MedicationRequest,
    MedicationStatement,
    Medicine,
)
from fhirtrial.patients.quantities import Value
from fhirtrial.patients.source import NO_DOSE, Source, Times, concept_standing, end_of, open_end, standing

_Status = tuple[Standing, Course] | None
REQUESTS: Mapping[str, _Status] = {
    "active": (Standing.ORDERED, Course.NOW),
    "on-hold": (Standing.ORDERED, Course.PAUSED),
    "completed": (Standing.ORDERED, Course.OVER),
    "stopped": (Standing.ORDERED, Course.OVER),
    "ended": (Standing.ORDERED, Course.OVER),
    "unknown": (Standing.UNCONFIRMED, Course.OPEN),
    "cancelled": None,
    "draft": None,
    "entered-in-error": None,
}
INTENTS: Mapping[str, bool] = {
    "order": True,
    "original-order": True,
    "reflex-order": True,
    "filler-order": True,
    "instance-order": True,
    "proposal": False,
    "plan": False,
    "option": False,
}
STATEMENTS: Mapping[str, _Status] = {
    "active": (Standing.ASSERTED, Course.NOW),
    "completed": (Standing.ASSERTED, Course.OVER),
    "stopped": (Standing.ASSERTED, Course.OVER),
    "intended": (Standing.UNCONFIRMED, Course.OPEN),
    "on-hold": (Standing.UNCONFIRMED, Course.PAUSED),
    "unknown": (Standing.UNCONFIRMED, Course.OPEN),
    "not-taken": (Standing.DENIED, Course.OPEN),
    # R5 tells the state of the record here, and of the medication in `adherence`.
    "recorded": (Standing.ASSERTED, Course.OPEN),
    "draft": None,
    "entered-in-error": None,
}
_ADHERENCE = "http://hl7.org/fhir/CodeSystem/medication-statement-adherence"
ADHERENCE: Mapping[str, tuple[Standing, Course]] = {
    "taking": (Standing.ASSERTED, Course.NOW),
    "taking-as-directed": (Standing.ASSERTED, Course.NOW),
    "taking-not-as-directed": (Standing.ASSERTED, Course.NOW),
    "on-hold": (Standing.UNCONFIRMED, Course.PAUSED),
    "on-hold-as-directed": (Standing.UNCONFIRMED, Course.PAUSED),
    "on-hold-not-as-directed": (Standing.UNCONFIRMED, Course.PAUSED),
    "stopped": (Standing.ASSERTED, Course.OVER),
    "stopped-as-directed": (Standing.ASSERTED, Course.OVER),
    "stopped-not-as-directed": (Standing.ASSERTED, Course.OVER),
    "not-taking": (Standing.DENIED, Course.OPEN),
    "unknown": (Standing.UNCONFIRMED, Course.OPEN),
}
ADMINISTRATIONS: Mapping[str, _Status] = {
    "in-progress": (Standing.ASSERTED, Course.NOW),
    "completed": (Standing.ASSERTED, Course.OVER),
    "stopped": (Standing.ASSERTED, Course.OVER),
    "on-hold": (Standing.UNCONFIRMED, Course.PAUSED),
    "unknown": (Standing.UNCONFIRMED, Course.OPEN),
    "not-done": (Standing.DENIED, Course.OPEN),
    "entered-in-error": None,
}
DISPENSES: Mapping[str, _Status] = {
    "in-progress": (Standing.ASSERTED, Course.OPEN),
    "completed": (Standing.ASSERTED, Course.OPEN),
    "preparation": (Standing.UNCONFIRMED, Course.OPEN),
    "on-hold": (Standing.UNCONFIRMED, Course.PAUSED),
    "unknown": (Standing.UNCONFIRMED, Course.OPEN),
    "declined": (Standing.DENIED, Course.OPEN),
    "stopped": None,
    "cancelled": None,
    "entered-in-error": None,
}


def request_facts(request: MedicationRequest, source: Source) -> Iterator[Fact]:
    status = standing(REQUESTS, request.status)
    if status is None or not standing(INTENTS, request.intent, "intent"):
        return
    meant, course = (Standing.DENIED, Course.OPEN) if request.do_not_perform else status
    at = request_times(request, source)
    product, path = _product(request, source)
    yield source.row(
        Kind.REQUEST,
        meant,
        at,
        code=product,
        course=course,
        value=path,
        category=merged(request.category),
        reason=source.reasons(request.reason_code, request.reason_reference, request.reason),
        outcome=code_set(request.status_reason),
        route=merged(dosage.route for dosage in request.dosage_instruction),
        site=merged(dosage.site for dosage in request.dosage_instruction),
        dose=daily_dose(request.dosage_instruction),
    )


def request_times(request: MedicationRequest, _: Source) -> Times:
    status = standing(REQUESTS, request.status)
    course = status[1] if status is not None and not request.do_not_perform else Course.OPEN
    start = _order_start(request)
    ends = _order_ends(request, start)
    if not ends:
        end = end_of(course, start, None)
    elif request.status in ("active", "on-hold", "completed"):
        end = between(min(end.low for end in ends), max(end.high for end in ends))
    else:  # it ended early, or nobody knows
        end = between(start.low, max(end.high for end in ends))
    return Times(start, end, when(request.authored_on, "authoredOn").low)


def statement_facts(statement: MedicationStatement, source: Source) -> Iterator[Fact]:
    status = standing(STATEMENTS, statement.status)
    if status is None:
        return
    asserted = when(statement.date_asserted, "dateAsserted")
    start, end = _effective(statement)
    meant, course = _adhered(statement, start) if statement.status == "recorded" else status
    if start == UNDATED and course is not Course.OPEN:
        start = up_to(asserted)
    product, path = _product(statement, source)
    yield source.row(
        Kind.STATEMENT,
        meant,
        Times(start, end_of(course, start, end), asserted.low),
        code=product,
        course=course,
        value=path,
        category=listed(statement.category),
        reason=source.reasons(statement.reason_code, statement.reason_reference, statement.reason),
        outcome=merged((*statement.status_reason, statement.adherence.reason if statement.adherence else None)),
        route=merged(dosage.route for dosage in statement.dosage),
        site=merged(dosage.site for dosage in statement.dosage),
        dose=daily_dose(statement.dosage),
    )


def administration_facts(administration: MedicationAdministration, source: Source) -> Iterator[Fact]:
    status = standing(ADMINISTRATIONS, administration.status)
    if status is None:
        return
    meant, course = status
    start, end = _administered(administration)
    dosage = administration.dosage
    one_day = start.low == start.high and (end is None or end.high == start.low)
    at = administration_times(administration, source)
    product, path = _product(administration, source)
    yield source.row(
        Kind.ADMINISTRATION,
        Standing.UNCONFIRMED if administration.is_sub_potent else meant,
        at,
        code=product,
        course=course,
        value=path,
        category=listed(administration.category),
        reason=source.reasons(administration.reason_code, administration.reason_reference, administration.reason),
        outcome=merged(administration.status_reason),
        route=code_set(dosage.route) if dosage is not None else NOTHING,
        site=code_set(dosage.site) if dosage is not None else NOTHING,
        dose=single_dose(dosage.dose) if dosage and one_day and not dosage.modifier_extension else NO_DOSE,
    )


def administration_times(administration: MedicationAdministration, _: Source) -> Times:
    status = standing(ADMINISTRATIONS, administration.status)
    start, end = _administered(administration)
    return Times(start, end_of(status[1] if status is not None else Course.OPEN, start, end))


def _administered(administration: MedicationAdministration) -> tuple[When, When | None]:
    """What was given at a moment, and is over, was over in that moment."""
    status = standing(ADMINISTRATIONS, administration.status)
    start, end = _occurred(administration)
    if end is None and status is not None and status[1] is Course.OVER and _in_a_moment(administration):
        end = start
    return start, end


def dispense_facts(dispense: MedicationDispense, source: Source) -> Iterator[Fact]:
    """Handed over is when it starts; the supply says for how long it lasts, not that it was taken."""
    status = standing(DISPENSES, dispense.status)
    if status is None:
        return
    meant, course = status
    at = dispense_times(dispense, source)
    product, path = _product(dispense, source)
    yield source.row(
        Kind.DISPENSE,
        meant,
        at,
        code=product,
        course=course,
        value=path,
        category=listed(dispense.category),
        outcome=_not_performed(dispense, source),
        route=merged(dosage.route for dosage in dispense.dosage_instruction),
        site=merged(dosage.site for dosage in dispense.dosage_instruction),
        dose=daily_dose(dispense.dosage_instruction),
    )


def dispense_times(dispense: MedicationDispense, _: Source) -> Times:
    start = when(dispense.when_handed_over, "whenHandedOver")
    if not dispense.when_handed_over:
        start = between(when(dispense.when_prepared, "whenPrepared").low, CEIL)
    supply = dispense.days_supply
    end = shift(start, supply, supply) if supply is not None and supply.value is not None else open_end(start)
    return Times(start, end)


def _adhered(statement: MedicationStatement, start: When) -> tuple[Standing, Course]:
    """R5: what the patient does; a bare record of a medicine at no time may as well speak of a plan."""
    code = statement.adherence.code if statement.adherence is not None else None
    undated = Standing.UNCONFIRMED if start == UNDATED else Standing.ASSERTED
    return concept_standing(ADHERENCE, code, _ADHERENCE, "adherence.code", (undated, Course.OPEN))


def _not_performed(dispense: MedicationDispense, source: Source) -> CodeSet:
    why = dispense.not_performed_reason
    stated = code_set(dispense.status_reason_codeable_concept)
    return joined(stated, source.coded(why, "notPerformedReason")) if why is not None else stated


def _product(medicine: Medicine, source: Source) -> tuple[CodeSet, Value]:
    """The product's codes with its ingredients'; a product that cannot be found may be any medicine."""
    in_r5 = medicine.medication if medicine.medication is not None else CodeableReference()
    for concept, path in (
        (medicine.medication_codeable_concept, "medicationCodeableConcept"),
        (in_r5.concept, "medication.concept"),
    ):
        if concept is not None:
            return code_set(concept), Value(ValueKind.NONE, path)
    reference, path = medicine.medication_reference, "medicationReference"
    if in_r5.reference is not None:
        reference, path = in_r5.reference, "medication.reference"
    words = CodeSet((), reference.display) if reference is not None and reference.display else NOTHING
    if reference is None:
        source.report("medication[x]", "no medication", "send its code, or a reference to a Medication")
    found = source.resolve(reference, path)
    if not isinstance(found, Medication):
        source.incomplete = True
        return words, Value(ValueKind.NONE, path)
    parts = [code_set(part.item_codeable_concept) for part in found.ingredient]
    parts += [source.codes_behind(part.item_reference, path) for part in found.ingredient if part.item_reference]
    parts += [source.coded(part.item, path) for part in found.ingredient if part.item]
    return joined(code_set(found.code), *parts, words), Value(ValueKind.NONE, path)


def _in_a_moment(administration: MedicationAdministration) -> bool:
    return bool(administration.effective_date_time or administration.occurence_date_time)


def _occurred(administration: MedicationAdministration) -> tuple[When, When | None]:
    if administration.occurence_date_time:
        return when(administration.occurence_date_time, "occurenceDateTime"), None
    if administration.occurence_period is not None:
        return period(administration.occurence_period, "occurencePeriod")
    if administration.occurence_timing is not None:
        return timing(administration.occurence_timing, "occurenceTiming")
    return _effective(administration)


def _effective(resource: MedicationStatement | MedicationAdministration) -> tuple[When, When | None]:
    if resource.effective_date_time:
        return when(resource.effective_date_time, "effectiveDateTime"), None
    return period(resource.effective_period, "effectivePeriod")


def _order_start(request: MedicationRequest) -> When:
    """The first day the instructions set, else the day of the order, else the first day of its validity."""
    bounds = [bound.start for bound in _bounds(request.dosage_instruction) if bound.start]
    if bounds:
        return min(when(start, "dosageInstruction.timing.repeat.boundsPeriod.start") for start in bounds)
    if request.authored_on:
        return when(request.authored_on, "authoredOn")
    supply = request.dispense_request
    return period(supply.validity_period, "dispenseRequest.validityPeriod")[0] if supply is not None else UNDATED


def _order_ends(request: MedicationRequest, start: When) -> list[When]:
    """Every end that the order states: of its instructions, else of its supply, else of its validity."""
    ends = [_instruction_end(dosage, start) for dosage in request.dosage_instruction]
    if ends and all(end is not None for end in ends):
        latest = [end for end in ends if end is not None]
        return [max(latest, key=lambda end: end.high)]
    supply = request.dispense_request
    if supply is None:
        return []
    if supply.expected_supply_duration is not None:
        amount = supply.expected_supply_duration
        whole = Quantity((amount.value or 0) * (1 + supply.number_of_repeats_allowed), "", amount.unit, "", amount.code)
        once, all_of_it = shift(start, amount, amount), shift(start, whole, whole)
        return [once, all_of_it] if amount.value is not None else []
    end = period(supply.validity_period, "dispenseRequest.validityPeriod")[1]
    return [end] if end is not None else []


def _bounds(instructions: tuple[Dosage, ...]) -> Iterator[Period]:
    for dosage in instructions:
        if dosage.timing is not None and dosage.timing.repeat is not None and dosage.timing.repeat.bounds_period:
            yield dosage.timing.repeat.bounds_period


def _instruction_end(dosage: Dosage, start: When) -> When | None:
    repeat = dosage.timing.repeat if dosage.timing is not None else None
    if repeat is None:
        return None
    if repeat.bounds_period is not None:
        return period(repeat.bounds_period, "dosageInstruction.timing.repeat.boundsPeriod")[1]
    span = repeat.bounds_range
    if repeat.bounds_duration is not None:
        span = Range(repeat.bounds_duration, repeat.bounds_duration)
    return shift(start, span.low, span.high) if span is not None else None
