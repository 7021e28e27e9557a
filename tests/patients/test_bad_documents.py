"""Bad input: each fault gives one clear line, costs only what it concerns, and the rest goes on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from patients.fact_cases import bundle, cell

from fhirtrial.errors import PatientError
from fhirtrial.patients import Limits, facts_of
from fhirtrial.patients.facts import Family, Level

GOOD = {"resourceType": "Procedure", "id": "good", "status": "completed", "code": {"text": "biopsy"}}
CONDITION = {"resourceType": "Condition", "id": "b", "subject": {"reference": "Patient/p"}}
EVERYTHING = frozenset(Family)


def deep(levels: int) -> bytes:
    return b'{"resourceType":"Bundle","type":"collection","x":' + b"[" * levels + b"]" * levels + b"}"


@pytest.mark.parametrize(
    ("data", "got"),
    [
        (b"", "truncated"),
        (b"{", "truncated"),
        (b'{"resourceType":"Bundle",}', "malformed"),
        (b"not json", "malformed"),
        (b'"Bundle"', "expected `object`"),
        (b"5", "expected `object`"),
        (b"null", "expected `object`"),
        (b"{}", "missing required field `resourceType`"),
        (b'{"resourceType":"Bundel"}', "a resourceType FHIR does not have"),
        (b'{"resourceType":"Bundle","type":"collection"}', "no Patient"),
        (b'{"resourceType":"Bundle","type":"collection","entry":{}}', "expected `array`"),
        (b'{"resourceType":"Observation","id":"1","status":"final"}', "no Patient"),
        (b'{"resourceType":"Patient","id":5}', "expected `str`, got `int`"),
        (b"[]", "no Patient"),
        (b"\xff\xfe{", ""),
        (deep(10_000), "nested too deeply"),
        (b"[" * 100_000, ""),
        (b'{"resourceType":"Bundle","entry":[{"resource":' * 5_000, "nested too deeply"),
    ],
    ids=lambda value: value[:40].decode("latin-1") if isinstance(value, bytes) else None,
)
def test_a_document_that_cannot_be_used(data: bytes, got: str) -> None:
    with pytest.raises(PatientError) as caught:
        facts_of(data, name="ward.json")
    assert caught.value.where.startswith("ward.json")
    assert got in str(caught.value)
    assert caught.value.todo


def test_a_document_may_be_too_large_or_too_deep_for_the_caller() -> None:
    data = json.dumps(bundle(GOOD)).encode()
    assert len(facts_of(data, limits=Limits(size=len(data), depth=6))) == 1
    with pytest.raises(PatientError, match="more than the limit of 100 bytes"):
        facts_of(data, limits=Limits(size=100))
    with pytest.raises(PatientError, match="nested too deeply"):
        facts_of(data, limits=Limits(depth=3))


def test_brackets_in_strings_are_no_depth() -> None:
    data = bundle({**GOOD, "note": [{"text": '[[[[ \\" {{{{ [[[[ \\\\'}]})
    assert len(facts_of(data, limits=Limits(depth=7))) == 1


@pytest.mark.parametrize(
    ("bad", "path", "got", "lost"),
    [
        (
            {"resourceType": "Observation", "id": "b", "status": "final", "valueQuantity": {"value": "5"}},
            "valueQuantity.value", "expected `float | null`, got `str`", {Family.OBSERVATIONS},
        ),
        ({**CONDITION, "code": []}, "code", "expected `object | null`", {Family.CONDITIONS}),
        ({**CONDITION, "onsetDateTime": 2020}, "onsetDateTime", "got `int`", {Family.CONDITIONS}),
        ({**CONDITION, "onsetDateTime": "2020-02-30"}, "onsetDateTime", "no FHIR date", {Family.CONDITIONS}),
        ({"resourceType": "Encounter", "id": "b", "status": None}, "status", "got `null`", {Family.ENCOUNTERS}),
        ({"resourceType": "Encounter", "id": "b", "class": ""}, "class", "got `str`", {Family.ENCOUNTERS}),
        ({"resourceType": "Conditon", "id": "b"}, "resourceType", "a resourceType FHIR does not have", EVERYTHING),
        ({"id": "b"}, "", "missing required field `resourceType`", EVERYTHING),
        ({"resourceType": 7}, "resourceType", "expected `str`", EVERYTHING),
        ("Condition", "", "expected `object`, got `str`", EVERYTHING),
        ({"resourceType": "Consent", "id": "b", "status": 1}, "status", "got `int`", set()),
        ({"resourceType": "Medication", "id": "b", "code": 1}, "code", "got `int`", set()),
    ],
    ids=lambda value: "+".join(sorted(value))[:60] if isinstance(value, (set, frozenset)) else str(value)[:60],
)  # fmt: skip
def test_a_bad_resource_costs_only_itself(bad: Any, path: str, got: str, lost: set[Family]) -> None:
    data = bundle(GOOD)
    data["entry"].insert(1, {"resource": bad})
    facts = facts_of(data, name="ward.json", loaded=EVERYTHING)
    assert [cell(facts, "resource", row) for row in range(len(facts))] == ["Procedure/good"]
    (problem,) = facts.problems
    assert problem.where.startswith("ward.json")
    assert problem.path == "entry[1].resource" + (f".{path}" if path else "")
    assert got in problem.got
    assert problem.todo
    partial = {family for family, one in facts.patients[0].coverage.items() if one.level is Level.PARTIAL}
    assert partial == lost


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"total": "5"}, "total"),
        ({"link": {}}, "link"),
        ({"type": 5}, "type"),
        ({"timestamp": 5}, "timestamp"),
    ],
)
def test_a_bad_field_of_the_bundle_keeps_its_entries(fields: dict[str, Any], path: str) -> None:
    facts = facts_of(bundle(GOOD, **fields))
    assert len(facts) == 1
    assert facts.problems[0].path == path
    assert facts.patients[0].coverage[Family.PROCEDURES].level is Level.PARTIAL


@pytest.mark.parametrize("entry", [None, 5, [], "x", {"search": 5}, {"fullUrl": 5}, {"response": []}])
def test_a_bad_entry_keeps_the_others(entry: Any) -> None:
    data = bundle(GOOD)
    data["entry"].insert(1, entry)
    facts = facts_of(data)
    assert len(facts) == 1
    assert facts.problems[0].path.startswith("entry[1]")
    assert facts.patients[0].coverage[Family.PROCEDURES].level is Level.PARTIAL


def test_a_bad_entry_field_keeps_its_resource() -> None:
    data = bundle(GOOD)
    data["entry"][1]["search"] = 5
    facts = facts_of(data)
    assert [cell(facts, "resource", 0)] == ["Procedure/good"]


def test_bytes_that_are_not_utf8_cost_their_resource() -> None:
    data = bundle(GOOD, {**CONDITION, "code": {"text": "G\u00fcnther"}})
    facts = facts_of(json.dumps(data, ensure_ascii=False).encode("latin-1"))
    assert [cell(facts, "resource", row) for row in range(len(facts))] == ["Procedure/good"]
    assert "not UTF-8" in facts.problems[0].got


def test_a_byte_order_mark_is_passed_over() -> None:
    assert len(facts_of(b"\xef\xbb\xbf" + json.dumps(bundle(GOOD)).encode())) == 1


PEOPLE = [{"resourceType": "Patient", "id": name, "birthDate": "1980"} for name in ("b", "a")]


def test_several_patients_are_told_apart() -> None:
    data = bundle(
        *PEOPLE,
        {"resourceType": "Condition", "id": "1", "subject": {"reference": "Patient/b"}},
        {"resourceType": "Condition", "id": "2", "subject": {"reference": "Patient/a"}},
        {"resourceType": "Procedure", "id": "3", "status": "completed", "subject": {"reference": "Patient/b"}},
    )
    facts = facts_of(data)
    assert [patient.reference for patient in facts.patients] == ["Patient/a", "Patient/b"]
    rows = [(facts.row(i).patient, cell(facts, "resource", i)) for i in range(len(facts))]
    assert rows == [(0, "Condition/2"), (1, "Condition/1"), (1, "Procedure/3")]
    assert facts.patients[0].coverage[Family.PROCEDURES].level is Level.NOT_LOADED


def test_a_bad_resource_costs_its_own_patient_only() -> None:
    data = bundle(
        *PEOPLE,
        {"resourceType": "Condition", "id": "1", "subject": {"reference": "Patient/b"}},
        {"resourceType": "Condition", "id": "2", "subject": {"reference": "Patient/a"}},
        {"resourceType": "Condition", "id": "3", "code": 5, "subject": {"reference": "Patient/a"}},
    )
    facts = facts_of(data)
    levels = [patient.coverage[Family.CONDITIONS].level for patient in facts.patients]
    assert levels == [Level.PARTIAL, Level.COMPLETE]


def test_a_bad_patient_costs_that_patient_and_says_so() -> None:
    good, bad = PEOPLE[0], {**PEOPLE[1], "active": "yes"}
    theirs = {"resourceType": "Condition", "id": "1", "subject": {"reference": "Patient/a"}}
    facts = facts_of(bundle(good, bad, theirs))
    assert [patient.reference for patient in facts.patients] == ["Patient/b"]
    assert [problem.path for problem in facts.problems] == ["entry[1].resource.active", "subject"]


@pytest.mark.parametrize(
    "subject", [{"reference": "Patient/else"}, {"display": "Jo"}, {"reference": "http://x.org/Patient/9"}]
)
def test_what_is_nobodys_is_left_out_and_counts_against_its_family(subject: dict[str, str]) -> None:
    facts = facts_of(bundle(GOOD, {"resourceType": "Condition", "id": "1", "subject": subject}))
    assert len(facts) == 1
    assert "Condition/1" in facts.problems[0].got
    assert facts.patients[0].coverage[Family.CONDITIONS].level is Level.PARTIAL


def test_resources_of_one_stranger_are_one_line() -> None:
    stranger = {"reference": "Patient/else"}
    strangers = [{"resourceType": "Condition", "id": str(i), "subject": stranger} for i in range(9)]
    facts = facts_of(bundle(GOOD, *strangers))
    assert [problem.got for problem in facts.problems] == [
        "a subject that is not here in 9 (Condition/0, Condition/1, Condition/2, ...)"
    ]


def condition(version: str, text: str, **fields: Any) -> dict[str, Any]:
    return {"resourceType": "Condition", "id": "c", "meta": {"versionId": version, **fields}, "code": {"text": text}}


def updated(text: str, day: str) -> dict[str, Any]:
    return condition("", text, lastUpdated=day)


@pytest.mark.parametrize(
    ("resources", "kept", "problems"),
    [
        ([condition("1", "old"), condition("2", "new")], ['"new"'], 0),
        ([condition("10", "new"), condition("9", "old")], ['"new"'], 0),
        ([condition("1", "same"), condition("1", "same")], ['"same"'], 0),
        ([updated("new", "2026-01-02T00:00:00Z"), updated("old", "2026-01-02T00:30:00+01:00")], ['"new"'], 0),
        ([condition("", "a"), condition("", "b")], [], 1),
        ([condition("x1", "a"), condition("x2", "b")], [], 1),
        ([condition("1", "a"), condition("1", "b"), condition("2", "c")], ['"c"'], 0),
    ],
)  # fmt: skip
def test_the_same_resource_twice_counts_once(resources: list[dict[str, Any]], kept: list[str], problems: int) -> None:
    facts = facts_of(bundle(*resources))
    assert [cell(facts, "code", row) for row in range(len(facts))] == kept
    assert len(facts.problems) == problems
    level = Level.PARTIAL if problems else Level.COMPLETE
    assert facts.patients[0].coverage[Family.CONDITIONS].level is level


def test_the_same_id_on_two_servers_is_two_resources() -> None:
    data = bundle()
    for host in "ab":
        resource = {**CONDITION, "id": "c", "code": {"text": host}}
        data["entry"].append({"fullUrl": f"http://{host}.org/Condition/c", "resource": resource})
    facts = facts_of(data)
    assert [cell(facts, "code", row) for row in range(len(facts))] == ['"a"', '"b"']


def test_what_a_history_or_transaction_deletes_is_gone() -> None:
    data = bundle(condition("1", "old"), type="transaction")
    data["entry"].append({"request": {"method": "DELETE", "url": "Condition/c"}})
    assert not len(facts_of(data))
    history = bundle(condition("3", "made again"), type="history")
    history["entry"].append({"request": {"method": "DELETE", "url": "Condition/c"}})
    assert len(facts_of(history)) == 1


def test_urn_references_and_absolute_ones() -> None:
    person = {"resourceType": "Patient", "birthDate": "1980"}
    urn = "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"
    mine = {"resourceType": "Condition", "subject": {"reference": urn}}
    urns = [{"fullUrl": urn, "resource": person}, {"resource": mine}]
    facts = facts_of({"resourceType": "Bundle", "type": "transaction", "entry": urns})
    assert (facts.patients[0].reference, len(facts)) == (urn, 1)
    assert cell(facts, "resource", 0) == "Condition entry[1].resource"
    url = "http://s.org/fhir/Patient/p"
    entries: list[dict[str, Any]] = [{"fullUrl": url, "resource": {**person, "id": "p"}}]
    for host, name, subject in (
        ("s.org", "1", "Patient/p"),
        ("s.org", "2", url),
        ("t.org", "3", "http://t.org/fhir/Patient/p"),
    ):
        resource = {**mine, "id": name, "subject": {"reference": subject}}
        entries.append({"fullUrl": f"http://{host}/fhir/Condition/{name}", "resource": resource})
    facts = facts_of({"resourceType": "Bundle", "type": "collection", "entry": entries})
    assert [cell(facts, "resource", row) for row in range(len(facts))] == ["Condition/1", "Condition/2"]
    assert len(facts.problems) == 1


def test_nothing_of_the_patient_is_in_a_message() -> None:
    content = "Erika Mustermann 1964-08-12"
    resources: list[dict[str, Any]] = [
        {"resourceType": "Condition", "onsetDateTime": content},
        {"resourceType": "Observation", "status": content},
        {"resourceType": "Observation", "status": "final", "valueQuantity": {"value": 1, "comparator": content}},
        {"resourceType": "Observation", "status": "final", "valueQuantity": {"value": content}},
        {"resourceType": "MedicationRequest", "status": "active", "intent": content},
        {"resourceType": content},
    ]
    facts = facts_of(bundle(*resources))
    assert len(facts.problems) == 6
    assert not [problem for problem in facts.problems if "Mustermann" in str(problem) or "1964" in str(problem)]


def test_facts_of_the_same_bytes_are_the_same() -> None:
    data = bundle(GOOD, condition("1", "a"), {"resourceType": "Observation", "status": "final", "valueInteger": 1})
    one, other = facts_of(data), facts_of(data)
    assert one.vocabulary.codes.values == other.vocabulary.codes.values
    assert {name: column.tobytes() for name, column in one.columns.items()} == {
        name: column.tobytes() for name, column in other.columns.items()
    }


def test_inputs_are_not_changed() -> None:
    data = bundle(GOOD, {"resourceType": "Condition", "onsetDateTime": "never"})
    before = json.dumps(data)
    facts_of(data)
    assert json.dumps(data) == before
