"""HAPI's clinical reasoning against the matcher: $apply of the PlanDefinition, $evaluate-measure of the Measure.

Both run on the server, over the artifacts and records that it holds. FHIRTRIAL_LONG takes all trials and more patients.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

import orjson
import pytest
import requests
from expressions.agreement import Case, Json, emitted, expected, without_answers
from scalar.kernel import Kernel

import fhirtrial
from fhirtrial.job.report import reporting, screenings, summary
from fhirtrial.job.trials import load_trials
from fhirtrial.matching.result import Trial
from fhirtrial.patients.completeness import ALL
from fhirtrial.patients.read import facts_of
from fhirtrial.records.record import TrialRecord
from fhirtrial.samples import DEMO_DATE, sample_bundles
from fhirtrial.site import Site

pytestmark = [pytest.mark.java, pytest.mark.xdist_group("hapi")]

LONG = bool(os.environ.get("FHIRTRIAL_LONG"))
# A library takes the engine seconds to translate, a patient one more.
TRIALS = ("nct03192657", "nct07662265")
PATIENTS = (
    "asys-eligible",
    "asys-transplant-cancelled",
    "cadm-classic",
    "dm-prednisone-taper",
    "dm-two-glucocorticoids",
)
EVERY = 12
OWN = "reasoning-"  # other tests share the server and hold the same trials and patients there
BASE = "https://fhirtrial.example/fhir"
NEEDED = {"Library", "PlanDefinition", "ActivityDefinition", "Measure"}


@dataclass(frozen=True)
class Held:
    """What the server was given: the trials under ids of this test's own, and patients, each loaded whole."""

    base: str
    trials: tuple[Trial, ...]
    cases: tuple[Case, ...]

    def call(self, where: str, **asked: str) -> Json:
        """The operation's answer, with the index date and what was loaded as the CQL's parameters."""
        loaded = [{"name": "Loaded", "valueString": family} for family in sorted(ALL)]
        cql = [{"name": "IndexDate", "valueDate": DEMO_DATE.isoformat()}, *loaded]
        given: list[Json] = [{"name": name, "valueString": value} for name, value in asked.items()]
        given.append({"name": "parameters", "resource": {"resourceType": "Parameters", "parameter": cql}})
        return send(f"{self.base}/{where}", {"resourceType": "Parameters", "parameter": given})


def send(url: str, resource: Json) -> Json:
    answer = requests.post(url, json=resource, timeout=120)
    body: Json = answer.json()
    assert answer.ok, [issue for issue in body["issue"] if issue["severity"] not in {"warning", "information"}]
    return body


def records() -> Iterator[TrialRecord]:
    for record in fhirtrial.read_trials(sample_bundles() / "trials").records:
        if LONG or record.id.lower() in TRIALS:
            yield record.model_copy(update={"id": f"{OWN}{record.id.lower()}"})


def patients() -> Iterator[Json]:
    for number, path in enumerate(sorted((sample_bundles() / "patients").glob("*.json"))):
        if path.stem in PATIENTS or (LONG and number % EVERY == 0):
            own = path.read_bytes().replace(path.stem.encode(), f"{OWN}{path.stem}".encode())
            yield without_answers(orjson.loads(own))


def put(resource: Json, url: str | None = None) -> Json:
    own = f"{resource['resourceType']}/{resource['id']}"
    return {"fullUrl": url or f"{BASE}/{own}", "resource": resource, "request": {"method": "PUT", "url": own}}


