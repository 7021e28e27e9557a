"""The loop of questions and answers: a trial's published Questionnaire, answered, decides what no record could."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson
import pytest
from shipped import samples, trials

import fhirtrial
from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.questions import questions
from fhirtrial.criteria.truth import Truth, Verdict
from fhirtrial.job.publish import map_trial
from fhirtrial.matching.next_best import next_best
from fhirtrial.matching.result import CriterionResult, Trial
from fhirtrial.patients.completeness import ALL
from fhirtrial.patients.read import facts_of
from fhirtrial.samples import DEMO_DATE, sample_bundles
from fhirtrial.terminology import load

Json = dict[str, Any]
ON = DEMO_DATE
URL = "https://x.example/fhir/Questionnaire/t"
# Every kind of node that a person answers.
ASKED: Mapping[str, Json] = {
    "residue": {"kind": "residue", "text": "that would preclude participation", "reason": "judgement"},
    "not computable": {"kind": "not-computable", "text": "any other reason", "reason": "vague_term"},
    "attestation": {"kind": "attestation", "topic": "consent", "text": "signed"},
    "classification": {"kind": "classification", "name": "EULAR/ACR", "year": 2017, "target": "dermatomyositis"},
    "treatment state": {"kind": "treatment-state", "state": "naive", "text": "treatment-naive"},
    "expected event": {"kind": "expected", "text": "surgery planned"},
    "data that only a person knows": {"kind": "data", "text": "baseline images at hand"},
    "a partner": {"kind": "other", "who": "partner", "text": "uses contraception"},
    "a household": {"kind": "other", "who": "household", "text": "has tuberculosis", "condition": "tuberculosis"},
    "a relative without a named condition": {"kind": "other", "who": "family", "text": "an inherited disease"},
    "a score without a code": {"kind": "measurement", "concept": "haq-di", "op": ">=", "value": 1, "unit": "{score}"},
}
RESIDUE = ASKED["residue"]


def trial(tree: Json, kind: str = "inclusion") -> Trial:
    made = {"id": f"{kind[:3]}-1", "kind": kind, "text": "as it is written", "tree": tree}
    return Trial("T", "T", "RECRUITING", (Criterion.model_validate(made),), URL, "tree")


def link(tree: Json) -> str:
    (question,) = questions(trial(tree).criteria[0], load())
    return question.link_id


def response(*items: Json, **fields: Any) -> Json:
    base: Json = {
        "resourceType": "QuestionnaireResponse",
        "questionnaire": URL,
        "status": "completed",
        "authored": "2026-10-20",
        "subject": {"reference": "Patient/p"},
    }
    return {k: v for k, v in {**base, "item": list(items), **fields}.items() if v is not None}


def item(value: object = True, of: str = link(RESIDUE), key: str = "valueBoolean") -> Json:
    return {"linkId": of, "answer": [{key: value}]}


def told(tree: Json, *responses: Json, others: tuple[Json, ...] = ()) -> tuple[CriterionResult, list[str]]:
    people = ({"resourceType": "Patient", "id": "p", "gender": "female", "birthDate": "1980-01-01"}, *others)
    own = [{**r, "id": f"q{i}"} for i, r in enumerate(responses)]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in (*people, *own)]}
    run = fhirtrial.match((trial(tree),), [facts_of(bundle, loaded=ALL, on=ON)], on=ON)
    match = next(m for m in run if m.patient.reference == "Patient/p")
    return match.criteria[0], [str(f) for f in run.failures]


@pytest.mark.parametrize("kind", ASKED)
@pytest.mark.parametrize("said", [True, False])
def test_each_kind_of_question_is_answered(kind: str, *, said: bool) -> None:
    tree = ASKED[kind]
    before, _ = told(tree)
    assert (before.truth, [n.question for n in before.needs]) == (Truth.UNKNOWN, [link(tree)])
    after, failures = told(tree, response(item(said, link(tree))))
    assert (after.truth, failures) == (Truth.YES if said else Truth.NO, [])
    assert [(e.resource, e.value, e.date) for e in after.evidence] == [
        ("QuestionnaireResponse/q0", "yes" if said else "no", "2026-10-20")
    ]


YES, NO, UNKNOWN = Truth.YES, Truth.NO, Truth.UNKNOWN
OPEN, LATE = ("residue",), "2026-10-25"
OTHER = ({"resourceType": "Patient", "id": "other", "gender": "male", "birthDate": "1990-01-01"},)
# what it shows: the responses, the truth, the reasons
SHAPES: dict[str, tuple[tuple[Json, ...], Truth, tuple[str, ...]]] = {
    "nobody answered": ((), UNKNOWN, OPEN),
    "an item without an answer": ((response({"linkId": link(RESIDUE)}),), UNKNOWN, OPEN),
    "no items at all": ((response(),), UNKNOWN, OPEN),
    "inside the criterion's group": ((response({"linkId": "inc-1", "item": [item()]}),), YES, ()),
    "groups within groups": ((response({"linkId": "a", "item": [{"linkId": "inc-1", "item": [item()]}]}),), YES, ()),
    "below another answer": (
        (response({"linkId": "a", "answer": [{"valueString": "see below", "item": [item()]}]}),),
        YES,
        (),
    ),
    "of a version of the Questionnaire": ((response(item(), questionnaire=f"{URL}|2026.1"),), YES, ()),
    "of another Questionnaire": ((response(item(), questionnaire=f"{URL}2"),), UNKNOWN, OPEN),
    "of no Questionnaire": ((response(item(), questionnaire=None),), UNKNOWN, OPEN),
    "a newer answer supersedes": ((response(item()), response(item(False), authored=LATE)), NO, ()),
    "in whatever order they come": ((response(item(False), authored=LATE), response(item())), NO, ()),
    "of one moment, not alike": ((response(item()), response(item(False))), UNKNOWN, ("conflicting",)),
    "of one moment, alike": ((response(item()), response(item())), YES, ()),
    "two answers to one item, not alike": (
        (response({"linkId": link(RESIDUE), "answer": [{"valueBoolean": True}, {"valueBoolean": False}]}),),
        UNKNOWN,
        ("conflicting",),
    ),
    "the later hour of one day": (
        (
            response(item(), authored="2026-10-20T08:00:00Z"),
            response(item(False), authored="2026-10-20T09:00:00Z"),
        ),
        NO,
        (),
    ),
    "on the index date": ((response(item(), authored=ON.isoformat()),), YES, ()),
    "after the index date": ((response(item(), authored="2026-11-02"),), UNKNOWN, OPEN),
    "an earlier one stands while a later is not yet given": (
        (response(item()), response(item(False), authored="2026-11-02")),
        YES,
        (),
    ),
    "not dated": ((response(item(), authored=None),), UNKNOWN, ("undated",)),
    "amended": ((response(item(), status="amended"),), YES, ()),
    "in progress": ((response(item(), status="in-progress"),), UNKNOWN, ("unconfirmed",)),
    "in progress after a final one: open again": (
        (response(item()), response(item(False), status="in-progress", authored=LATE)),
        UNKNOWN,
        ("unconfirmed",),
    ),
    "stopped": ((response(item(), status="stopped"),), UNKNOWN, ("unconfirmed",)),
    "entered in error": ((response(item(), status="entered-in-error"),), UNKNOWN, OPEN),
    "an error does not supersede": (
        (response(item()), response(item(False), status="entered-in-error", authored=LATE)),
        YES,
        (),
    ),
    "about another patient": ((response(item(), subject={"reference": "Patient/other"}),), UNKNOWN, OPEN),
    "in words that are neither": ((response(item("rather", key="valueString")),), UNKNOWN, OPEN),
    "as a number": ((response(item(1, key="valueInteger")),), UNKNOWN, OPEN),
    "with fields that only R5 has": (
        (response(item(), basedOn=[{"reference": "CarePlan/1"}], partOf=[{"reference": "Procedure/1"}]),),
        YES,
        (),
    ),
}


@pytest.mark.parametrize("name", SHAPES)
def test_what_counts_as_an_answer(name: str) -> None:
    responses, truth, reasons = SHAPES[name]
    found, failures = told(RESIDUE, *responses, others=OTHER)
    assert (found.truth, found.reasons) == (truth, reasons)
    # the item around it is none of the Questionnaire's, and is said to be none
    assert len(failures) == (name == "below another answer")


def test_an_answer_to_a_changed_tree_is_ignored_and_said_so() -> None:
    changed = {**RESIDUE, "text": "that would preclude participation, as the investigator sees it"}
    found, failures = told(changed, response(item()))
    assert (found.truth, found.reasons) == (Truth.UNKNOWN, OPEN)
    (failure,) = failures
    assert "QuestionnaireResponse/q0" in failure
    assert "no longer asks" in failure


def test_an_answer_stands_while_its_own_question_is_unchanged() -> None:
    """The tree around it may change: the linkId is of the question alone."""
    found, failures = told({"kind": "all", "nodes": [RESIDUE, {"kind": "age", "low": 18}]}, response(item()))
    assert (found.truth, failures) == (Truth.YES, [])


@pytest.mark.parametrize("fhir", ["R4", "R5"])
def test_the_published_questionnaire_asks_exactly_what_the_matcher_reads(fhir: Any) -> None:
    for record in samples():
        bundle = map_trial(record, fhir)
        (found,) = [e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Questionnaire"]
        published = {q["linkId"]: q["type"] for group in found["item"] for q in group.get("item", ())}
        asked = {q.link_id: "boolean" for c in record.criteria for q in questions(c, load())}
        assert published == asked
        (study,) = fhirtrial.load_trials([record])
        assert study.questionnaire == found["url"]


def whose(bundle: Json) -> str:
    """The literal reference of a Bundle's patient."""
    return next(f"Patient/{e['resource']['id']}" for e in bundle["entry"] if e["resource"]["resourceType"] == "Patient")


