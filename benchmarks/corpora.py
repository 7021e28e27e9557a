"""Each kind of corpus → the goals that can be counted on it; what a goal counts stands in goals/."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from chia import DOMAINS, Line, read_chia
from english_roundtrip import NAME, round_trip
from goals.comparisons import pairs
from goals.conservation import conservation, coverage
from goals.honesty import honesty
from goals.links import end_to_end, windows
from goals.logic import alternatives, negations
from goals.metamorphic import metamorphic
from goals.names import entities
from goals.spans import gold_spans
from goals.speed import Stopwatch, speed
from goals.tally import Tally, order, row

from fhirtrial.criteria.check import share
from fhirtrial.criteria.text.parse import Parsed, parse_criterion
from fhirtrial.criteria.wording import Names
from fhirtrial.records.eligibility import read_eligibility
from fhirtrial.records.fields import Eligibility
from fhirtrial.records.read import read_trials
from fhirtrial.terminology import Terminology

_SHOWN = 60
_WARMING = 100


class Goals(dict[str, Tally]):
    def __missing__(self, name: str) -> Tally:
        self[name] = Tally()
        return self[name]


def score_chia(folder: Path, terminology: Terminology, goal: str) -> None:
    lines = list(read_chia(folder))
    context: dict[str, str] = {}
    for line in lines:
        context[line.trial] = context.get(line.trial, "") + " " + line.text

    def parsed(line: Line) -> Parsed:
        return parse_criterion(line.text, line.kind, terminology, context[line.trial])

    for line in lines[:_WARMING]:
        parsed(line)
    with Stopwatch() as watch:
        results = [parsed(line) for line in lines]
    goals = Goals()
    names = Names.of(terminology)
    for line, result in zip(lines, results, strict=True):
        conservation(goals["G0 conservation"], line.text, result)
        pairs(goals["G1 comparator + number"], goals["G2 (op, value) sets"], line, result)
        gold_spans(goals["G3 gold values"], goals["G3 gold times"], line)
        end_to_end(goals["G4 analyte + op + value + unit"], line, result)
        windows(goals["G5 window on its entity"], line, result)
        for label, domain in DOMAINS.items():
            entities(goals[f"G6 {label.lower()}"], line, result, label, domain, terminology)
        negations(goals["G7 negation, exception"], line, result)
        alternatives(goals["G8 OR pairs"], line, result)
        honesty(goals.__getitem__, line, result)
        round_trip(goals[NAME], result.tree, names)
    metamorphic(goals["G13 metamorphic"])
    _print(goals, goal, watch, results)


def score_records(folder: Path, terminology: Terminology, goal: str) -> bool:
    """False where the folder holds no record."""
    result = read_trials(folder)
    if not result.records:
        return False
    goals, results = Goals(), []
    watch = Stopwatch()
    for record in result.records:
        context = " ".join(c.text for c in record.criteria)
        coverage(goals["G0 characters of the section"], record.eligibility_text or "")
        for criterion in record.criteria:
            if criterion.span is None:
                continue
            with watch:
                parsed = parse_criterion(criterion.text, criterion.kind, terminology, context)
            results.append(parsed)
            conservation(goals["G0 conservation"], criterion.text, parsed)
    print(f"records {len(result.records)}, failures {len(result.failures)}, criteria {len(results)}")
    _print(goals, goal, watch, results)
    return True


def score_lines(path: Path, terminology: Terminology, goal: str) -> None:
    """Reading a text into its criteria is in the speed here."""
    goals, results = Goals(), []
    watch = Stopwatch()
    for text in _texts(path):
        coverage(goals["G0 characters of the section"], text)
        with watch:
            criteria = [c for c in read_eligibility(text, Eligibility()).criteria if c.span is not None]
            own = [parse_criterion(c.text, c.kind, terminology, text) for c in criteria]
        results += own
        for criterion, parsed in zip(criteria, own, strict=True):
            conservation(goals["G0 conservation"], criterion.text, parsed)
    print(f"criteria {len(results)}")
    _print(goals, goal, watch, results)


def _texts(path: Path) -> Iterator[str]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield from json.loads(line)["texts"].values()


def _print(goals: Goals, goal: str, watch: Stopwatch, results: Iterable[Parsed]) -> None:
    for name, counts in sorted(goals.items(), key=lambda x: order(x[0])):
        print(row(name, counts))
        if goal and name.startswith(goal):
            print("  missed:", *counts.missed[:_SHOWN], sep="\n    ")
            print("  wrong:", *counts.wrong[:_SHOWN], sep="\n    ")
    shares = Counter(share(result.tree) for result in results)
    print(speed(shares.total(), watch.seconds))
    print("trees:", ", ".join(f"{name} {count}" for name, count in sorted(shares.items())))
