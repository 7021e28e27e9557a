"""Verdicts alone and verdicts with their reasons are one: by bytes, by planes, and asked one by one.

FHIRTRIAL_LONG takes 6,000 generated patients with reasons and 100,000 at once beside one by one.
"""

from __future__ import annotations

import os
from datetime import date, timedelta
from functools import cache
from io import BytesIO

import numpy as np
import orjson
import pytest
import shipped
from generated.patients import QUESTIONNAIRE, bundle, loaded, record_start
from generated.questions import QUESTIONS, criteria

from fhirtrial.criteria.tree import AtLeast, Not, Sex
from fhirtrial.matching import planes
from fhirtrial.matching.match import Run
from fhirtrial.matching.network import Asked, Layer, Network, network
from fhirtrial.matching.next_change import next_changes
from fhirtrial.matching.result import Trial
from fhirtrial.patients.facts import Facts
from fhirtrial.patients.read import facts_of, read_patients
from fhirtrial.samples import DEMO_DATE, sample_bundles
from fhirtrial.site import Site
from fhirtrial.terminology import load
from fhirtrial.terminology.policy import load_policy

KINDS = sorted(QUESTIONS)
LONG = bool(os.environ.get("FHIRTRIAL_LONG"))
SEEDS = 1_000 if LONG else 8
CHUNKS, IN_CHUNK = (200, 500) if LONG else (1, 70)


@cache
def questions() -> tuple[Trial, ...]:
    """A trial for each question of each kind: its verdict is the question's truth."""
    found = [(kind, number, one) for kind in KINDS for number, one in enumerate(criteria(kind))]
    return tuple(Trial(f"{kind}-{n}", kind, "RECRUITING", (one,), QUESTIONNAIRE, "") for kind, n, one in found)


@cache
def run_of(name: str, on: date = DEMO_DATE) -> Run:
    trials = questions() if name == "questions" else shipped.trials()
    return Run(trials, (), on, load(), load_policy(), Site(), "test")


def one(seed: int, on: date = DEMO_DATE) -> Facts:
    kind = KINDS[seed % len(KINDS)]
    made = bundle(seed, criteria(kind), on, QUESTIONNAIRE)
    return facts_of(made, loaded=loaded(seed), record_start=record_start(seed), on=on)


def expected(run: Run, facts: Facts) -> list[list[int]]:
    told = [int(match.verdict) for match in run.matches(facts)]
    each = len(run.trials)
    return [told[i : i + each] for i in range(0, len(told), each)]


@pytest.mark.parametrize("part", range(6))
def test_a_screen_says_what_the_matches_say(part: str) -> None:
    run = run_of("questions")
    for seed in range(int(part) * 1000, int(part) * 1000 + SEEDS):
        facts = one(seed)
        assert run.screen(facts).table.T.tolist() == expected(run, facts), seed


@pytest.mark.parametrize("number", range(CHUNKS))
def test_many_patients_at_once_are_as_one_by_one(number: int) -> None:
    seeds = range(number * IN_CHUNK, (number + 1) * IN_CHUNK)
    made = [bundle(seed, criteria(KINDS[seed % len(KINDS)]), DEMO_DATE, "") for seed in seeds]
    (chunk,) = read_patients(BytesIO(b"\n".join(map(orjson.dumps, made))), partial=False, on=DEMO_DATE)
    run = run_of("questions")
    table = run.screen(chunk).table
    singly = [run.screen(facts_of(each, on=DEMO_DATE)).table[:, 0] for each in made]
    assert len(chunk.patients) == len(made)
    assert table.T.tolist() == np.array(singly).tolist()


def test_a_chunk_without_patients_has_no_matches() -> None:
    (nobody,) = read_patients(BytesIO(b'{"resourceType": "Bundle", "entry": ['), on=DEMO_DATE)
    run = run_of("questions")
    assert list(run.matches(nobody)) == []
    for whole in (False, True):
        assert run.screen(nobody, whole=whole).table.shape == (len(run.trials), 0)


