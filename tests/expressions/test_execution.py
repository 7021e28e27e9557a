"""What an independent engine makes of the emitted CQL: the rules of truth, time and units, one small patient each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from expressions.patient_records import (
    ICD10CM,
    SNOMED,
    Resource,
    coded,
    condition,
    lab,
    mark,
    order,
    patient,
    statement,
    upper,
)
from expressions.terms import TERMS
from shipped import samples

from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.document import criteria_hash
from fhirtrial.criteria.truth import Truth
from fhirtrial.expressions.cql import library
from fhirtrial.matching.match import Run
from fhirtrial.matching.result import Trial
from fhirtrial.patients import ALL, facts_of
from fhirtrial.samples import sample_bundles
from fhirtrial.site import Site
from fhirtrial.terminology import load
from fhirtrial.terminology.policy import load_policy

ON = "2026-11-01"
FAMILIES = [
    "conditions", "medications", "observations", "procedures", "allergies", "immunizations", "encounters",
    "family-history",
]  # fmt: skip
Execute = Callable[..., list[Any]]
# What a Bundle does not tell whole, its caller leaves out of `Loaded`.
INCOMPLETE = {"partial", "redacted"}

# name: tree, then per patient: the Bundle and what is true of it, with and without `Loaded`.
QUESTIONS: dict[str, Resource] = {
    "adult": {"kind": "age", "low": 18},
    "myositis": {"kind": "condition", "concept": "myositis"},
    "active": {"kind": "condition", "concept": "myositis", "when": "active"},
    "recent": {
        "kind": "condition",
        "concept": "myositis",
        "when": "onset",
        "window": {"anchor": "screening", "start": {"value": -6, "unit": "mo"}},
    },
    "creatinine": {"kind": "measurement", "concept": "creatinine", "op": "<", "value": 1.5, "unit": "mg/dL"},
    "alt": {"kind": "measurement", "concept": "alt", "op": ">", "value": 2, "of": "uln"},
    "igra": {"kind": "result", "concept": "igra", "result": "positive"},
    "drug": {"kind": "medication", "concept": "drug-a"},
    "current": {"kind": "medication", "concept": "drug-a", "when": "current"},
    "two": {
        "kind": "at-least",
        "k": 2,
        "nodes": [
            {"kind": "age", "low": 18},
            {"kind": "sex", "value": "female"},
            {"kind": "residue", "text": "x", "reason": "judgement"},
        ],
    },
    "three": {
        "kind": "at-least",
        "k": 2,
        "nodes": [
            {"kind": "age", "high": 17},
            {"kind": "sex", "value": "female"},
            {"kind": "residue", "text": "x", "reason": "judgement"},
        ],
    },
    "pregnant": {"kind": "reproductive", "state": "pregnant"},
    "fallen": {
        "kind": "change",
        "concept": "fvc",
        "direction": "decrease",
        "op": ">",
        "amount": 10,
        "unit": "%",
        "relative": True,
    },
}
T, F, U = True, False, None
PREGNANCY = coded(SNOMED, "77386006")


def alt(value: float | None, **fields: Any) -> Resource:
    return lab("1742-6", value, "U/L", "2026-10-20", **fields)


def igra(day: str, said: str) -> Resource:
    return lab("71774-4", None, "", day, valueString=said)


RULES: list[tuple[str, Resource, str, bool | None, bool | None]] = [
    ("of age", patient(), "adult", T, T),
    ("born in a year that leaves it open", patient(birthDate="2008"), "adult", U, U),
    ("born in a month that does not", patient(birthDate="2008-10"), "adult", T, T),
    ("two of three with one open", patient(), "two", T, T),
    ("one of three with one open", patient(), "three", U, U),
    ("nothing recorded", patient(), "myositis", F, U),
    ("recorded", patient(condition(onsetDateTime="2020")), "myositis", T, T),
    ("a child of the code", patient(condition(coded(ICD10CM, "M33.10"), onsetDateTime="2020")), "myositis", T, T),
    ("refuted", patient(condition(verified="refuted", recordedDate="2026-01-01")), "myositis", F, F),
    ("provisional", patient(condition(verified="provisional", onsetDateTime="2020")), "myositis", U, U),
    ("entered in error", patient(condition(verified="entered-in-error", clinical="")), "myositis", F, U),
    ("uncoded, named", patient(condition({"text": "Known Myositis"}, onsetDateTime="2020")), "myositis", U, U),
    ("an uncoded other", patient(condition({"text": "sprain"})), "myositis", U, U),
    ("a coded other", patient(condition(coded(SNOMED, "99"))), "myositis", F, U),
    ("begins after the index date", patient(condition(onsetDateTime="2027")), "myositis", F, U),
    ("resolved", patient(condition(clinical="resolved", onsetDateTime="2020")), "active", F, U),
    ("still there", patient(condition(onsetDateTime="2020")), "active", T, T),
    ("onset inside", patient(condition(onsetDateTime="2026-07")), "recent", T, T),
    ("onset straddles the edge", patient(condition(onsetDateTime="2026")), "recent", U, U),
    ("onset only bounded by the record", patient(condition(recordedDate="2026-10-01")), "recent", U, U),
    ("onset before", patient(condition(onsetDateTime="2020")), "recent", F, U),
    ("in another unit", patient(lab("2160-0", 120, "umol/L", "2026-10-20")), "creatinine", T, T),
    ("too high", patient(lab("2160-0", 2.1, "mg/dL", "2026-10-20")), "creatinine", F, F),
    ("in no such unit", patient(lab("2160-0", 1, "kg", "2026-10-20")), "creatinine", U, U),
    ("stale", patient(lab("2160-0", 1, "mg/dL", "2026-09-20")), "creatinine", U, U),
    ("below a limit below", patient(lab("2160-0", 1.4, "mg/dL", "2026-10-20", comparator="<")), "creatinine", T, T),
    ("above a limit below", patient(lab("2160-0", 1.4, "mg/dL", "2026-10-20", comparator=">")), "creatinine", U, U),
    (
        "the latest decides",
        patient(lab("2160-0", 1, "mg/dL", "2026-10-20"), lab("2160-0", 2, "mg/dL", "2026-10-25")),
        "creatinine", F, F,
    ),
    (
        "an empty one does not outdate",
        patient(lab("2160-0", 1, "mg/dL", "2026-10-20"), lab("2160-0", None, "", "2026-10-25")),
        "creatinine", T, T,
    ),
    (
        "two of one day that disagree",
        patient(lab("2160-0", 1, "mg/dL", "2026-10-20"), lab("2160-0", 2, "mg/dL", "2026-10-20T08:00:00Z")),
        "creatinine", U, U,
    ),
    ("preliminary", patient(lab("2160-0", 1, "mg/dL", "2026-10-20", status="preliminary")), "creatinine", U, U),
    ("beyond its own limit", patient(alt(90, referenceRange=upper(40, "U/L"))), "alt", T, T),
    ("within twice it", patient(alt(80, referenceRange=upper(40, "U/L"))), "alt", F, F),
    ("without a limit", patient(alt(90)), "alt", U, U),
    ("normal by its mark alone", patient(alt(None, interpretation=mark("N"))), "alt", F, F),
    (
        "mark and value disagree",
        patient(alt(90, referenceRange=upper(40, "U/L"), interpretation=mark("N"))),
        "alt", U, U,
    ),
    (
        "a positive that stays",
        patient(igra("2016", "Positive"), igra("2026", "negative")),
        "igra", T, T,
    ),
    ("weakly positive", patient(igra("2026-01-01", "weak positive")), "igra", U, U),
    ("ordered", patient(order()), "drug", T, U),
    ("taken", patient(statement()), "drug", T, T),
    ("planned", patient(order(intent="plan")), "drug", F, U),
    ("not to be given", patient(order(doNotPerform=True)), "drug", F, U),
    ("on hold", patient(order(status="on-hold")), "current", F, U),
    ("not taken", patient(statement(status="not-taken")), "current", F, U),
    ("of another drug", patient(statement("12")), "drug", F, U),
    ("a man", patient(gender="male"), "pregnant", F, U),
    ("a woman of whom nothing is said", patient(), "pregnant", U, U),
    ("pregnant for a year", patient(condition(PREGNANCY, onsetDateTime="2025-10-01")), "pregnant", U, U),
    ("pregnant", patient(condition(PREGNANCY, onsetDateTime="2026-08-01")), "pregnant", T, T),
    (
        "fallen by a fifth",
        patient(lab("19868-9", 100, "%", "2026-08-20"), lab("19868-9", 80, "%", "2026-10-20")),
        "fallen", T, T,
    ),
    (
        "risen",
        patient(lab("19868-9", 80, "%", "2026-08-20"), lab("19868-9", 100, "%", "2026-10-20")),
        "fallen", F, F,
    ),
]  # fmt: skip


def text() -> str:
    criteria = [
        Criterion.model_validate({"id": f"inc-{n}", "kind": "inclusion", "text": name, "tree": tree})
        for n, (name, tree) in enumerate(QUESTIONS.items(), 1)
    ]
    return library("Rules", "1", criteria, TERMS)


@pytest.mark.node
def test_rules(cql_execute: Execute) -> None:
    """Every row in both modes; the wrong ones are listed together."""
    bundles = [bundle for _, bundle, *_ in RULES]
    number = {name: f"inc-{n}" for n, name in enumerate(QUESTIONS, 1)}
    found = {}
    for loaded in (FAMILIES, []):
        runs = cql_execute(text(), bundles, {"IndexDate": ON, "Loaded": loaded})
        for (rule, _, question, whole, partly), run in zip(RULES, runs, strict=True):
            expected = whole if loaded else partly
            got = run.error or run.results[number[question]]
            if got != expected:
                found[rule, "loaded" if loaded else "not loaded"] = (got, expected)
    assert found == {}


@pytest.mark.node
def test_it_says_what_the_matcher_says(cql_execute: Execute) -> None:
    """A trial's reviewed criteria on its sample patients, answers of persons left out, which CQL does not read."""
    record = next(r for r in samples() if r.id == "NCT07662265")
    trial = Trial(record.id, "t", "", record.criteria, "q", criteria_hash(record.criteria))
    files = sorted((sample_bundles() / "patients").glob("asys-*.json"))
    bundles = [orjson.loads(path.read_bytes()) for path in files if not INCOMPLETE & {*path.stem.split("-")}]
    runs = cql_execute(library("T", "1", record.criteria, load()), bundles, {"IndexDate": ON, "Loaded": FAMILIES})
    different = {}
    for bundle, run in zip(bundles, runs, strict=True):
        entries = [e for e in bundle["entry"] if e["resource"]["resourceType"] != "QuestionnaireResponse"]
        facts = facts_of({**bundle, "entry": entries}, loaded=ALL)
        matches = Run([trial], [facts], dt.date.fromisoformat(ON), load(), load_policy(), Site(), "engine")
        for match in matches:
            for result in match.criteria:
                if result.criterion.id not in run.results:
                    continue
                expected = None if result.truth is Truth.UNKNOWN else result.truth > Truth.UNKNOWN
                if run.results[result.criterion.id] != expected:
                    different[match.patient.reference, result.criterion.id] = result.truth.label
    assert different == {}
    assert len(bundles) > 20


def test_every_rule_asks_a_question_that_exists() -> None:
    assert {question for _, _, question, *_ in RULES} == set(QUESTIONS)
