"""Groups that others published, as trials: what they say in standard fields is asked, nothing is dropped or guessed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
from corpus import ROOT, needs_corpus
from desk import Desk
from generated.patients import bundle, loaded, record_start
from scalar.kernel import Kernel
from shipped import samples
from small_trial import bundle as of
from small_trial import patient_file, person, record_file

from fhirtrial.criteria.lower import atoms
from fhirtrial.criteria.tree import Age, Condition, NotComputable, Residue
from fhirtrial.criteria.tree import Any as AnyOf
from fhirtrial.criteria.truth import Truth
from fhirtrial.errors import ArtifactError, Problem
from fhirtrial.job.publish import map_trial
from fhirtrial.job.trials import load_trials
from fhirtrial.matching.result import Trial
from fhirtrial.patients.read import facts_of
from fhirtrial.samples import DEMO_DATE

SCT = "http://snomed.info/sct"
DISEASE = {"coding": [{"system": SCT, "code": "64572001"}]}
T2DM = {"coding": [{"system": SCT, "code": "44054006", "display": "Diabetes mellitus type 2 (disorder)"}]}
YEARS = {"value": 18, "comparator": ">=", "system": "http://unitsofmeasure.org", "code": "a"}
GROUP: dict[str, Any] = {
    "resourceType": "Group",
    "id": "theirs",
    "type": "person",
    "actual": False,
    "title": "Adults with diabetes",
    "characteristic": [
        {"code": {"coding": [{"system": SCT, "code": "397669002"}]}, "valueQuantity": YEARS, "exclude": False},
        {"code": DISEASE, "valueCodeableConcept": T2DM, "exclude": False},
        {
            "code": DISEASE,
            "valueCodeableConcept": {"coding": [{"system": SCT, "code": "0", "display": "Their own disease"}]},
            "exclude": True,
        },
        {"code": {"text": "Eligibility Criterion"}, "valueCodeableConcept": {"text": "Can walk"}, "exclude": False},
    ],
}


def folder(tmp_path: Path, **more: Any) -> Path:
    (tmp_path / "group.json").write_bytes(orjson.dumps({**GROUP, **more}))
    return tmp_path


def test_standard_fields_are_asked_and_the_rest_keeps_its_words(tmp_path: Path) -> None:
    (trial,) = load_trials(folder(tmp_path))
    assert (trial.id, trial.title, trial.reviewed) == ("Group-theirs", "Adults with diabetes", False)
    assert [(c.id, c.kind) for c in trial.criteria] == [
        ("inc-1", "inclusion"),
        ("inc-2", "inclusion"),
        ("exc-1", "exclusion"),
        ("inc-3", "inclusion"),
    ]
    age, diabetes, own, walk = (c.tree for c in trial.criteria)
    assert age == Age(low=18)
    assert {type(atom) for atom in atoms(diabetes)} == {Condition, Residue}
    assert isinstance(own, NotComputable)
    assert "Their own disease" in own.text
    assert isinstance(walk, NotComputable)
    assert "Can walk" in walk.text


@pytest.mark.parametrize(
    ("status", "abated", "truth"),
    [("active", {}, Truth.YES), ("resolved", {"abatementDateTime": "2020"}, Truth.UNKNOWN)],
)
def test_whether_a_past_condition_counts_is_left_open(
    tmp_path: Path, status: str, abated: Mapping[str, str], truth: Truth
) -> None:
    clinical = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": status}]}
    ill = {
        "resourceType": "Condition",
        "id": "t2dm",
        "clinicalStatus": clinical,
        "code": T2DM,
        "subject": {"reference": "Patient/ada"},
        "onsetDateTime": "2015",
        **abated,
    }
    kernel = Kernel(load_trials(folder(tmp_path)), DEMO_DATE)
    (((told),),) = kernel.matches(facts_of(of(person(), ill), on=DEMO_DATE))
    assert told.criteria[1].truth is truth


def test_it_stands_beside_records_and_is_matched(tmp_path: Path, cli: Desk) -> None:
    trials = tmp_path / "trials"
    record_file(trials)
    folder(trials)
    patients = patient_file(tmp_path / "patients", of(person()))
    ended = cli("match", "--trials", trials, "--patients", patients, "--on", "2026-11-01")
    assert (ended.code, ended.problems) == (0, [])
    lines = {line["trial"]: line for line in ended.lines}
    assert lines.keys() == {"NCT00000001", "Group-theirs"}
    assert [c["truth"] for c in lines["Group-theirs"]["criteria"]] == ["yes", "unknown", "unknown", "unknown"]


@pytest.mark.parametrize(
    ("changed", "got"),
    [({"type": "device"}, "a Group of device"), ({"actual": True}, "a list of members, not a definition")],
)
def test_what_is_no_definition_of_persons_is_a_failure(tmp_path: Path, changed: dict[str, Any], got: str) -> None:
    failures: list[Problem] = []
    assert load_trials(folder(tmp_path, **changed), failures=failures) == ()
    assert [problem.got for problem in failures] == [got]
    with pytest.raises(ArtifactError):
        load_trials(folder(tmp_path, **changed))


def test_groups_are_never_published_again(tmp_path: Path) -> None:
    failures: list[Problem] = []
    assert load_trials(folder(tmp_path), failures=failures, foreign=False) == ()
    assert len(failures) == 1


def test_our_own_group_alone_never_says_the_opposite_of_its_trial(tmp_path: Path) -> None:
    compared: Counter[str] = Counter()
    for record in samples():
        resources = [entry["resource"] for entry in map_trial(record)["entry"]]
        listed = next(r for r in resources if r["resourceType"] == "Group" and r.get("characteristic"))
        own = tmp_path / record.id
        own.mkdir()
        (own / "group.json").write_bytes(orjson.dumps(listed))
        (alone,) = load_trials(own)
        whole = Trial(record.id, "", "RECRUITING", record.criteria, "", "")
        assert [c.id for c in alone.criteria] == [c.id for c in whole.criteria]
        kernel = Kernel((whole, alone), DEMO_DATE)
        for seed in range(12):
            facts = facts_of(
                bundle(seed, record.criteria, DEMO_DATE),
                loaded=loaded(seed),
                record_start=record_start(seed),
                on=DEMO_DATE,
            )
            ((ours, theirs),) = kernel.matches(facts)
            for one, other in zip(ours.criteria, theirs.criteria, strict=True):
                compared["same" if one.truth is other.truth else "open"] += 1
                assert other.truth in {one.truth, Truth.UNKNOWN}
    print(dict(compared))
    assert compared["same"] > 400


@needs_corpus
def test_the_examples_of_another_guide() -> None:
    failures: list[Problem] = []
    read = load_trials(ROOT / "data/fhir/ebm_r6_examples", failures=failures)
    groups = {
        f"Group-{found['id']}": found
        for path in ROOT.glob("data/fhir/ebm_r6_examples/Group-*.json")
        if (found := orjson.loads(path.read_bytes())).get("membership") != "enumerated"
    }
    assert {trial.id for trial in read} == groups.keys()
    kinds = Counter(type(atom).__name__ for trial in read for c in trial.criteria for atom in atoms(c.tree))
    print(dict(kinds))
    assert kinds["Age"] >= 4
    assert kinds["Condition"] >= 10
    for trial in read:
        own = groups[trial.id].get("characteristic", [])
        if len(trial.criteria) == len(own):
            told = [" ".join((one.get("description") or "").split()) for one in own]
            assert all(words in " ".join(c.text.split()) for words, c in zip(told, trial.criteria, strict=True))
        else:
            assert [type(c.tree) for c in trial.criteria] in ([NotComputable], [AnyOf])
            assert all(c.text for c in trial.criteria)