@pytest.fixture(scope="module")
def held(hapi: str) -> Held:
    """The server with what the two operations need."""
    mine = list(records())
    artifacts = [e["resource"] for record in mine for e in fhirtrial.map_trial(record)["entry"]]
    kept = [r for r in artifacts if r["resourceType"] in NEEDED]
    cases = []
    for bundle in patients():
        entries = [put(e["resource"], e.get("fullUrl")) for e in bundle["entry"]]
        send(hapi, {"resourceType": "Bundle", "type": "transaction", "entry": entries})
        cases.append(Case(bundle, facts_of(bundle, loaded=ALL, on=DEMO_DATE)))
    members = [{"entity": {"reference": reference(case)}} for case in cases]
    group = {"resourceType": "Group", "id": f"{OWN}all", "type": "person", "actual": True, "member": members}
    send(hapi, {"resourceType": "Bundle", "type": "transaction", "entry": [put(r) for r in (*kept, group)]})
    return Held(hapi, load_trials(mine), tuple(cases))


def reference(case: Case) -> str:
    return case.facts.patients[0].reference


@cache
def kernel(trial: Trial, on: dt.date) -> Kernel:
    return Kernel((trial,), on)


def right(trial: Trial, case: Case) -> Mapping[str, bool | None]:
    """The matcher's truth of each criterion that has CQL, in three values."""
    truths = {asked.atom: grades[0].truth for asked, grades in kernel(trial, DEMO_DATE).atoms(case.facts)}
    return {criterion.id: expected(criterion, truths, case.whole) for criterion in emitted(trial)}


def contained(plan: Json, kind: str) -> Iterator[Json]:
    yield from (one for one in plan["contained"] if one["resourceType"] == kind)


def applicable(plan: Json) -> set[str]:
    """The criteria whose actions apply."""
    (requests_,) = contained(plan, "RequestGroup")
    (eligibility,) = (action for action in requests_["action"] if action["id"] == "eligibility")
    return {action["id"] for action in eligibility.get("action", ())}


def failures(plan: Json) -> list[str]:
    """What the engine could not evaluate."""
    said = [i["diagnostics"] for outcome in contained(plan, "OperationOutcome") for i in outcome["issue"]]
    return [text for text in said if "Condition expression" in text]


def test_an_action_applies_if_its_criterion_is_true(held: Held) -> None:
    compared, true = 0, 0
    for trial in held.trials:
        for case in held.cases:
            plan = held.call(f"PlanDefinition/{OWN}{trial.id.lower()}/$apply", subject=reference(case))
            truths = right(trial, case)
            assert failures(plan) == []
            assert applicable(plan) == {name for name, truth in truths.items() if truth is True}
            compared, true = compared + len(truths), true + len(applicable(plan))
    print(f"$apply: {len(held.trials)} trials × {len(held.cases)} patients, {compared} truths, {true} of them true")
    assert true > 0


def counts(report: Json) -> dict[str, dict[str, int]]:
    """Per criterion, the populations of its group."""
    populations = {group.get("id") or group["code"]["text"]: group["population"] for group in report["group"]}
    return {name: {p["code"]["coding"][0]["code"]: p["count"] for p in found} for name, found in populations.items()}


def attrition(trial: Trial, held: Held) -> Json:
    """Our own MeasureReport of the same patients."""
    matches = fhirtrial.match((trial,), [case.facts for case in held.cases], on=DEMO_DATE)
    (screening,) = screenings(matches)
    assert not any(match.set_aside for match in screening.matches)  # the CQL knows nobody who is set aside
    made = reporting(Site(), "R4").summary(summary(screening))
    return next(d.resource for d in made if d.resource["resourceType"] == "MeasureReport")


def test_the_measure_counts_what_our_report_counts(held: Held) -> None:
    day = DEMO_DATE.isoformat()
    for trial in held.trials:
        where = f"Measure/{OWN}{trial.id.lower()}/$evaluate-measure"
        asked = {"periodStart": day, "periodEnd": day, "reportType": "population", "subject": f"Group/{OWN}all"}
        found = held.call(where, **asked)
        report = attrition(trial, held)
        ours = counts(report)
        assert found["status"] == "complete"
        assert counts(found) == ours
        assert 0 < min(g["numerator"] for g in ours.values()) < len(held.cases), (
            "nobody, or everybody, is left: no test"
        )
