"""One GuidanceResponse per pair says the verdict and what it stands on, and is rewritten only for another content."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from mappings.matches import ON, SEEN, TO, match, screening, trial, verdict

from fhirtrial.criteria.truth import Truth, Verdict
from fhirtrial.matching.result import CriterionResult, Evidence, Match, Need, Open
from fhirtrial.plugins import Resource
from fhirtrial_mappings.identity import value_set_url
from fhirtrial_mappings.results import guidance_response, provenance

UNKNOWN = (Truth.YES, Truth.YES, Truth.UNKNOWN, Truth.NO)
Part = dict[str, Any]


def guidance(one: Match, references: Mapping[str, str] | None = None) -> Resource:
    (draft,) = guidance_response.r4(screening(one, references=references), TO)
    return draft.resource


def outcome(resource: Resource) -> list[Part]:
    (found,) = [c for c in resource["contained"] if c["resourceType"] == "Parameters"]
    parameters: list[Part] = found["parameter"]
    return parameters


def values(parts: Sequence[Part], *path: str) -> list[Any]:
    """What stands under the names of `path`, each value without its type."""
    found = [p for p in parts if p["name"] == path[0]]
    if len(path) > 1:
        return [v for p in found for v in values(p["part"], *path[1:])]
    return [next(v for k, v in p.items() if k != "name") for p in found]


@pytest.mark.parametrize(
    ("level", "set_aside", "status"),
    [
        (Verdict.ELIGIBLE, (), "success"),
        (Verdict.PRESUMED_ELIGIBLE, (), "data-requested"),
        (Verdict.UNDETERMINED, (), "data-required"),
        (Verdict.PRESUMED_INELIGIBLE, (), "data-requested"),
        (Verdict.INELIGIBLE, (), "success"),
        (Verdict.UNDETERMINED, ("deceased",), "success"),
    ],
)
def test_status(level: Verdict, set_aside: tuple[str, ...], status: str) -> None:
    found = guidance(verdict(level, set_aside=set_aside))
    assert found["status"] == status
    assert values(outcome(found), "verdict") == [level.label]


def test_each_criterion_has_truth_reasons_text_evidence_and_needs() -> None:
    found = outcome(guidance(match(truths=UNKNOWN, evidence={"inc-2": [SEEN]}, reasons=("stale", "conflicting"))))
    assert values(found, "criterion", "id") == ["age", "inc-1", "inc-2", "exc-1"]
    assert values(found, "criterion", "truth") == ["yes", "yes", "unknown", "no"]
    assert values(found, "criterion", "reason") == ["stale", "conflicting"]
    assert values(found, "criterion", "text")[3] == "Any disease <that> would preclude participation"
    assert values(found, "criterion", "evidence", "value") == ["2.1 mg/dL"]
    assert values(found, "criterion", "evidence", "compared") == ["186 umol/L > 132 umol/L"]
    assert values(found, "criterion", "need", "text") == ["what settles inc-2"]
    assert values(found, "decided-by") == ["inc-2"]
    assert values(found, "counts", "no") == [1]
    assert values(found, "basis", "tree") == ["tree-1"]
    assert values(found, "basis", "completeness", "observations") == ["complete"]
    assert values(found, "as-of") == ["2026-10-31T22:00:00Z"]


def test_an_unknown_asks_for_the_data_that_would_settle_it_once() -> None:
    (asked,) = guidance(match(truths=UNKNOWN))["dataRequirement"]
    assert asked["type"] == "Observation"
    assert asked["codeFilter"] == [{"path": "code", "valueSet": value_set_url("creatinine", TO)}]


def with_need(one: Match, place: int, need: Need) -> Match:
    asked: CriterionResult = replace(one.criteria[place], needs=(need,))
    return replace(one, criteria=(*one.criteria[:place], asked, *one.criteria[place + 1 :]))


def test_the_item_that_settles_the_pair_is_named_first() -> None:
    one = match(truths=UNKNOWN)
    (left,) = [r for r in one.criteria if r.truth is Truth.UNKNOWN]
    open_ = replace(left, open=Open(1, (0,)))
    found = outcome(guidance(replace(one, criteria=tuple(open_ if r is left else r for r in one.criteria))))
    assert values(found, "next", "text") == ["measurement"]
    assert values(found, "next", "settles") == ["surely"]
    assert values(outcome(guidance(match())), "next") == []


def test_what_only_a_person_knows_is_asked_by_questionnaire() -> None:
    one = match(truths=(Truth.YES, Truth.YES, Truth.YES, Truth.UNKNOWN), reasons=("residue",))
    assert "dataRequirement" not in guidance(one)
    asking = guidance(with_need(one, 3, Need("an answer", one.criteria[3].criterion.tree, "exc-1.0a1b2c3d")))  # type: ignore[arg-type]
    assert [r["type"] for r in asking["dataRequirement"]] == ["QuestionnaireResponse"]
    assert values(outcome(asking), "criterion", "need", "question") == ["exc-1.0a1b2c3d"]
    assert values(outcome(asking), "questionnaire") == [one.trial.questionnaire]


def test_nothing_is_asked_about_a_patient_who_is_set_aside() -> None:
    found = guidance(match(truths=UNKNOWN, set_aside=("deceased",)))
    assert "dataRequirement" not in found
    assert [c["text"] for c in found["reasonCode"]] == ["Set aside: deceased"]
    assert values(outcome(found), "set-aside") == ["deceased"]


def test_evidence_is_a_literal_reference_only_where_the_server_holds_it() -> None:
    one = match(evidence={"inc-2": [SEEN, Evidence("urn:uuid:1", "", "code", "x", "May 2026", "")]})
    logical, foreign = values(outcome(guidance(one)), "criterion", "evidence", "resource")
    system = "https://hospital.example/fhir/NamingSystem/source"
    assert logical == {"identifier": {"system": system, "value": "Observation/9"}, "type": "Observation"}
    assert foreign == {"identifier": {"system": system, "value": "urn:uuid:1"}}
    held, _ = values(outcome(guidance(one, {"Observation/9": "Observation/o9"})), "criterion", "evidence", "resource")
    assert held == {"reference": "Observation/o9"}
    dates = [
        p for c in outcome(guidance(one)) if c["name"] == "criterion" for e in c["part"] for p in e.get("part", [])
    ]
    assert [p for p in dates if p["name"] == "date"] == [
        {"name": "date", "valueDateTime": "2026-10-02"},
        {"name": "date", "valueString": "May 2026"},
    ]


def test_evidence_that_says_nothing_leaves_no_empty_part() -> None:
    found = outcome(guidance(match(evidence={"inc-2": [Evidence("", "", "", " ", "", "")]})))
    assert values(found, "criterion", "evidence") == []


@pytest.mark.parametrize(
    ("one", "codes"),
    [
        (match(), []),
        (match(truths=UNKNOWN, reasons=("absent", "stale", "residue")), []),
        (match(truths=UNKNOWN, reasons=("unit-not-convertible", "not-loaded")), ["incomplete", "value"]),
        (match(of=trial(reviewed=False)), ["business-rule"]),
        (match(truths=(Truth.YES, Truth.UNKNOWN), of=trial(("age", "defect-1"))), ["incomplete"]),
        # nothing but a defect and the registry's own fields: there is no criterion to name as unread
        (match(truths=(Truth.YES, Truth.UNKNOWN), of=trial(("age", "defect-1"), reviewed=False)),
         ["business-rule", "incomplete"]),
    ],
)  # fmt: skip
def test_messages_name_what_can_be_repaired(one: Match, codes: list[str]) -> None:
    found = guidance(one)
    issues = [i for c in found["contained"] if c["resourceType"] == "OperationOutcome" for i in c["issue"]]
    assert [i["code"] for i in issues] == codes
    assert ("evaluationMessage" in found) == bool(codes)
    assert all(i.get("diagnostics", "nothing to name") for i in issues)


def test_ids_are_of_the_pair_as_the_server_knows_it() -> None:
    ids = {
        guidance(match("Patient/1"))["id"],
        guidance(match("Patient/1", UNKNOWN, on=ON + dt.timedelta(1)))["id"],
        guidance(match("Patient/b/1"), {"Patient/b/1": "Patient/1"})["id"],
    }
    assert len(ids) == 1
    assert guidance(match("Patient/2"))["id"] not in ids
    assert guidance(match(of=trial(trial_id="NCT07654321")))["id"] not in ids
    longest = guidance(match(of=trial(trial_id="doc-0123456789abcdef")))
    assert len(longest["id"]) <= 64
    assert longest["requestIdentifier"]["system"] == "https://hospital.example/fhir/NamingSystem/trial"


LATER = ON + dt.timedelta(1)
MOVED = replace(SEEN, version="3", value="1.0 mg/dL")


@pytest.mark.parametrize(
    ("after", "causes"),
    [
        (match(evidence={"inc-2": [SEEN]}), None),
        (match(evidence={"inc-2": [SEEN]}, on=LATER), None),
        (match(evidence={"inc-2": [SEEN]}, on=LATER, as_of="2026-11-01T22:00:00Z"), None),
        (match(evidence={"inc-2": [SEEN]}, tree="tree-2"), ["tree"]),
        (match(evidence={"inc-2": [MOVED]}), ["facts"]),
        (match(evidence={"inc-2": [MOVED]}, tree="tree-2"), ["tree"]),
        (match(), ["facts"]),
        (match(truths=UNKNOWN, evidence={"inc-2": [SEEN]}, reasons=("stale",), on=LATER), ["time"]),
        (match(evidence={"inc-2": [SEEN]}, set_aside=("enrolled",)), ["set-aside"]),
    ],
)
def test_a_result_is_rewritten_when_more_than_dates_changed_and_says_why(
    after: Match, causes: list[str] | None
) -> None:
    before = match(evidence={"inc-2": [SEEN]})
    stored = {**guidance(before), "meta": {"versionId": "7"}}
    merged = guidance_response.merge(stored, guidance(after))
    if causes is None:
        assert merged is None
        return
    assert merged is not None
    assert values(outcome(merged), "supersedes", "version") == ["7"]
    assert values(outcome(merged), "supersedes", "verdict") == ["eligible"]
    assert values(outcome(merged), "supersedes", "cause") == causes
    assert merged["id"] == stored["id"]
    assert guidance_response.merge(merged, guidance(after)) is None


def noted(resource: Resource) -> Resource:
    return {**resource, "note": [{"text": "called on Monday"}]}


def withdrawn(resource: Resource) -> Resource:
    return {**resource, "status": "entered-in-error"}


@pytest.mark.parametrize("by_person", [noted, withdrawn])
def test_a_persons_mark_on_an_unchanged_result_stays(by_person: Callable[[Resource], Resource]) -> None:
    assert guidance_response.merge(by_person(guidance(match())), guidance(match(on=LATER))) is None


def test_notes_of_people_go_over_to_the_new_result() -> None:
    merged = guidance_response.merge(noted(guidance(match())), guidance(match(truths=UNKNOWN)))
    assert merged is not None
    assert merged["note"] == [{"text": "called on Monday"}]
    assert merged["status"] == "data-required"


def test_a_result_that_is_none_of_ours_is_superseded_without_a_guess() -> None:
    merged = guidance_response.merge({"resourceType": "GuidanceResponse", "status": "success"}, guidance(match()))
    assert merged is not None
    assert values(outcome(merged), "supersedes", "verdict") == []


def test_merge_changes_neither_of_its_arguments() -> None:
    before, after = noted(guidance(match())), guidance(match(truths=UNKNOWN))
    kept = copy.deepcopy((before, after))
    guidance_response.merge(before, after)
    assert (before, after) == kept


def test_provenance_names_each_deciding_resource_in_its_version_once() -> None:
    one = match(evidence={"inc-1": [SEEN], "inc-2": [SEEN, replace(SEEN, version="3")]})
    (draft,) = provenance.r4(screening(one, references={"Observation/9": "Observation/o9"}), TO)
    assert [e["what"] for e in draft.resource["entity"]] == [
        {"reference": "Observation/o9/_history/2"},
        {"reference": "Observation/o9/_history/3"},
    ]
    (elsewhere,) = provenance.r4(screening(one), TO)
    assert [e["what"]["identifier"]["value"] for e in elsewhere.resource["entity"]] == [
        "Observation/9/_history/2",
        "Observation/9/_history/3",
    ]
    (bare,) = provenance.r4(screening(match()), TO)
    assert "entity" not in bare.resource


@pytest.mark.parametrize("after", [match(on=LATER), match(truths=UNKNOWN), match(tree="tree-2"), match("Patient/2")])
def test_provenance_is_written_exactly_when_its_result_is(after: Match) -> None:
    (old,), (new,) = provenance.r4(screening(match()), TO), provenance.r4(screening(after), TO)
    rewritten = guidance_response.merge(guidance(match()), guidance(after)) is not None
    assert (provenance.merge(old.resource, new.resource) is not None) == rewritten
    (target,) = new.resource["target"]
    assert target["reference"] == f"GuidanceResponse/{guidance(after)['id']}"
    assert target["identifier"] in guidance(after)["identifier"]