def test_the_sample_patients() -> None:
    run = run_of("trials")
    for facts in read_patients(sample_bundles() / "patients", on=DEMO_DATE):
        found = run.screen(facts)
        assert found.table.T.tolist() == expected(run, facts)
        assert found.counts.tolist() == [np.bincount(row, minlength=5).tolist() for row in found.table]
        told = [int(one.truth) for match in run.matches(facts) for one in match.criteria]
        slots, rows = run.screen(facts, whole=True).criteria
        assert planes.unpacked(slots[rows], len(facts.patients)).T.ravel().tolist() == told


def a_network(seed: int) -> tuple[Network, np.ndarray]:
    """Gates of every kind over random truths, and the truths."""
    chance = np.random.default_rng(seed)
    atoms, layers, slots = 9, list[Layer](), 9
    for _ in range(6):
        k, pairs = int(chance.choice([0, -1, 1, 2, 3, 5])), chance.random() < 0.5
        sizes = (
            np.ones(3, int) if k == 0 else np.full(3, 2) if abs(k) == 1 and pairs else chance.integers(max(k, 1), 12, 3)
        )
        sizes = np.sort(sizes)[::-1]
        inputs = chance.integers(0, slots, sizes.sum())
        layers.append(Layer(k, slots, np.concatenate([[0], np.cumsum(sizes)]), inputs))
        slots += 3
    net = Network((Asked(Sex(value="male")),) * atoms, tuple(layers), slots, np.arange(slots), ())
    return net, chance.integers(0, 5, (atoms, 150)).astype(np.int8)


def plainly(net: Network, atoms: np.ndarray) -> np.ndarray:
    truth = list(atoms)
    for layer in net.layers:
        for start, end in zip(layer.starts.tolist(), layer.starts[1:].tolist(), strict=False):
            nodes = np.sort(np.array([truth[i] for i in layer.inputs[start:end].tolist()]), axis=0)[::-1]
            truth.append(4 - nodes[0] if layer.k == 0 else nodes[layer.k - 1 if layer.k > 0 else -1])
    return np.array(truth)


@pytest.mark.parametrize("seed", range(12))
def test_every_way_to_evaluate_gates_is_the_same(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planes, "IN_CACHE", 2 * 12 if seed % 2 else planes.IN_CACHE)
    monkeypatch.setattr(planes, "STRETCH", 2 if seed % 3 else planes.STRETCH)
    net, atoms = a_network(seed)
    plain = plainly(net, atoms)
    assert (planes.unpacked(planes.evaluated(net, atoms, net.verdicts), atoms.shape[1]) == plain).all()
    assert (planes.packed_few(atoms[:, :5]) == planes.packed(atoms[:, :5])).all()
    for patient in range(5):
        assert (planes.one_by_one(net, atoms[:, patient]) == plain[:, patient]).all()


def test_trials_that_ask_the_same_share_it() -> None:
    female, male = Sex(value="female"), Sex(value="male")
    tree = AtLeast(k=1, nodes=(female, Not(node=male)))
    item = criteria("sex")[0].model_copy(update={"tree": tree})
    trial = Trial("a", "a", "RECRUITING", (item,), "", "")
    single, several = network([trial], load()), network([trial] * 3, load())
    assert single.slots == several.slots
    assert len(single.atoms) == 3  # with the constant of what only a person can answer


def test_a_trial_without_criteria_is_unknown() -> None:
    run = Run((Trial("a", "a", "RECRUITING", (), "", ""),), (), DEMO_DATE, load(), load_policy(), Site(), "test")
    assert run.screen(one(3)).table.tolist() == [[2]]


@pytest.mark.parametrize("seed", range(0, len(KINDS), 1 if LONG else 3))
def test_a_verdict_changes_on_the_day_that_is_named_and_not_before(seed: int) -> None:
    run, facts = run_of("questions"), one(seed)
    horizon = 200 if LONG else 14
    (named,) = next_changes(run, facts, horizon)
    before = run.screen(facts).table[:, 0]
    changed: list[date | None] = [None] * len(run.trials)
    for ahead in range(1, horizon + 1):
        day = DEMO_DATE + timedelta(days=ahead)
        after = run.on_day(day).screen(facts).table[:, 0]
        for trial in np.flatnonzero(after != before).tolist():
            changed[trial] = changed[trial] or day
    assert named == changed
