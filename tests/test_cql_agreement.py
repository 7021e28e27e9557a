"""cql-execution against the matcher: the same truth, in three values, for every criterion whose CQL is emitted.

FHIRTRIAL_LONG takes all patients and more than 5,000 generated ones, else some of each; FHIRTRIAL_CORPUS names the
folder with the synthetic records. `pytest -s` shows how many truths were compared.
"""

from __future__ import annotations

import gzip
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

import orjson
import pytest
from expressions.agreement import Case, Execute, Json, compared, emitted, without_answers
from generated.patients import QUESTIONNAIRE, bundle, loaded, record_start
from generated.questions import QUESTIONS, criteria
from scalar.kernel import Kernel

from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.lower import atoms
from fhirtrial.expressions.cql import NoCql, cql
from fhirtrial.job.trials import load_trials
from fhirtrial.matching.result import Trial
from fhirtrial.patients.completeness import ALL, Loaded
from fhirtrial.patients.read import facts_of
from fhirtrial.records.read import read_trials
from fhirtrial.samples import DEMO_DATE, sample_bundles
from fhirtrial.terminology import load

pytestmark = pytest.mark.node
LONG = bool(os.environ.get("FHIRTRIAL_LONG"))
CORPUS = os.environ.get("FHIRTRIAL_CORPUS")
ON = DEMO_DATE
# Kinds whose atoms one library asks together: a library costs more to translate than a patient to ask.
GROUPS = {
    "conditions": ("condition", "procedure", "reproductive"),
    "medications": ("medication",),
    "results": ("measurement", "ordinal", "result", "change"),
    "rest": ("age", "sex", "allergy", "data", "encounter", "finding", "immunization", "other"),
}
PATIENTS = {"conditions": 400, "medications": 1000, "results": 400, "rest": 150} if LONG else dict.fromkeys(GROUPS, 3)
OF_TRIALS = 200 if LONG else 8
# A sample patient takes the engine a second, a synthetic record of some two thousand resources seconds.
EVERY_SAMPLE, EVERY = (1, 1) if LONG else (3, 20)


def trial(name: str, asked: Iterable[Criterion]) -> Trial:
    return Trial(name, name, "RECRUITING", tuple(asked), QUESTIONNAIRE, "")


@cache
def of_group(group: str) -> Trial:
    """One criterion for each question of the kinds."""
    asked = [(f"{kind}-{c.id}", c) for kind in GROUPS[group] for c in criteria(kind)]
    return trial(group, (c.model_copy(update={"id": name}) for name, c in asked))


@cache
def all_trials() -> Trial:
    """The criteria of the five trials in one library, which shares what they share."""
    trials = load_trials(sample_bundles() / "trials")
    return trial("trials", (c.model_copy(update={"id": f"{t.id} {c.id}"}) for t in trials for c in t.criteria))


def case(patient: Json, told: Loaded | None, seed: int | None = None) -> Case:
    start = None if seed is None else record_start(seed)
    kept = without_answers(patient)
    return Case(kept, facts_of(kept, loaded=told, record_start=start, on=ON), start)


def generated(group: str) -> Iterator[Case]:
    for number, kind in enumerate(GROUPS[group]):
        for seed in range(50_000 * number, 50_000 * number + PATIENTS[group]):
            yield case(bundle(seed, criteria(kind), ON), loaded(seed), seed)


def agree(execute: Execute, asked: Trial, cases: Sequence[Case]) -> int:
    """How many truths were compared; none of them differs."""
    kernel = Kernel((asked,), ON)
    found = [difference for _, _, difference in compared(execute, kernel, asked, cases)]
    different = [one for one in found if one is not None]
    print(f"{asked.id}: {len(cases)} patients, {len(found)} truths compared, {len(different)} differ")
    assert different == []
    return len(found)


@pytest.mark.parametrize("group", GROUPS)
def test_they_agree_on_every_kind_of_atom(cql_execute: Execute, group: str) -> None:
    cases = list(generated(group))
    assert agree(cql_execute, of_group(group), cases) == len(emitted(of_group(group))) * len(cases)


def test_they_agree_on_the_trials(cql_execute: Execute) -> None:
    asked = load_trials(sample_bundles() / "trials")
    made = [bundle(seed, asked[seed % len(asked)].criteria, ON) for seed in range(OF_TRIALS)]
    assert agree(cql_execute, all_trials(), [case(one, loaded(n), n) for n, one in enumerate(made)])


def test_they_agree_on_the_sample_patients(cql_execute: Execute) -> None:
    files = sorted((sample_bundles() / "patients").glob("*.json"))
    if not files:
        pytest.skip("no sample patients here")
    read = [orjson.loads(path.read_bytes()) for path in files[::EVERY_SAMPLE]]
    assert agree(cql_execute, all_trials(), [case(one, None) for one in read])


@pytest.mark.skipif(CORPUS is None, reason="FHIRTRIAL_CORPUS names no corpus")
def test_they_agree_on_the_corpus(cql_execute: Execute) -> None:
    with gzip.open(Path(CORPUS or "") / "data" / "patients" / "synthea_bundles.ndjson.gz") as lines:
        cases = [case(orjson.loads(line), ALL) for line in list(lines)[::EVERY]]
    assert len(cases) == 200 // EVERY
    assert agree(cql_execute, all_trials(), cases)


def test_how_many_criteria_have_no_cql() -> None:
    trials = {"the five trials": [c for t in load_trials(sample_bundles() / "trials") for c in t.criteria]}
    if CORPUS is not None:
        folder = Path(CORPUS) / "data" / "trials" / "ctgov_v2"
        trials["the API v2 records"] = [c for record in read_trials(folder).records for c in record.criteria]
    for name, asked in trials.items():
        none = Counter(said.reason for c in asked if isinstance(said := cql(c, load()), NoCql))
        print(f"{name}: {len(asked)} criteria, {none.total()} without CQL: {dict(none)}")
        assert asked
        assert "" not in none


def test_every_kind_of_atom_is_asked() -> None:
    asked = {type(a) for group in GROUPS for c in of_group(group).criteria for a in atoms(c.tree)}
    told = {type(a) for kind in QUESTIONS for c in criteria(kind) for a in atoms(c.tree) if emitted(trial(kind, [c]))}
    assert told == asked
