"""What would settle one unknown, exactly: types, codes, the days that count, and the elements that must be filled.

A PlanDefinition's inputs are what a trial reads of anybody; these are what one patient lacks on the index date. Where
a need has several requirements, they are alternatives, but for the two results of a ratio and the weight of a dose per
kilogram.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from fhirtrial.criteria.tree import (
    Allergy,
    Atom,
    Change,
    Condition,
    Encounter,
    Measurement,
    Medication,
    Offset,
    Ordinal,
    Procedure,
    Reproductive,
    Result,
    Window,
)
from fhirtrial.matching import calendar
from fhirtrial.matching.calendar import Span
from fhirtrial.matching.result import Need
from fhirtrial.matching.spans import span_of
from fhirtrial.patients.facts import FLOOR
from fhirtrial.plugins import Publication, Resource
from fhirtrial.terminology.encounters import SETTINGS
from fhirtrial.terminology.policy import load_policy
from fhirtrial.terminology.routes import routes
from fhirtrial.terminology.systems import URIS
from fhirtrial_mappings.data_requirements import DATED, data_requirements, in_r5
from fhirtrial_mappings.identity import value_set_url

ALLERGY_TYPE = "http://hl7.org/fhir/allergy-intolerance-type"
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_MUST_SUPPORT = {
    "AllergyIntolerance": ("code", "clinicalStatus", "verificationStatus"),
    "Condition": ("code", "clinicalStatus", "verificationStatus"),
    "DiagnosticReport": ("status", "code", "effective", "conclusionCode"),
    "Encounter": ("status", "class", "period"),
    "FamilyMemberHistory": ("status", "relationship", "condition.code"),
    "Immunization": ("status", "vaccineCode", "occurrence"),
    "MedicationAdministration": ("status", "medication", "effective"),
    "MedicationDispense": ("status", "medication", "whenHandedOver"),
    "MedicationRequest": ("status", "intent", "medication", "authoredOn"),
    "MedicationStatement": ("status", "medication", "effective"),
    "Observation": ("status", "code", "effective", "value"),
    "Procedure": ("status", "code", "performed"),
}
_DOSES = {"MedicationAdministration": "dosage", "MedicationStatement": "dosage"}


def requirements(need: Need, on: dt.date, to: Publication) -> tuple[Resource, ...]:
    """The data that would settle the need; none where only a person can answer or only the trial knows the anchor."""
    if need.question or not need.item:
        return ()
    span = span_of(need.atom, on, load_policy(), to.terminology.concept)
    asked = data_requirements(need.atom, to if to.fhir == "R4" else replace(to, fhir="R4"))
    found = tuple(_exact(need.atom, one, span, on, to) for one in asked if _can_tell(need.atom, one["type"]))
    return tuple(in_r5(one) for one in found) if to.fhir == "R5" else found


def _can_tell(atom: Atom, kind: str) -> bool:
    """A dispense has no reason."""
    return not (isinstance(atom, Medication) and atom.indication and kind == "MedicationDispense")


def _exact(atom: Atom, asked: Resource, span: Span | None, on: dt.date, to: Publication) -> Resource:
    kind: str = asked["type"]
    exact: dict[str, Any] = {k: v for k, v in asked.items() if k != "dateFilter"}
    if kind != "Patient":
        exact["mustSupport"] = [*_MUST_SUPPORT[kind], *_elements(atom, kind)]
    codes = [*asked.get("codeFilter", ()), *_also(atom, kind, to)]
    if codes:
        exact["codeFilter"] = codes
    days = _days(atom, asked, span, on, to)
    if days is not None:
        exact |= _dated(kind, atom, days, on)
    number = _number(atom, kind)
    return {**exact, "limit": number} if number else exact


def _elements(atom: Atom, kind: str) -> tuple[str, ...]:
    """What the atom's own qualifiers are read from."""
    match atom:
        case Condition(when=when, window=window, severity=severity, stage=stage):
            dated = ("onset",) if window or when == "onset" else ()
            ended = ("abatement",) if window or when in {"active", "history"} else ()
            return (*dated, *ended, *(("severity",) if severity else ()), *(("stage.summary",) if stage else ()))
        case Medication(dose=dose, route=route, indication=indication) if kind != "Observation":
            dosed = (_DOSES.get(kind, "dosageInstruction"),) if dose or route else ()
            return (*dosed, *(("reasonCode",) if indication else ()))
        case Measurement(of="uln" | "lln") | Result(result="elevated" | "decreased" | "normal" | "abnormal"):
            return ("referenceRange", "interpretation")
        case Encounter(reason=str()):
            return ("reasonCode",)
        case Allergy(mechanism="allergy" | "intolerance"):
            return ("type",)
        case _:
            return ()


