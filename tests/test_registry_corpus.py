"""Every API v2 record and registry page of the shared corpus (FHIRTRIAL_CORPUS), all the way: read, mapped, matched."""

from __future__ import annotations

import os
from collections import Counter
from functools import cache
from itertools import islice

import pytest
from corpus import ROOT, STUDIES, SYNTHEA, needs_corpus, read, together

import fhirtrial
from fhirtrial.criteria.check import coverage
from fhirtrial.job.trials import load_trials
from fhirtrial.matching.match import Run
from fhirtrial.matching.result import Trial
from fhirtrial.patients.facts import Facts
from fhirtrial.patients.read import read_patients
from fhirtrial.records.record import TrialRecord, record_from_bytes, record_to_bytes
from fhirtrial.samples import DEMO_DATE
from fhirtrial.site import Site

LONG = bool(os.environ.get("FHIRTRIAL_LONG"))
pytestmark = [needs_corpus, together]
PARTS = ("seeds", *(f"studies {n}" for n in range(3)))
parts = pytest.mark.parametrize(
    "part", [pytest.param(part, marks=[pytest.mark.slow] * (part not in PARTS[:2])) for part in PARTS]
)


@cache
def records(part: str) -> tuple[TrialRecord, ...]:
    if part == "seeds":
        return fhirtrial.read_trials(ROOT / "seeds").records
    return tuple(read(path) for path in STUDIES[int(part.split()[1]) :: 3])


@cache
def trials(part: str) -> tuple[Trial, ...]:
    """Mapped to FHIR and read back from it."""
    return load_trials(records(part), Site())


@cache
def patients() -> tuple[Facts, ...]:
    return tuple(read_patients(SYNTHEA, on=DEMO_DATE))


@parts
def test_all_of_them_are_there(part: str) -> None:
    assert len(records(part)) == dict(zip(PARTS, (5, 28, 28, 27), strict=True))[part]


@parts
def test_what_is_read_back_from_fhir_is_what_was_read(part: str) -> None:
    again = {trial.id: trial for trial in trials(part)}
    assert {r.id: r.criteria for r in records(part)} == {name: trial.criteria for name, trial in again.items()}
    for record in records(part):
        assert record_from_bytes(record_to_bytes(record), "again") == record


@parts
def test_what_no_person_has_read_says_so(part: str) -> None:
    assert not any(trial.reviewed for trial in trials(part))


@parts
def test_every_patient_gets_a_verdict_for_every_trial(part: str) -> None:
    run = fhirtrial.match(trials(part), patients(), on=DEMO_DATE)
    told = Counter[int]()
    for facts in run.chunks:
        told.update(run.screen(facts).table.ravel().tolist())
    assert sum(told.values()) == 200 * len(records(part))


@parts
def test_every_unknown_criterion_has_its_reason(part: str) -> None:
    """With evidence this takes its time: some patients, or all of them where FHIRTRIAL_LONG is set."""
    chunks = islice(read_patients(SYNTHEA, on=DEMO_DATE, chunk=4), None if LONG else 1)
    run: Run = fhirtrial.match(trials(part), chunks, on=DEMO_DATE)
    seen = 0
    for match in run:
        seen += 1
        assert len(match.criteria) == len(match.trial.criteria)
        assert not [r.criterion.id for r in match.criteria if r.truth.label == "unknown" and not r.reasons]
    assert seen == (200 if LONG else 4) * len(records(part))


@parts
def test_some_of_it_is_computed_from_records_alone(part: str) -> None:
    """The share itself is `benchmarks/figures.py`'s to tell; none at all would be a parser that is not called."""
    counts = [coverage(record.criteria) for record in records(part)]
    assert sum(c.exact for c in counts) > 0
    assert sum(c.with_residue for c in counts) > 0
