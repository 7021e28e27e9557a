"""Rows and attrition of a screening say of every pair what its Match says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from io import BytesIO

import numpy as np
import orjson
import pytest
from generated.patients import QUESTIONNAIRE, bundle
from generated.questions import QUESTIONS, criteria

from fhirtrial.cohort.rows import lines, rows
from fhirtrial.criteria.truth import Verdict
from fhirtrial.job.trials import load_trials
from fhirtrial.matching.attrition import attrition
from fhirtrial.matching.match import Run
from fhirtrial.matching.result import Match, Trial
from fhirtrial.matching.tally import Shape, Tally, attritions, tally
from fhirtrial.patients.facts import Enrolment, Facts, Patient
from fhirtrial.patients.read import read_patients
from fhirtrial.samples import DEMO_DATE, sample_bundles
from fhirtrial.site import Site
from fhirtrial.terminology import load
from fhirtrial.terminology.policy import load_policy

pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")

KINDS = sorted(QUESTIONS)
ALL = frozenset(Verdict)


@cache
def run_of(name: str) -> Run:
    """The sample trials; or trials of two questions each, where every other shares the answered Questionnaire."""
    if name == "samples":
        trials = load_trials(sample_bundles() / "trials")
    else:
        trials = tuple(
            Trial(kind, kind, "RECRUITING", criteria(kind)[:3], QUESTIONNAIRE if n % 2 else f"{QUESTIONNAIRE}-{n}", "")
            for n, kind in enumerate(KINDS)
        )
        trials = (*trials, Trial("none", "none", "RECRUITING", (), "", "", (("registry", "N1"),)))
    return Run(trials, (), DEMO_DATE, load(), load_policy(), Site(), "test")


@cache
def facts_of(name: str) -> Facts:
    if name == "samples":
        (facts,) = read_patients(sample_bundles() / "patients", on=DEMO_DATE)
        return facts
    made = [bundle(seed, criteria(KINDS[seed % len(KINDS)]), DEMO_DATE, QUESTIONNAIRE) for seed in range(70)]
    (facts,) = read_patients(BytesIO(b"\n".join(map(orjson.dumps, made))), partial=False, on=DEMO_DATE)
    return replace(facts, patients=tuple(_marked(i, patient) for i, patient in enumerate(facts.patients)))


def _marked(number: int, patient: Patient) -> Patient:
    """Every seventh patient is set aside in one way or several."""
    studies = (
        Enrolment(f"ResearchStudy/{KINDS[number % len(KINDS)]}", (), "on-study"),
        Enrolment("", (("registry", "N1"),), "withdrawn", 1),
        Enrolment("ResearchStudy/none", (), "candidate"),
        Enrolment("ResearchStudy/none", (), "on-study", 2**29),
    )
    match number % 7:
        case 1:
            return replace(patient, active=False)
        case 2:
            return replace(patient, enrolments=studies)
        case 3:
            return replace(patient, died=(1, 1), replaced=True, enrolments=studies, research_refused=3)
        case _:
            return patient


@cache
def matches_of(name: str) -> tuple[Match, ...]:
    return tuple(run_of(name).matches(facts_of(name)))


NAMES = ("samples", "answered")


@pytest.mark.parametrize("name", NAMES)
def test_every_row_says_what_its_match_says(name: str) -> None:
    expected = [(m.patient.reference, m.trial.id, m.on, m.verdict.label, list(m.set_aside)) for m in matches_of(name)]
    found = rows(run_of(name), facts_of(name), ALL).to_pylist()
    assert [tuple(row.values())[:5] for row in found] == expected
    assert {(row["next_change"], row["unchanged_until"]) for row in found} == {(None, None)}
    assert len({tuple(row[4]) for row in expected}) > 2, "somebody is set aside"


@pytest.mark.parametrize(
    "wanted", [{Verdict.ELIGIBLE}, {Verdict.UNDETERMINED, Verdict.PRESUMED_ELIGIBLE}, set[Verdict]()], ids=len
)
def test_only_what_is_wanted(wanted: set[Verdict]) -> None:
    expected = [(m.patient.reference, m.trial.id) for m in matches_of("answered") if m.verdict in wanted]
    batch = rows(run_of("answered"), facts_of("answered"), frozenset(wanted))
    assert [(row["patient"], row["trial"]) for row in batch.to_pylist()] == expected
    asides = {(m.patient.reference, m.trial.id): list(m.set_aside) for m in matches_of("answered")}
    assert all(row["set_aside"] == asides[row["patient"], row["trial"]] for row in batch.to_pylist())


def test_the_day_of_change_where_it_is_asked() -> None:
    run = replace(run_of("samples"), horizon=20)
    facts = _some(facts_of("samples"), range(40, 48))
    expected = [(m.next_change, m.unchanged_until) for m in run.matches(facts)]
    batch = rows(run, facts, ALL)
    assert [(row["next_change"], row["unchanged_until"]) for row in batch.to_pylist()] == expected
    assert {until for _, until in expected} == {None, DEMO_DATE + timedelta(days=20)}
    said = [(line.get("next_change"), line.get("unchanged_until")) for line in lines(batch)]
    assert said == [(day and day.isoformat(), end and end.isoformat()) for day, end in expected]


def test_lines_are_those_of_match() -> None:
    names = ("patient", "trial", "on", "verdict", "set_aside")
    expected = [{n: v for n, v in m.to_json("verdict").items() if n in names} for m in matches_of("answered")]
    assert lines(rows(run_of("answered"), facts_of("answered"), ALL)) == expected


def test_the_columns_say_what_they_mean() -> None:
    run = run_of("samples")
    nobody = next(iter(read_patients(BytesIO(b"[]"))))
    for facts in (nobody, facts_of("samples")):
        schema = rows(run, facts, ALL).schema
        assert schema.names == ["patient", "trial", "on", "verdict", "set_aside", "next_change", "unchanged_until"]
        assert set(schema.metadata) == {b"fhirtrial.rows", b"fhirtrial.facts"}
    assert rows(run, nobody, ALL).num_rows == 0


def _attritions(run: Run, chunks: Sequence[Facts]) -> list[object]:
    shape = Shape.of(run.trials)
    whole = Tally.nothing(shape)
    for facts in chunks:
        whole.add(tally(shape, run.screen(facts, whole=True), run.asides(facts)))
    return list(attritions(run.trials, run.on, whole))


@pytest.mark.parametrize("name", NAMES)
def test_the_attrition_is_that_of_the_matches(name: str) -> None:
    run, matches = run_of(name), matches_of(name)
    each = [[m for m in matches if m.trial is trial] for trial in run.trials]
    expected = [attrition(trial, run.on, of) for trial, of in zip(run.trials, each, strict=True)]
    found = _attritions(run, [facts_of(name)])
    assert found == expected
    assert [one.model_dump_json() for one in found] == [one.model_dump_json() for one in expected]  # type: ignore[attr-defined]


def test_the_attrition_adds_up_over_chunks() -> None:
    run, facts = run_of("answered"), facts_of("answered")
    parts = [_some(facts, who) for who in (range(3), range(3, 67), range(67, 70))]
    assert _attritions(run, parts) == _attritions(run, [facts])


def test_nobody_at_all() -> None:
    run = run_of("samples")
    assert _attritions(run, []) == [attrition(trial, run.on, []) for trial in run.trials]


def _some(facts: Facts, who: range) -> Facts:
    own = np.asarray(facts.columns["patient"], np.int32)
    mine = (own >= who.start) & (own < who.stop)
    columns = {name: column[mine] for name, column in facts.columns.items()}
    columns["patient"] = own[mine] - np.int32(who.start)
    return replace(facts, patients=tuple(facts.patients[i] for i in who), columns=columns)


def test_counts_leave_out_the_bits_beyond_the_last_patient() -> None:
    """A trial of exclusions alone: nobody is there to be excluded."""
    run = run_of("answered")
    excluding = [
        replace(trial, criteria=tuple(c.model_copy(update={"kind": "exclusion"}) for c in trial.criteria))
        for trial in run.trials
    ]
    found = replace(run, trials=excluding).screen(facts_of("answered"))
    assert found.counts.tolist() == [np.bincount(row, minlength=5).tolist() for row in found.table]


def test_an_index_date_decides_who_is_set_aside() -> None:
    run = run_of("answered")
    died = replace(facts_of("answered").patients[0], died=(100, 200))
    facts = _some(replace(facts_of("answered"), patients=(died, *facts_of("answered").patients[1:])), range(1))
    before = date(1970, 1, 1) + timedelta(days=99)
    assert run.on_day(before).asides(facts).of(0, 0) == ()
    assert run.on_day(before + timedelta(days=1)).asides(facts).of(0, 0) == ("deceased",)