def answered(bundle: Json, study: Trial, said: Mapping[str, bool]) -> Json:
    """The patient's Bundle with one completed response to the trial's Questionnaire."""
    given = response(
        *(item(value, of) for of, value in said.items()),
        questionnaire=study.questionnaire,
        subject={"reference": whose(bundle)},
        authored="2026-10-31",
    )
    return {**bundle, "entry": [*bundle["entry"], {"resource": {**given, "id": "given"}}]}


def test_undetermined_sample_patients_are_decided_by_their_answers() -> None:
    """Every pair that one answer settles: both answers decide it, in opposite ways, and are named as evidence."""
    seen = witnessed = 0
    patients = sample_bundles() / "patients"
    bundles = {whose(bundle): bundle for path in patients.glob("*.json") if (bundle := orjson.loads(path.read_bytes()))}
    for match in fhirtrial.match(trials(), patients, on=ON):
        study, bundle = match.trial, bundles[match.patient.reference]
        for best in next_best([match]).get(match.patient.reference, ()):
            if not best.questions or not best.surely:
                continue
            after, named = {}, set[str]()
            for said in (True, False):
                given = answered(bundle, study, dict.fromkeys(best.questions, said))
                (found,) = fhirtrial.match((study,), given, on=ON)
                named |= {e.resource for r in found.criteria for e in r.evidence}
                after[said] = found.verdict
            witnessed += "QuestionnaireResponse/given" in named
            assert Verdict.UNDETERMINED not in after.values()
            assert {v >= Verdict.PRESUMED_ELIGIBLE for v in after.values()} == {True, False}
            seen += 1
    # elsewhere what decides is the rest of the criterion, which the answer let through
    assert (seen, witnessed) >= (5, 5)


def test_other_trials_do_not_hear_the_answer() -> None:
    one, other = trial(RESIDUE), replace(trial(RESIDUE), id="U", questionnaire=URL + "-u")
    person = {"resourceType": "Patient", "id": "p"}
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": person}, {"resource": response(item())}],
    }
    truths = {m.trial.id: m.criteria[0].truth for m in fhirtrial.match((one, other), bundle, on=ON)}
    assert truths == {"T": Truth.YES, "U": Truth.UNKNOWN}