def _also(atom: Atom, kind: str, to: Publication) -> list[Resource]:
    """The further codes that the same resource has to bear: filters are ANDed."""
    match atom:
        case Condition(also=also, course=course):
            again = [_coded("clinicalStatus", CLINICAL, ("recurrence", "relapse"))] if course == "recurrent" else []
            return [*({"path": "code", "valueSet": value_set_url(name, to)} for name in also), *again]
        case Procedure(also=also):
            return [{"path": "code", "valueSet": value_set_url(name, to)} for name in also]
        case Medication(also=also, indication=indication) if kind != "Observation":
            reason = [{"path": "reasonCode", "valueSet": value_set_url(indication, to)}] if indication else []
            given = [_routed(kind, atom.route)] if atom.route else []
            return [*({"path": "medication", "valueSet": value_set_url(name, to)} for name in also), *reason, *given]
        case Encounter(setting=setting) if setting != "any":
            codes = [code for code, meant in SETTINGS.items() if meant == setting]
            return [_coded("class", ACT_CODE, codes)]
        case Allergy(mechanism=mechanism) if mechanism != "any":
            return [_coded("type", ALLERGY_TYPE, (mechanism,))]
        case _:
            return []


def _coded(path: str, system: str, codes: Iterable[str]) -> Resource:
    return {"path": path, "code": [{"system": system, "code": code} for code in codes]}


def _routed(kind: str, route: str) -> Resource:
    codes = sorted(routes(route).codes)
    path = f"{_DOSES.get(kind, 'dosageInstruction')}.route"
    return {"path": path, "code": [{"system": system, "code": code} for system, code in codes]}


def _days(atom: Atom, asked: Resource, span: Span | None, on: dt.date, to: Publication) -> Span | None:
    """The days that count; None where no date of the resource has to lie in them."""
    kind = asked["type"]
    if kind not in DATED:
        return None
    if kind == "Observation" and isinstance(atom, Medication | Reproductive):
        (name,) = [c for c in ("body-weight", "hcg-pregnancy-test") if _is_for(asked, c, to)]
        return calendar.recent(on, load_policy().recency_days(to.terminology.concept(name)))
    match atom:
        case Condition(when=when) if when != "onset":
            return None
        case Medication(when="current") | Reproductive():
            return None
        case Medication() if kind != "MedicationAdministration":
            return None  # what was ordered, stated or handed over before the days that count may still run in them
        case Change(within=within) if span is not None:
            before = None if within is None else _earlier(int(span.first_earliest), within)
            return replace(span, first_earliest=FLOOR if before is None else before)
        case _:
            return span


def _is_for(asked: Resource, concept: str, to: Publication) -> bool:
    return any(one.get("valueSet") == value_set_url(concept, to) for one in asked["codeFilter"])


def _earlier(day: int, by: Offset) -> int:
    moved = calendar.shift(calendar.date(day), by.model_copy(update={"value": -by.value}))
    return FLOOR if moved is None else moved


def _dated(kind: str, atom: Atom, days: Span, on: dt.date) -> Resource:
    """So long before now where the days end now, which stays true while nobody re-writes the result; else a period."""
    first, last = int(days.first_earliest), int(days.last_latest)
    window: Window | None = getattr(atom, "window", None)
    filters: Resource = {"path": DATED[kind]}
    if last != calendar.day(on):
        start = {} if first == FLOOR else {"start": calendar.date(first).isoformat()}
        filters["valuePeriod"] = {**start, "end": calendar.date(last).isoformat()}
    elif first == FLOOR:
        return {}
    else:
        value, unit = float(calendar.day(on) - first), "d"
        if window and window.start and calendar.shift(on, window.start) == first:
            value, unit = -window.start.value, window.start.unit
        filters["valueDuration"] = {"value": value, "unit": unit, "system": URIS["ucum"], "code": unit}
    return {"dateFilter": [filters]}


def _number(atom: Atom, kind: str) -> int | None:
    """How many results it takes; None where all that there are speak."""
    if kind != "Observation":
        return None
    match atom:
        case Change():
            return 2
        case Measurement(select="latest") | Ordinal() | Result(select="latest"):
            return 1
        case Measurement(count=count) if count > 1:
            return count
        case _:
            return None
