"""Reasons and evidence of all atoms at once are those of each atom asked alone, and are made once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from io import BytesIO

import numpy as np
import orjson
import pytest
from generated.patients import QUESTIONNAIRE, bundle, loaded, record_start
from generated.questions import QUESTIONS, criteria

from fhirtrial.criteria.tree import Age, Sex
from fhirtrial.criteria.truth import Truth
from fhirtrial.job.trials import load_trials
from fhirtrial.matching.atoms import answer
from fhirtrial.matching.bind import bind
from fhirtrial.matching.codes import Codes
from fhirtrial.matching.grades import Answer
from fhirtrial.matching.match import Run
from fhirtrial.matching.network import network
from fhirtrial.matching.next_change import some
from fhirtrial.matching.reasoned import MOST_ROWS, TRUTH, WHY, reasoned
from fhirtrial.matching.result import Trial
from fhirtrial.matching.view import View
from fhirtrial.matching.wording import said_by
from fhirtrial.patients.facts import Facts
from fhirtrial.patients.read import facts_of, read_patients
from fhirtrial.samples import DEMO_DATE, sample_bundles
from fhirtrial.site import Limits, Site
from fhirtrial.terminology import load
from fhirtrial.terminology.policy import load_policy

KINDS = sorted(QUESTIONS)
SEEDS = 600 if os.environ.get("FHIRTRIAL_LONG") else 16
ULN = {"alt": Limits(low=5, high=40, unit="U/L", name="handbook")}


@cache
def trials() -> tuple[Trial, ...]:
    """A trial for each kind of question, one of them twice, and the samples."""
    found = [Trial(kind, kind, "RECRUITING", criteria(kind), QUESTIONNAIRE, "") for kind in KINDS]
    return (*found, found[0], *load_trials(sample_bundles() / "trials"))


def shown(facts: Facts, told: Answer, patient: int) -> Iterator[tuple[str, ...]]:
    """Plainly: the latest rows that speak for the truth."""
    truth, instant = int(told.truth[patient]), facts.columns["instant"]
    rows = np.flatnonzero(told.rows.patient == patient).tolist()
    for i in sorted(
        (i for i in rows if speaks(int(told.rows.grade[i]), truth)), key=lambda i: -int(instant[told.rows.index[i]])
    )[:MOST_ROWS]:
        yield *said_by(facts, int(told.rows.index[i])), told.rows.compared(i)


def speaks(grade: int, truth: int) -> bool:
    if truth == Truth.UNKNOWN:
        return grade == Truth.UNKNOWN
    return grade > Truth.UNKNOWN if truth > Truth.UNKNOWN else grade < Truth.UNKNOWN


def assert_as_one_by_one(facts: Facts, *, answered: bool, uln: dict[str, Limits]) -> None:
    codes = Codes(load())
    view = View(facts, DEMO_DATE, codes, load_policy(), uln)
    asked = network(trials(), load(), answered=answered).atoms
    bound = bind([one.atom for one in asked], DEMO_DATE, load_policy(), codes)
    singly = [answer(one, view) for one in asked]
    people = list(reasoned(asked, bound, view).people())
    assert len(people) == len(facts.patients)
    for patient, known in enumerate(people):
        for number, (one, told) in enumerate(zip(asked, singly, strict=True)):
            state = known.states[number]
            assert (state & TRUTH, state >> WHY) == (told.truth[patient], told.reasons[patient]), one
            if not isinstance(one.atom, Age | Sex):
                rows = tuple(dict.fromkeys(shown(facts, told, patient)))
                assert (number in known.shown) is bool(rows), one
                found = known.evidence(number) if rows else ()
                assert tuple(tuple(vars(e).values()) for e in found) == rows, one


@pytest.mark.parametrize("answered", [False, True])
def test_all_atoms_at_once_are_as_one_by_one(answered: bool) -> None:
    for seed in range(answered, SEEDS, 2):
        kind = KINDS[seed % len(KINDS)]
        made = bundle(seed, criteria(kind), DEMO_DATE, QUESTIONNAIRE)
        facts = facts_of(made, loaded=loaded(seed), record_start=record_start(seed), on=DEMO_DATE)
        assert_as_one_by_one(facts, answered=answered, uln=ULN if seed % 3 else {})


def chunk(seeds: range) -> Facts:
    made = [bundle(seed, criteria(KINDS[seed % len(KINDS)]), DEMO_DATE, "") for seed in seeds]
    (facts,) = read_patients(BytesIO(b"\n".join(map(orjson.dumps, made))), partial=False, on=DEMO_DATE)
    return facts


def test_many_patients_at_once_are_as_one_by_one() -> None:
    assert_as_one_by_one(chunk(range(30)), answered=False, uln={})


def test_what_is_the_same_is_one_object() -> None:
    """For two trials with one criterion, and for patients about whom as much is known."""
    run = Run((*trials(), *trials()), (), DEMO_DATE, load(), load_policy(), Site(), "test")
    each = len(run.trials)
    matches = list(run.matches(chunk(range(8))))
    alike: dict[tuple[object, ...], set[int]] = {}
    for number, match in enumerate(matches):
        if number % each < each // 2:
            for result, again in zip(match.criteria, matches[number + each // 2].criteria, strict=True):
                assert [*map(id, result.evidence)] == [*map(id, again.evidence)]
                assert result is again or result.evidence
        for result in match.criteria:
            for need in result.needs:
                alike.setdefault((need.atom, need.question, need.reasons), set()).add(id(need))
    assert alike
    assert all(len(objects) == 1 for objects in alike.values())
    bare = [id(result) for match in matches for result in match.criteria if not result.evidence]
    assert len(set(bare)) * 4 < len(bare)


def test_nobody_has_no_match() -> None:
    run = Run(trials(), (), DEMO_DATE, load(), load_policy(), Site(), "test")
    nobody = some(chunk(range(2)), np.zeros(0, np.int64))
    assert not list(run.matches(nobody))
    assert run.screen(nobody).table.shape == (len(run.trials), 0)
