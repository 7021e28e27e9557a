"""Thirteen criteria of everyday kinds, asked of the same Bundles by the matcher, by cql-execution and by fhirpath.js.

`FHIRTRIAL_CORPUS=… python benchmarks/peers.py [PATIENTS]` prints CPU time per patient and criterion, and in how many
answers each peer differs, in the three values of CQL. The matcher's time is all of it, from the bytes of the Bundles
on, each Bundle by itself. Of the peers it is their own part alone: what their processes take before the first patient
(starting, translating, reading their models) is measured with one patient and taken off.
"""

from __future__ import annotations

import gzip
import os
import resource
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

# The engines and their harness are the tests' own.
sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))

from expressions.agreement import opened
from servers import cql_engine, fhirpath_engine

import fhirtrial
from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.tree import Age, Atom, Condition, Measurement, Offset, Sex, Window
from fhirtrial.criteria.truth import Truth
from fhirtrial.expressions.cql import library
from fhirtrial.expressions.fhirpath import Path as Expression
from fhirtrial.expressions.fhirpath import fhirpath
from fhirtrial.matching.match import Run
from fhirtrial.matching.result import Trial
from fhirtrial.patients.completeness import ALL
from fhirtrial.patients.facts import Facts, Family
from fhirtrial.patients.read import facts_of
from fhirtrial.samples import DEMO_DATE
from fhirtrial.terminology import load

Json = dict[str, Any]
Answers = list[bool | None]
YEAR = Window(anchor="screening", start=Offset(value=-12, unit="mo"))
ASKED: tuple[Atom, ...] = (
    Age(low=18),
    Age(high=75),
    Sex(value="female"),
    Condition(concept="hypertension", when="active"),
    Condition(concept="prediabetes", when="active"),
    Condition(concept="anemia", when="active"),
    Condition(concept="asthma", when="active"),
    Condition(concept="hyperlipidemia", when="active"),
    Condition(concept="obesity", when="active"),
    Measurement(concept="hemoglobin", op=">=", value=100, unit="g/L"),
    Measurement(concept="creatinine", op="<=", value=1.5, unit="mg/dL"),
    Measurement(concept="hba1c", op="<", value=6.5, unit="%", select="any", window=YEAR),
    Measurement(concept="platelets", op=">=", value=100, unit="10*9/L"),
)
CRITERIA = tuple(Criterion(id=f"inc-{n}", kind="inclusion", text=a.kind, tree=a) for n, a in enumerate(ASKED, 1))
TRIAL = Trial("peers", "peers", "RECRUITING", CRITERIA, "https://trials.example/peers", "")
FAMILIES = sorted(family.value for family in Family)


def main() -> None:
    corpus = os.environ.get("FHIRTRIAL_CORPUS")
    if corpus is None:
        sys.exit("FHIRTRIAL_CORPUS names no corpus: the patients are its 200 synthetic records")
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with gzip.open(Path(corpus) / "data" / "patients" / "synthea_bundles.ndjson.gz") as lines:
        patients = [line for line, _ in zip(lines, range(number), strict=False)]
    run = fhirtrial.match([TRIAL], (), DEMO_DATE)
    _one(run, patients[0])
    verdicts = _seconds(lambda: [run.screen(facts_of(line, loaded=ALL, on=DEMO_DATE)) for line in patients])
    ours = _seconds(lambda: [_one(run, line) for line in patients])
    right = [_truths(run, line) for line in patients]
    bundles = [orjson.loads(line) for line in patients]
    pairs = len(patients) * len(CRITERIA)
    print(f"{len(patients)} patients x {len(CRITERIA)} criteria, {sum(map(len, patients)) / 1e6:.0f} MB of Bundles\n")
    print("| engine | CPU us per patient and criterion | x the matcher's | answers that differ |\n|---|---|---|---|")
    print(f"| matcher, verdict alone, parsing included | {verdicts / pairs * 1e6:.1f} | | |")
    print(f"| matcher, every criterion with evidence, parsing included | {ours / pairs * 1e6:.1f} | | |")
    for name, asks, at_once in (("cql-execution", _cql, number), ("fhirpath.js", _fhirpath, fhirpath_engine.AT_ONCE)):
        (said, spent), (_, start) = _children(asks, bundles), _children(asks, bundles[:1])
        starts = -(-len(patients) // at_once)
        seconds = (spent - starts * start) * len(patients) / (len(patients) - starts)
        wrong = sum(a is not b for one, other in zip(right, said, strict=True) for a, b in zip(one, other, strict=True))
        times = f"{seconds / verdicts:.0f} (with evidence {seconds / ours:.0f})"
        print(f"| {name} | {seconds / pairs * 1e6:.1f} | {times} | {wrong} of {pairs} |")


def _one(run: Run, line: bytes) -> list[Any]:
    return list(run.matches(facts_of(line, loaded=ALL, on=DEMO_DATE)))


def _truths(run: Run, line: bytes) -> Answers:
    """A presumption counts as an answer: every family was read completely."""
    facts: Facts = facts_of(line, loaded=ALL, on=DEMO_DATE)
    (match,) = run.matches(facts)
    return [None if r.truth is Truth.UNKNOWN else r.truth > Truth.UNKNOWN for r in match.criteria]


def _cql(bundles: Sequence[Json]) -> list[Answers]:
    told = {"IndexDate": DEMO_DATE.isoformat(), "Loaded": FAMILIES, "RecordStart": None}
    names = [c.id for c in CRITERIA]
    text = library("Peers", "1", CRITERIA, load())
    found = cql_engine.execute(text, [opened(one) for one in bundles], told, defines=names)
    return [_listed(one.results, names) for one in found]


def _fhirpath(bundles: Sequence[Json]) -> list[Answers]:
    told = {"IndexDate": DEMO_DATE.isoformat(), "Loaded": FAMILIES, "RecordStart": []}
    said = {c.id: fhirpath(c, load()) for c in CRITERIA}
    expressions = {name: one.expression for name, one in said.items() if isinstance(one, Expression)}
    return [_listed(one, said) for one in fhirpath_engine.evaluate(expressions, [(one, told) for one in bundles])]


def _listed(results: Mapping[str, Any], names: Iterable[str]) -> Answers:
    return [results[name] for name in names]


def _seconds(work: Callable[[], object]) -> float:
    """CPU time, the less of two."""
    spent = []
    for _ in range(2):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return min(spent)


def _children(work: Callable[[Sequence[Json]], list[Answers]], bundles: Sequence[Json]) -> tuple[list[Answers], float]:
    before = _of_children()
    found = work(bundles)
    return found, _of_children() - before


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
