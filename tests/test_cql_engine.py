"""The independent CQL engine says what the specification says; only then is agreement with it worth something."""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.node

Json = dict[str, Any]
HEAD = """library Sample version '1.0.0'
using FHIR version '4.0.1'
include FHIRHelpers version '4.0.1'
codesystem "LOINC": 'http://loinc.org'
code "Creatinine": '2160-0' from "LOINC"
parameter "on" Date
context Patient
"""
RIGHT = f"""{HEAD}
define "adult": AgeInYearsAt("on") >= 18
define "is female": Patient.gender = 'female'
define "latest": Last(
  [Observation: "Creatinine"] O
    where O.status in {{'final', 'amended', 'corrected'}}
      and date from (O.effective as FHIR.dateTime) on or before "on"
    sort by (effective as FHIR.dateTime).value
).value as FHIR.Quantity
define "raised": "latest" > 1.5 'mg/dL'
"""


def bundle(*resources: Json, **patient: str) -> Json:
    who = {"resourceType": "Patient", "id": "p", "birthDate": "1970-05-01", "gender": "female"} | patient
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": each} for each in (who, *resources)]}


def creatinine(value: float, code: str, **changed: Any) -> Json:
    quantity = {"value": value, "code": code, "unit": code, "system": "http://unitsofmeasure.org"} | changed
    return {
        "resourceType": "Observation",
        "id": "o",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "2160-0"}]},
        "subject": {"reference": "Patient/p"},
        "effectiveDateTime": "2026-10-01",
        "valueQuantity": quantity,
    }


def test_a_library_that_is_right_translates_without_a_word(cql_translate: Callable[..., Any]) -> None:
    said = cql_translate({"Sample": RIGHT})["Sample"]
    assert said.errors == ()
    assert said.warnings == ()


WRONG = {
    'define "x": 1 +': "Syntax error",
    "define \"x\": 1 + 'one'": "Could not resolve call to operator Add",
    'define "x": [Diagnosis]': "Could not resolve type name Diagnosis",
    "define \"x\": 1 'mgg/dL'": "mgg is not a valid UCUM code",
    'define "x": [Observation: "Absent"]': "Could not resolve identifier Absent",
    'define "x": Patient.colour': "Member colour not found",
}


def test_a_library_that_is_wrong_has_errors_with_their_places(cql_translate: Callable[..., Any]) -> None:
    said = cql_translate({"right": RIGHT} | {line: HEAD + line for line in WRONG})
    assert said.pop("right").errors == ()
    place = f"{HEAD.count(chr(10)) + 1}:"
    for line, expected in WRONG.items():
        first = said[line].errors[0]
        assert first.startswith(place)
        assert expected in first


CASES: list[tuple[str, Json, bool | None]] = [
    ("above", bundle(creatinine(2, "mg/dL")), True),
    ("below", bundle(creatinine(1, "mg/dL")), False),
    ("another unit of the same dimension", bundle(creatinine(0.02, "g/L")), True),
    ("a unit that does not convert", bundle(creatinine(200, "umol/L")), None),
    ("a comparator", bundle(creatinine(2, "mg/dL", comparator="<")), None),
    ("a unit of another system", bundle(creatinine(2, "mg/dL", system="http://units.example")), None),
    ("no result", bundle(), None),
]


def test_a_quantity_is_compared_or_null(cql_execute: Callable[..., Any]) -> None:
    answers = cql_execute(RIGHT, [each for _, each, _ in CASES], {"on": "2026-11-01"})
    raised = {name: answer.results["raised"] for (name, *_), answer in zip(CASES, answers, strict=True)}
    assert raised == {name: expected for name, _, expected in CASES}


def test_a_unit_that_is_no_unit_costs_only_that_patient(cql_execute: Callable[..., Any]) -> None:
    broken, whole = cql_execute(RIGHT, [bundle(creatinine(2, "mgg/dL")), bundle()], {"on": "2026-11-01"})
    assert "Invalid UCUM unit" in broken.error
    assert whole.error is None
    assert whole.results["is female"] is True


def test_an_age_from_a_birth_year_may_be_unknown(cql_execute: Callable[..., Any]) -> None:
    expected = {"2000": True, "2012-01-01": False, "2008": None}
    answers = cql_execute(RIGHT, [bundle(birthDate=birth) for birth in expected], {"on": "2026-11-01"})
    assert [answer.results["adult"] for answer in answers] == list(expected.values())


def test_a_library_that_does_not_translate_is_not_run(cql_execute: Callable[..., Any]) -> None:
    with pytest.raises(RuntimeError, match=r"does not translate: 8:.*Syntax error"):
        cql_execute(f'{HEAD}define "x": 1 +', [bundle()])
