"""fhirpath.js against the matcher: the same truth, in three values, for every criterion that has a FHIRPath expression.

FHIRTRIAL_LONG takes 5,000 generated patients and all synthetic records, else every fifth of these; FHIRTRIAL_CORPUS
names their folder.
The counts of what was compared, and why the rest has no expression, are printed (`pytest -s`).
"""

from __future__ import annotations

import gzip
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

import orjson
import pytest
import shipped
from corpus import SYNTHEA, needs_corpus
from expressions.agreement import Case, Json, expected, without_answers
from generated.patients import QUESTIONNAIRE, bundle, loaded, record_start
from generated.questions import QUESTIONS, criteria
from scalar.kernel import Kernel

from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.tree import Age, AtLeast, Condition, Measurement, Node, Not, Sex
from fhirtrial.expressions.fhirpath import NoFhirPath, fhirpath
from fhirtrial.expressions.fhirpath import Path as Expression
from fhirtrial.matching.result import Trial
from fhirtrial.patients.completeness import ALL, Loaded
from fhirtrial.patients.read import facts_of
from fhirtrial.samples import DEMO_DATE, sample_bundles
from fhirtrial.terminology import load

pytestmark = pytest.mark.node
Evaluate = Callable[..., Iterator[dict[str, bool | str | None]]]
LONG = bool(os.environ.get("FHIRTRIAL_LONG"))
ON = DEMO_DATE
SAID = ("age", "sex", "condition", "measurement")
PATIENTS = {"age": 600, "sex": 400, "condition": 2000, "measurement": 2000} if LONG else dict.fromkeys(SAID, 25)
COMBINED: tuple[Node, ...] = (
    AtLeast(
        k=2,
        nodes=(
            Condition(concept="dermatomyositis"),
            Measurement(concept="hemoglobin", op="<", value=90, unit="g/L"),
            Not(node=Sex(value="male")),
            Age(low=40),
        ),
    ),
    Not(node=AtLeast(k=1, nodes=(Condition(concept="dermatomyositis", when="active"), Age(high=30)))),
)


def trial(name: str, asked: Iterable[Criterion]) -> Trial:
    return Trial(name, name, "RECRUITING", tuple(asked), QUESTIONNAIRE, "")


def of_trials() -> Trial:
    trials = shipped.trials()
    return trial("trials", (c.model_copy(update={"id": f"{t.id} {c.id}"}) for t in trials for c in t.criteria))


def combined() -> Trial:
    told = [Criterion(id=f"inc-{n}", kind="inclusion", text="both", tree=tree) for n, tree in enumerate(COMBINED, 1)]
    return trial("combined", told)


def case(patient: Json, told: Loaded | None, seed: int | None = None) -> Case:
    start = None if seed is None else record_start(seed)
    kept = without_answers(patient)
    return Case(kept, facts_of(kept, loaded=told, record_start=start, on=ON), start)


def constants(one: Case) -> Json:
    start = [] if one.record_start is None else one.record_start.isoformat()
    return {"IndexDate": ON.isoformat(), "Loaded": sorted(family.value for family in one.whole), "RecordStart": start}


def agree(evaluate: Evaluate, asked: Trial, cases: Sequence[Case]) -> int:
    """How many truths were compared; none of them differs."""
    told = {c.id: (c, fhirpath(c, load())) for c in asked.criteria}
    expressions = {name: one.expression for name, (_, one) in told.items() if isinstance(one, Expression)}
    reasons = Counter(one.reason for _, one in told.values() if isinstance(one, NoFhirPath))
    kernel = Kernel((asked,), ON)
    compared, different = 0, []
    answers = evaluate(expressions, [(one.bundle, constants(one)) for one in cases])
    for one, answer in zip(cases, answers, strict=True):
        truths = {question.atom: grades[0].truth for question, grades in kernel.atoms(one.facts)}
        for name in expressions:
            right = expected(told[name][0], truths, one.whole)
            compared += 1
            if answer[name] is not right:
                different.append((one.facts.patients[0].reference, name, right, answer[name]))
    print(f"{asked.id}: {len(expressions)} of {len(told)} criteria, {compared} truths, {len(different)} differ")
    for reason, number in reasons.most_common():
        print(f"  {number} without: {reason}")
    assert different == []
    return compared


@pytest.mark.parametrize("kind", SAID)
def test_they_agree_on_every_kind_that_is_said(fhirpath_evaluate: Evaluate, kind: str) -> None:
    asked = trial(kind, criteria(kind))
    made = (bundle(seed, asked.criteria, ON) for seed in range(PATIENTS[kind]))
    assert agree(fhirpath_evaluate, asked, [case(one, loaded(seed), seed) for seed, one in enumerate(made)])


def test_they_agree_on_what_is_combined(fhirpath_evaluate: Evaluate) -> None:
    asked = combined()
    made = (bundle(seed, asked.criteria, ON) for seed in range(200 if LONG else 40))
    found = agree(fhirpath_evaluate, asked, [case(one, loaded(seed), seed) for seed, one in enumerate(made)])
    assert found == len(COMBINED) * (200 if LONG else 40)


def test_they_agree_on_the_sample_patients(fhirpath_evaluate: Evaluate) -> None:
    files = sorted((sample_bundles() / "patients").glob("*.json"))
    cases = [case(orjson.loads(path.read_bytes()), None) for path in files]
    assert agree(fhirpath_evaluate, of_trials(), cases) >= 10 * len(cases)


@needs_corpus
def test_they_agree_on_the_corpus(fhirpath_evaluate: Evaluate) -> None:
    with gzip.open(SYNTHEA) as lines:
        cases = [case(orjson.loads(line), ALL) for n, line in enumerate(lines) if LONG or n % 5 == 0]
    assert len(cases) == (200 if LONG else 40)
    assert agree(fhirpath_evaluate, of_trials(), cases) >= 10 * len(cases)


@pytest.mark.parametrize("kind", sorted(set(QUESTIONS) - set(SAID)))
def test_what_is_not_said_says_why(kind: str) -> None:
    for criterion in criteria(kind):
        found = fhirpath(criterion, load())
        assert isinstance(found, NoFhirPath)
        assert found.reason
