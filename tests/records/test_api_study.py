"""API v2 studies: what is carried, what is noted, and which criteria the structured fields give."""

from __future__ import annotations

from typing import Any

import pytest

from fhirtrial.criteria.tree import Age, All, Node, NotComputable, Sex
from fhirtrial.errors import RecordError
from fhirtrial.records.api_v2 import record_from_study
from fhirtrial.records.fields import Eligibility
from fhirtrial.records.record import TrialRecord
from fhirtrial.records.structured import parse_age, structured_criteria


def study(**modules: Any) -> TrialRecord:
    identification = {"nctId": "NCT00000001", "briefTitle": "T"}
    return record_from_study({"protocolSection": {"identificationModule": identification, **modules}}, "s.json", "s")


@pytest.mark.parametrize(
    ("fields", "trees"),
    [
        ({"minimum_age": "18 Years"}, {"age": Age(low=18)}),
        ({"minimum_age": "18 Years", "maximum_age": "75 Years"}, {"age": Age(low=18, high=75)}),
        ({"maximum_age": "28 Days"}, {"age": Age(high=28, unit="d")}),
        (
            {"minimum_age": "6 Months", "maximum_age": "17 Years"},
            {"age": All(nodes=(Age(low=6, unit="mo"), Age(high=17)))},
        ),
        (
            {"minimum_age": "2 Hours"},
            {"age": NotComputable(text="Minimum age: 2 Hours", reason="not_encoded")},
        ),
        ({"sex": "ALL"}, {}),
        ({}, {}),
        ({"sex": "FEMALE"}, {"sex": Sex(value="female")}),
        ({"sex": "MALE"}, {"sex": Sex(value="male")}),
        (
            {"sex": "FEMALE", "gender_based": True},
            {"sex": NotComputable(text="Sex: FEMALE (by gender identity)", reason="judgement")},
        ),
        ({"sex": "OTHER"}, {"sex": NotComputable(text="Sex: OTHER", reason="not_encoded")}),
    ],
)
def test_structured_criteria(fields: dict[str, Any], trees: dict[str, Node]) -> None:
    found = structured_criteria(Eligibility(**fields))
    assert {c.id: c.tree for c in found} == trees
    assert all(c.kind == "inclusion" and c.review is None for c in found)


@pytest.mark.parametrize(
    ("text", "age"), [("18 Years", (18, "a")), ("1 Year", (1, "a")), ("N/A", None), ("Years", None)]
)
def test_parse_age(text: str, age: tuple[float, str] | None) -> None:
    assert parse_age(text) == age


@pytest.mark.parametrize(
    ("modules", "code", "path"),
    [
        ({"statusModule": {"overallStatus": "PAUSED"}}, "unknown-code", "statusModule.overallStatus"),
        ({"designModule": {"phases": ["PHASE9"]}}, "unknown-code", "designModule.phases"),
        ({"statusModule": {"startDateStruct": "2024"}}, "wrong-type", "statusModule.startDateStruct"),
        ({"statusModule": {"delayedPosting": 3}}, "wrong-type", "statusModule.delayedPosting"),
        ({"statusModule": []}, "wrong-type", "statusModule"),
        ({"statusModule": {"newField": 1}}, "unknown-field", "statusModule.newField"),
        ({"newModule": {"a": 1}}, "unknown-field", "newModule"),
        ({"eligibilityModule": {"eligibilityCriteria": ["a"]}}, "wrong-type", "eligibilityModule.eligibilityCriteria"),
        ({"designModule": {"enrollmentInfo": {"count": 1.5}}}, "wrong-type", "designModule.enrollmentInfo.count"),
        (
            {"contactsLocationsModule": {"locations": [{"geoPoint": {"lat": "x"}}]}},
            "wrong-type",
            "contactsLocationsModule.locations[0].geoPoint.lat",
        ),
    ],
)
def test_what_does_not_fit_is_noted_and_the_rest_goes_on(modules: dict[str, Any], code: str, path: str) -> None:
    record = study(**modules)
    assert record.brief_title == "T"
    assert (code, f"protocolSection.{path}") in {(n.code, n.path) for n in record.notes}


def test_an_unknown_code_is_carried_as_it_is() -> None:
    assert study(statusModule={"overallStatus": "PAUSED"}).overall_status == "PAUSED"


def test_null_and_empty_values_are_no_values() -> None:
    record = study(eligibilityModule={"maximumAge": None, "sex": ""}, conditionsModule={"conditions": []})
    assert record.eligibility == Eligibility()
    assert record.conditions == ()
    assert record.notes == ()


def test_a_study_without_a_registry_id_is_named_by_its_title() -> None:
    first = record_from_study({"protocolSection": {"identificationModule": {"briefTitle": "A  Title"}}}, "a", "a")
    second = record_from_study({"protocolSection": {"identificationModule": {"briefTitle": "a title"}}}, "b", "b")
    assert first.id == second.id
    assert first.id.startswith("doc-")


@pytest.mark.parametrize("identification", [{}, {"nctId": "NCT1"}, {"nctId": 7}])
def test_a_study_without_id_and_title_is_an_error(identification: dict[str, Any]) -> None:
    with pytest.raises(RecordError, match="no NCT id"):
        record_from_study({"protocolSection": {"identificationModule": identification}}, "a", "a")


def test_hints_are_never_criteria() -> None:
    record = study(descriptionModule={"briefSummary": "We enrol adults with 3.5 mg. It is safe."})
    assert [h.text for h in record.hints] == ["We enrol adults with 3.5 mg."]
    assert [c.id for c in record.criteria] == ["defect-1"]
