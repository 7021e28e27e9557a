"""The numpy kernel against the scalar evaluator: every kind of atom on generated patients, the trials, real records.

FHIRTRIAL_LONG takes 5,000 generated patients and all 200 synthetic records, which FHIRTRIAL_CORPUS names the folder of.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from io import BytesIO
from itertools import islice
from random import Random
from typing import Any

import orjson
import pytest
from corpus import SYNTHEA, needs_corpus
from fhir_shapes import faults
from generated.patients import QUESTIONNAIRE, bundle, loaded, record_start
from generated.questions import QUESTIONS, criteria
from scalar.evaluate import atom, criterion, recorded, verdict
from scalar.kernel import Kernel, Told, unlike
from scalar.person import Person, people
from shipped import trials

from fhirtrial.criteria.lower import atoms as atoms_of
from fhirtrial.criteria.questions import link_id
from fhirtrial.criteria.tree import Residue
from fhirtrial.criteria.truth import Truth
from fhirtrial.matching.result import Trial
from fhirtrial.patients.completeness import ALL
from fhirtrial.patients.facts import Facts
from fhirtrial.patients.read import facts_of, read_patients
from fhirtrial.samples import DEMO_DATE, sample_bundles
from fhirtrial.site import Limits, Site
from fhirtrial.terminology import load
from fhirtrial.terminology.policy import load_policy

LONG = bool(os.environ.get("FHIRTRIAL_LONG"))
ON = DEMO_DATE
LEAP_DAY = date(2024, 2, 29)
SITE = Site(uln={"alt": Limits(low=5, high=40, unit="U/L", name="handbook")})
KINDS = sorted(QUESTIONS)
# Nothing assumes an allergy; what was not done denies only itself.
NEVER: Mapping[str, set[Truth]] = {"allergy": {Truth.PRESUMED_YES}, "procedure": {Truth.NO}}
RICH = ("condition", "measurement", "medication", "result", "allergy", "procedure", "reproductive")
PATIENTS = (4_500 if LONG else 84) // (len(KINDS) + 2 * len(RICH))
OF_TRIALS = 500 if LONG else 16
Json = dict[str, Any]


@cache
def trial_of(kind: str) -> Trial:
    return Trial(kind, kind, "RECRUITING", criteria(kind), QUESTIONNAIRE, "")


def facts_for(seed: int, trial: Trial, on: date = ON) -> Facts:
    patient = bundle(seed, trial.criteria, on, trial.questionnaire)
    return facts_of(patient, loaded=loaded(seed), record_start=record_start(seed), on=on)


def persons(facts: Facts, on: date = ON, site: Site | None = None) -> list[Person]:
    return people(facts, on, load(), load_policy(), site or Site())


def seeds(kind: str) -> range:
    """Each kind has patients of its own; those that ask for more turns have more."""
    first = 10_000 * KINDS.index(kind)
    return range(first, first + PATIENTS * (3 if kind in RICH else 1))


@cache
def kernel() -> Kernel:
    return Kernel(trials(), ON)


def differences(kernel: Kernel, facts: Facts) -> Iterator[str]:
    """Every atom of the trials on which the two evaluators do not agree about some patient."""
    everyone = persons(facts, kernel.run.on, kernel.site)
    for (question, questionnaire, link), grades in kernel.atoms(facts):
        for person, told in zip(everyone, grades, strict=True):
            found = atom(person, question, questionnaire, link)
            if unlike(found, told):
                yield f"{person.patient.reference}: {question!r}: scalar {found}, kernel {told}"


@pytest.mark.parametrize("kind", KINDS)
def test_they_agree_on_every_kind_of_atom(kind: str) -> None:
    trial = trial_of(kind)
    kernels = [Kernel((trial,), ON), Kernel((trial,), LEAP_DAY), Kernel((trial,), ON, SITE)]
    for seed in seeds(kind):
        kernel = kernels[seed % 3]
        assert not list(differences(kernel, facts_for(seed, trial, kernel.run.on))), seed


@pytest.mark.parametrize("half", range(2))
def test_they_agree_on_the_trials(half: int) -> None:
    for seed in range(half, OF_TRIALS, 2):
        facts = facts_for(seed, trials()[seed % 4])
        assert not list(differences(kernel(), facts)), seed
        assert_same(facts)


def assert_same(facts: Facts) -> None:
    """Criteria and verdicts of all trials for all patients of the chunk."""
    for person, told in zip(persons(facts), kernel().matches(facts), strict=True):
        for trial, match in zip(trials(), told, strict=True):
            found = [criterion(person, trial, one) for one in trial.criteria]
            for one, scalar, array in zip(trial.criteria, found, match.criteria, strict=True):
                assert not unlike(scalar, array), (person.patient.reference, trial.id, one.id, scalar, array)
            assert verdict(trial, found) is match.verdict


@pytest.mark.slow
def test_they_agree_on_the_sample_patients() -> None:
    folder = sample_bundles() / "patients"
    if not any(folder.glob("*.json")):
        pytest.skip("no sample patients here")
    for facts in read_patients(folder, on=ON):
        assert_same(facts)


@needs_corpus
def test_they_agree_on_the_corpus() -> None:
    seen = 0
    for facts in islice(read_patients(SYNTHEA, on=ON, loaded=ALL, chunk=20), None if LONG else 1):
        assert not list(differences(kernel(), facts))
        seen += len(facts.patients)
    assert seen == (200 if LONG else 20)


@pytest.mark.parametrize("kind", RICH)
def test_generated_patients_reach_every_truth(kind: str) -> None:
    trial = trial_of(kind)
    reached = {
        recorded(person, question).truth
        for seed in range(60)
        for person in persons(facts_for(seed, trial))
        for question in QUESTIONS[kind]
    }
    assert set(Truth) - reached <= NEVER.get(kind, set())


def test_generated_patients_are_valid_and_always_the_same() -> None:
    for seed, kind in enumerate(KINDS * 2):
        made = bundle(seed, criteria(kind), ON)
        assert made == bundle(seed, criteria(kind), ON)
        assert faults([made]) == {}


def test_many_patients_are_one_by_one() -> None:
    made = [bundle(seed, trials()[seed % 4].criteria, ON, trials()[seed % 4].questionnaire) for seed in range(12)]
    (chunk,) = read_patients(BytesIO(b"\n".join(map(orjson.dumps, made))), partial=False, on=ON)
    assert kernel().matches(chunk) == [kernel().matches(facts_of(one, on=ON))[0] for one in made]


@pytest.mark.parametrize("kind", RICH)
def test_the_order_of_a_bundle_means_nothing(kind: str) -> None:
    trial = trial_of(kind)
    for seed in range(8):
        made = bundle(seed, trial.criteria, ON)
        shuffled = {**made, "entry": Random(seed).sample(made["entry"], len(made["entry"]))}
        assert told(trial, shuffled) == told(trial, made), seed


def told(trial: Trial, made: Json) -> Told:
    return kernel_of(trial.id).matches(facts_of(made, loaded=ALL, on=ON))[0][0]


@cache
def kernel_of(name: str) -> Kernel:
    return Kernel([trial_of(name)] if name in QUESTIONS else [t for t in trials() if t.id == name], ON)


def test_an_answered_residue_contradicts_nothing_definite() -> None:
    answered = 0
    for seed in range(24):
        trial = trials()[seed % 4]
        made = bundle(seed, trial.criteria, ON, trial.questionnaire)
        made["entry"] = [e for e in made["entry"] if e["resource"]["resourceType"] != "QuestionnaireResponse"]
        before = told(trial, made)
        links = [(c.id, link_id(c.id, a)) for c in trial.criteria for a in atoms_of(c.tree) if isinstance(a, Residue)]
        chosen = Random(seed).sample(links, (len(links) + 1) // 2)
        after = told(trial, with_entry(made, response(trial, {link: bool(seed % 2) for _, link in chosen})))
        answered += before != after
        for one, first, then in zip(trial.criteria, before.criteria, after.criteria, strict=True):
            if first.truth is not Truth.UNKNOWN:
                assert (first.truth - Truth.UNKNOWN) * (then.truth - Truth.UNKNOWN) > 0, (seed, one.id)
    assert answered


def response(trial: Trial, answers: Mapping[str, bool]) -> Json:
    items = [{"linkId": link, "answer": [{"valueBoolean": said}]} for link, said in answers.items()]
    return {
        "resourceType": "QuestionnaireResponse",
        "id": "answers",
        "questionnaire": trial.questionnaire,
        "status": "completed",
        "authored": ON.isoformat(),
        "item": items,
    }


def with_entry(made: Json, resource: Json) -> Json:
    patient = next(e["resource"]["id"] for e in made["entry"] if e["resource"]["resourceType"] == "Patient")
    owner = "patient" if resource["resourceType"] == "AllergyIntolerance" else "subject"
    entry = {"resource": {**resource, owner: {"reference": f"Patient/{patient}"}}}
    return {**made, "entry": [*made["entry"], entry]}


def coded(system: str, code: str) -> Json:
    return {"coding": [{"system": system, "code": code}]}


IRRELEVANT: Mapping[str, Json] = {
    "condition": {"resourceType": "Condition", "code": coded("http://hl7.org/fhir/sid/icd-10-cm", "S93.401A")},
    "result": {"resourceType": "Observation", "status": "final", "code": coded("http://loinc.org", "66555-4")},
    "procedure": {
        "resourceType": "Procedure",
        "status": "completed",
        "code": coded("http://snomed.info/sct", "173160006"),
    },
    "allergy": {"resourceType": "AllergyIntolerance", "code": coded("http://snomed.info/sct", "91935009")},
}


@pytest.mark.parametrize("added", sorted(IRRELEVANT))
def test_what_is_irrelevant_never_settles_a_question_with_no(added: str) -> None:
    for kind in RICH:
        trial = trial_of(kind)
        for seed in range(3):
            made = bundle(seed, trial.criteria, ON)
            before = told(trial, made).criteria
            after = told(trial, with_entry(made, {"id": "irrelevant", **IRRELEVANT[added]})).criteria
            for one, first, then in zip(trial.criteria, before, after, strict=True):
                changed = first.truth is not then.truth
                assert not changed or Truth.NO not in (first.truth, then.truth), (seed, one.tree)
                assert not changed or first.truth <= Truth.UNKNOWN, (seed, one.tree)
