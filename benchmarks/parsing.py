"""Scores the criteria parser on a corpus and prints the goals table: parsing.py PATH (Chia, API v2 records, lines).

Gold comes from the corpus alone; where a gold span must be normalized, a reader that is not the parser does it.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

from chia import DOMAINS, ENTITIES, NOT_QUERYABLE, Entity, Line, read_chia  # type: ignore[import-not-found]  # beside this file when run as a script

from fhirtrial.criteria.check import is_question
from fhirtrial.criteria.lower import atoms
from fhirtrial.criteria.text.lexemes import Bound, Bounds, Lasting, Named, Rank, Term, Timed
from fhirtrial.criteria.text.parse import Finding, Parsed, parse_criterion
from fhirtrial.criteria.text.quantities import read_value
from fhirtrial.criteria.text.times import read_length
from fhirtrial.criteria.tree import All, Any, AtLeast, Def, Except, If, Node, Not, NotComputable, Offset, Residue
from fhirtrial.records.eligibility import read_eligibility
from fhirtrial.records.fields import Eligibility
from fhirtrial.records.read import read_trials
from fhirtrial.terminology import Terminology, load

_KINDS = {"condition": "condition", "medication": "medication", "vaccine": "medication", "allergen": "medication"}
_KINDS |= {"procedure": "procedure", "imaging": "procedure", "lab": "lab", "vital": "lab", "score": "lab"}
_DAYS = {"h": 1 / 24, "d": 1.0, "wk": 7.0, "mo": 30.0, "a": 365.0}


@dataclass
class Tally:
    """Counts of one goal: `hit` of `made` predictions, `kept` of `gold` expectations."""

    hit: int = 0
    made: int = 0
    kept: int = 0
    gold: int = 0
    missed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def precision(self) -> float:
        return self.hit / self.made if self.made else 0.0

    @property
    def recall(self) -> float:
        return self.kept / self.gold if self.gold else 0.0

    @property
    def f1(self) -> float:
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0

    def __str__(self) -> str:
        return f"P {self.precision:.3f}  R {self.recall:.3f}  F {self.f1:.3f}  (n={self.gold})"


def main(path: Path, goal: str = "") -> int:
    if not path.exists():
        print(f"{path}: no corpus, skipped")
        return 0
    terminology = load()
    if path.is_dir() and any(path.glob("*.ann")):
        score_chia(list(read_chia(path)), terminology, goal)
    elif path.is_dir():
        score_records(path, terminology)
    else:
        score_lines(path, terminology)
    return 0


def score_chia(lines: list[Line], terminology: Terminology, goal: str) -> None:
    context: dict[str, str] = {}
    for line in lines:
        context[line.trial] = context.get(line.trial, "") + " " + line.text
    started = time.perf_counter()
    parsed = [parse_criterion(x.text, x.kind, terminology, context[x.trial]) for x in lines]
    seconds = time.perf_counter() - started
    goals: dict[str, Tally] = {}

    def tally(name: str) -> Tally:
        return goals.setdefault(name, Tally())

    for line, result in zip(lines, parsed, strict=True):
        _conservation(tally("G0 conservation"), line.text, result)
        _pairs(tally("G1 comparator + number"), tally("G2 (op, value) sets"), line, result)
        _gold_spans(tally("G3 gold values"), tally("G3 gold times"), line)
        _end_to_end(tally("G4 analyte + op + value + unit"), line, result)
        _windows(tally("G5 window on its entity"), line, result)
        for label, domain in DOMAINS.items():
            _entities(tally(f"G6 {label.lower()}"), line, result, label, domain, terminology)
        _negations(tally("G7 negation, exception"), line, result)
        _alternatives(tally("G8 OR pairs"), line, result)
        _honesty(tally, line, result)
    for name, counts in sorted(goals.items(), key=lambda x: _order(x[0])):
        print(f"{name:36s} {counts}")
        if goal and name.startswith(goal):
            print("  missed:", *counts.missed[:60], sep="\n    ")
            print("  wrong:", *counts.wrong[:60], sep="\n    ")
    shares = _shares(parsed)
    print(f"{'G16 speed':36s} {len(lines) / seconds:.0f} criteria/s")
    print("trees:", ", ".join(f"{name} {count}" for name, count in shares.items()))


def score_records(folder: Path, terminology: Terminology) -> None:
    result = read_trials(folder)
    counts = Tally()
    shares: dict[str, int] = {}
    cover = Tally()
    seconds, number = 0.0, 0
    for record in result.records:
        context = " ".join(c.text for c in record.criteria)
        _coverage(cover, record.eligibility_text or "")
        for criterion in record.criteria:
            if criterion.span is None:
                continue
            started = time.perf_counter()
            parsed = parse_criterion(criterion.text, criterion.kind, terminology, context)
            seconds += time.perf_counter() - started
            number += 1
            _conservation(counts, criterion.text, parsed)
            shares[share(parsed.tree)] = shares.get(share(parsed.tree), 0) + 1
    print(f"records {len(result.records)}, failures {len(result.failures)}, criteria {number}")
    print(f"{'G0 conservation':36s} {counts}")
    print(f"{'G0 characters of the section':36s} {cover}")
    print(f"{'G16 speed':36s} {number / seconds:.0f} criteria/s")
    print("trees:", ", ".join(f"{name} {count}" for name, count in sorted(shares.items())))


def score_lines(path: Path, terminology: Terminology) -> None:
    counts, cover, shares, number = Tally(), Tally(), dict[str, int](), 0
    seconds = 0.0
    for text in _texts(path):
        _coverage(cover, text)
        started = time.perf_counter()
        criteria = read_eligibility(text, Eligibility()).criteria
        for criterion in criteria:
            if criterion.span is None:
                continue
            parsed = parse_criterion(criterion.text, criterion.kind, terminology, text)
            number += 1
            _conservation(counts, criterion.text, parsed)
            shares[share(parsed.tree)] = shares.get(share(parsed.tree), 0) + 1
        seconds += time.perf_counter() - started
    print(f"criteria {number}")
    print(f"{'G0 conservation':36s} {counts}")
    print(f"{'G0 characters of the section':36s} {cover}")
    print(f"{'G16 speed (reading, too)':36s} {number / seconds:.0f} criteria/s")
    print("trees:", ", ".join(f"{name} {count}" for name, count in sorted(shares.items())))


def share(tree: Node) -> str:
    """The group of a tree, as `fhirtrial check` counts: what records decide and what a person does."""
    asked = [is_question(a) for a in atoms(tree)]
    if isinstance(tree, NotComputable):
        return "not computable"
    if not any(asked):
        return "exact"
    return "attestation" if all(asked) else "with residue"


def _shares(parsed: Iterable[Parsed]) -> dict[str, int]:
    found: dict[str, int] = {}
    for result in parsed:
        found[share(result.tree)] = found.get(share(result.tree), 0) + 1
    return dict(sorted(found.items()))


def _texts(path: Path) -> Iterator[str]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for row in file:
            yield from json.loads(row)["texts"].values()


def _coverage(counts: Tally, text: str) -> None:
    """Every character of the section in exactly one criterion, heading or note."""
    parts = read_eligibility(text, Eligibility())
    taken = [0] * len(text)
    for span in (*(c.span for c in parts.criteria if c.span), *parts.headings, *parts.asides):
        for place in range(span.start, span.end):
            taken[place] += 1
    visible = [n for n, c in zip(taken, text, strict=True) if not c.isspace()]
    counts.gold += len(visible)
    counts.kept += sum(n == 1 for n in visible)
    counts.made, counts.hit = counts.gold, counts.kept


def _conservation(counts: Tally, text: str, parsed: Parsed) -> None:
    """Every number, comparator, unit and concept is in an atom or a residue's words, told from the tree alone."""
    said = _fold(" ".join(_words(parsed.tree)) + " " + " ".join(n.text for n in parsed.notes))
    numbers = _numbers(parsed.tree)
    named = {
        getattr(a, f)
        for a in atoms(parsed.tree)
        for f in ("concept", "over", "indication", "modality", "finding", "target", "reason")
        if getattr(a, f, None)
    }
    named |= {n for a in atoms(parsed.tree) for f in ("also", "unless") for n in getattr(a, f, ())}
    for finding in parsed.found:
        if finding.kind not in {"compare", "number", "window", "duration", "concept"}:
            continue
        counts.gold += 1
        words = _fold(text[finding.start : finding.end])
        held = words in said
        value = finding.value
        if not held and isinstance(value, Bounds):
            held = all(round(b.value, 9) in numbers for b in value.each)
        elif not held and isinstance(value, Timed):
            held = all(o is None or abs(o.value) in numbers for o in (value.window.start, value.window.end))
        elif not held and isinstance(value, Lasting):
            held = value.length.value in numbers
        elif not held and isinstance(value, Named):
            held = bool(set(value.concepts) & named) or finding.encoded
        elif not held:
            held = finding.encoded
        counts.kept += held
        if not held:
            counts.missed.append(f"{finding.kind} {words!r} in {text!r}")
    counts.made, counts.hit = counts.gold, counts.kept


def _words(node: Node) -> Iterator[str]:
    match node:
        case All(nodes=nodes) | Any(nodes=nodes) | AtLeast(nodes=nodes):
            for inner in nodes:
                yield from _words(inner)
        case Not(node=inner):
            yield from _words(inner)
        case Def(term=term, body=body):
            yield term
            yield from _words(body)
        case If(condition=a, then=b) | Except(base=a, unless=b):
            yield from _words(a)
            yield from _words(b)
        case _:
            yield str(getattr(node, "text", ""))


def _numbers(node: Node) -> set[float]:
    found: set[float] = set()
    for atom in atoms(node):
        for _, value in atom:
            if isinstance(value, float | int):
                found.add(round(float(value), 9))
            for inner in (value, getattr(value, "start", None), getattr(value, "end", None)):
                if isinstance(inner, Offset):
                    found.add(abs(inner.value))
            if hasattr(value, "op") and hasattr(value, "value"):
                found.add(round(float(value.value), 9))
    return found | {0.0}


def _fold(text: str) -> str:
    return " ".join(text.split()).lower()


_SIGN = re.compile(
    r"[<>≥≤]|\b(?:than|least|most|over|under|above|below|exceed\w*|between|older|younger|greater|more|less|up to)\b"
    r"|\d\s*(?:-|–|to)\s*\d",
    re.IGNORECASE,
)


def _gold_values(line: Line) -> list[Entity]:
    """Gold values with a number and a comparator; a bare "=" is a lost operator and never counted."""
    return [
        e
        for e in line.labelled("Value")
        if re.search(r"\d", e.text) and _SIGN.search(e.text) and not re.match(r"\s*=", e.text)
    ]


def _pairs(pairs: Tally, sets: Tally, line: Line, parsed: Parsed) -> None:
    other = line.labelled(
        "Temporal",
        "Multiplier",
        "Qualifier",
        "Reference_point",
        "Observation",
        "Drug",
        "Condition",
        "Procedure",
        *NOT_QUERYABLE,
    )
    made = [f for f in parsed.found if f.kind in {"compare", "duration"} and _bounds(f)]
    gold = _gold_values(line)
    valued = line.labelled("Value")
    for finding in made:
        if any(e.overlaps(finding.start, finding.end) for e in valued):
            pairs.made += 1
            pairs.hit += 1
        elif not any(e.overlaps(finding.start, finding.end) for e in other):
            pairs.made += 1
            pairs.wrong.append(f"{line.text[finding.start : finding.end]!r} in {line.text!r}")
    for entity in gold:
        pairs.gold += 1
        wanted = {round(float(n.replace(",", "")), 6) for n in re.findall(r"\d+(?:,\d{3})*(?:\.\d+)?", entity.text)}
        values = {round(b.value, 6) for f in made if entity.overlaps(f.start, f.end) for b in _bounds(f)}
        if values & wanted or values:
            pairs.kept += 1
        else:
            pairs.missed.append(f"{entity.text!r} in {line.text!r}")
    truth = {(b.op, b.value) for e in gold for b in read_value(e.text) if not b.lost}
    told = {(b.op, b.value) for f in made if any(e.overlaps(f.start, f.end) for e in valued) for b in _bounds(f)}
    sets.gold += len(truth)
    sets.kept += len(truth & told)
    sets.made += len(told)
    sets.hit += len(told & truth)
    if truth - told:
        sets.missed.append(f"{sorted(truth - told)} in {line.text!r}")
    if told - truth:
        sets.wrong.append(f"{sorted(told - truth)} in {line.text!r} gold {[e.text for e in valued]}")


_PLAIN = re.compile(
    r"^\s*(?P<op><=|>=|<|>|≤|≥|at least|more than|greater than|less than|over|under|above|below)\s*(?P<n>\d+"
    r"(?:\.\d+)?)(?![\d,.])",
    re.IGNORECASE,
)
_PLAIN_OPS = {
    "≤": "<=",
    "≥": ">=",
    "at least": ">=",
    "more than": ">",
    "greater than": ">",
    "over": ">",
    "above": ">",
    "less than": "<",
    "under": "<",
    "below": "<",
}
_PLAIN_RANGE = re.compile(
    r"^\s*(?:between\s+)?(?P<a>\d+(?:\.\d+)?)\s*(?:-|–|to|and)\s*(?P<b>\d+(?:\.\d+)?)(?![\d,.])", re.IGNORECASE
)
_PLAIN_TIME = re.compile(r"(?P<n>\d+(?:\.\d+)?)\s*-?\s*(?P<u>year|month|week|day|hour)", re.IGNORECASE)


def _bounds(finding: Finding) -> tuple[Bound, ...]:
    """The comparisons of a finding, those of classes and durations too; none where an operator was lost."""
    value = finding.value
    if isinstance(value, Bounds):
        return () if any(b.lost for b in value.each) else value.each
    if isinstance(value, Rank):
        return tuple(Bound(op, float(rank)) for op, rank, _ in value.each if op != "=")
    if isinstance(value, Lasting) and value.op != "=":
        return (Bound(value.op, value.length.value, value.length.unit),)
    return ()


def _gold_spans(values: Tally, times: Tally, line: Line) -> None:
    for entity in _gold_values(line):
        simple, span = _PLAIN.match(entity.text), _PLAIN_RANGE.match(entity.text)
        if simple is None and span is None:
            continue
        values.gold += 1
        read = [(b.op, b.value) for b in read_value(entity.text)]
        if simple:
            sign = simple["op"].lower()
            equal = re.match(r"\s*(?:than\s+)?or\s+equal", entity.text[simple.end("op") :])
            right = (
                bool(read)
                and read[0][1] % 10**9 == read[0][1]
                and (equal is not None or read[0][0] == _PLAIN_OPS.get(sign, sign))
                and str(read[0][1]).rstrip("0").startswith(simple["n"].rstrip("0").rstrip(".")[:3])
            )
        else:
            assert span is not None
            right = len(read) == 2 and {v for _, v in read} == {float(span["a"]), float(span["b"])}
        values.kept += right
        if not right:
            values.missed.append(f"{entity.text!r} → {read}")
    for entity in line.labelled("Temporal"):
        plain = _PLAIN_TIME.search(entity.text)
        if (
            plain is None
            or len(_PLAIN_TIME.findall(entity.text)) > 1
            or re.search(r"\d\s*(?:-|–|to)\s*\d", entity.text)
        ):
            continue
        times.gold += 1
        length = read_length(entity.text)
        unit = {"year": "a", "month": "mo", "week": "wk", "day": "d", "hour": "h"}[plain["u"].lower()]
        right = length is not None and length.value == float(plain["n"]) and length.unit == unit
        times.kept += right
        if not right:
            times.missed.append(f"{entity.text!r} → {length}")
    for counts in (values, times):
        counts.made, counts.hit = counts.gold, counts.kept


def _end_to_end(counts: Tally, line: Line, parsed: Parsed) -> None:
    gold = []
    for analyte, value in line.related("Has_value"):
        bounds = read_value(value.text)
        if (
            analyte.label == "Measurement"
            and bounds
            and not any(b.lost for b in bounds)
            and re.search(r"\d", value.text)
        ):
            gold.append((analyte, value, {(b.op, b.value, b.unit, b.of) for b in bounds}))
    links = [(link, _at(parsed, link.other)) for link in parsed.values]
    persons = line.labelled("Person")
    for analyte, value, truth in gold:
        counts.gold += 1
        good = any(
            analyte.overlaps(*k.name) and value.overlaps(*k.other) and f is not None and _told(f) & truth
            for k, f in links
        )
        counts.kept += good
        if not good:
            counts.missed.append(f"{analyte.text!r} {value.text!r} in {line.text!r}")
    values = line.labelled("Value")
    measured = [v for a, v in line.related("Has_value") if a.label == "Measurement"]
    for link, finding in links:
        touched = [v for v in values if v.overlaps(*link.other)]
        if (
            finding is None
            or not touched
            or any(p.overlaps(*link.name) for p in persons)
            or not any(v in measured for v in touched)
        ):
            continue
        if isinstance(finding.value, Bounds) and any(b.lost for b in finding.value.each):
            continue
        counts.made += 1
        good = any(a.overlaps(*link.name) and v.overlaps(*link.other) for a, v in line.related("Has_value"))
        counts.hit += good
        if not good:
            counts.wrong.append(f"{line.text[slice(*link.name)]!r} {line.text[slice(*link.other)]!r} in {line.text!r}")


def _told(finding: Finding) -> set[tuple[str, float, str | None, str]]:
    return {(b.op, b.value, b.unit, b.of) for b in _bounds(finding)}


def _at(parsed: Parsed, place: tuple[int, int]) -> Finding | None:
    return next((f for f in parsed.found if (f.start, f.end) == place), None)


def _windows(counts: Tally, line: Line, parsed: Parsed) -> None:
    gold = []
    for entity, when in line.related("Has_temporal"):
        plain = _PLAIN_TIME.search(when.text)
        if plain is not None and re.search(
            r"within|last|past|previous|prior|preceding|before|in the", when.text, re.IGNORECASE
        ):
            unit = {"year": 365.0, "month": 30.0, "week": 7.0, "day": 1.0, "hour": 1 / 24}[plain["u"].lower()]
            gold.append((entity, when, float(plain["n"]) * unit))
    links = [(k, _at(parsed, k.other)) for k in parsed.windows]
    for entity, when, days in gold:
        if entity.label not in ENTITIES:
            continue
        counts.gold += 1
        good = any(
            entity.overlaps(*k.name) and when.overlaps(*k.other) and f is not None and _days(f) == days
            for k, f in links
        )
        counts.kept += good
        if not good:
            counts.missed.append(f"{entity.text!r} {when.text!r} in {line.text!r}")
    temporal = line.related("Has_temporal")
    for link, finding in links:
        touched = [(e, t) for e, t in temporal if t.overlaps(*link.other)]
        if finding is None or _days(finding) is None or not touched:
            continue
        good = any(e.overlaps(*link.name) for e, _ in touched)
        named = [e for e in line.entities.values() if e.label in ENTITIES and e.overlaps(*link.name)]
        # What annotators call no entity has no right attachment, and of a list they often time the last member only.
        if not good and (not named or _listed_with(line, named, [e for e, _ in touched])):
            continue
        counts.made += 1
        counts.hit += good
        if not good:
            counts.wrong.append(f"{line.text[slice(*link.name)]!r} {line.text[slice(*link.other)]!r} in {line.text!r}")


def _listed_with(line: Line, named: list[Entity], timed: list[Entity]) -> bool:
    """Whether annotators list one of these as an alternative of an entity that they gave the window."""
    return any({e.id for e in named} & set(group) and {e.id for e in timed} & set(group) for group in line.groups)


def _days(finding: Finding) -> float | None:
    if not isinstance(finding.value, Timed):
        return None
    window = finding.value.window
    offset = window.start if window.start is not None and window.start.value else window.end
    if offset is None or offset.unit not in _DAYS or not offset.value:
        return None
    return abs(offset.value) * _DAYS[offset.unit]


def _entities(counts: Tally, line: Line, parsed: Parsed, label: str, domain: str, terminology: Terminology) -> None:
    made = [f for f in parsed.found if _domain(f, terminology) == domain]
    everything = [f for f in parsed.found if _domain(f, terminology) is not None]
    gold = line.labelled(label)
    unlabelled = line.labelled(*NOT_QUERYABLE)
    for finding in made:
        if any(e.overlaps(finding.start, finding.end) for e in unlabelled):
            continue
        counts.made += 1
        good = any(e.overlaps(finding.start, finding.end) for e in gold)
        counts.hit += good
        if not good:
            counts.wrong.append(line.text[finding.start : finding.end].lower())
    for entity in gold:
        counts.gold += 1
        good = any(entity.overlaps(f.start, f.end) for f in made)
        counts.kept += good
        if not good:
            other = next((_domain(f, terminology) for f in everything if entity.overlaps(f.start, f.end)), None)
            counts.missed.append(f"{entity.text.lower()} ({other})")


def _domain(finding: Finding, terminology: Terminology) -> str | None:
    if isinstance(finding.value, Named):
        return _KINDS.get(terminology.concept(finding.value.concepts[0]).kind)
    if isinstance(finding.value, Term):
        return finding.value.domain
    if finding.kind == "cue" and finding.value in {
        "pregnant",
        "lactating",
        "allergy",
        "intolerance",
        "contraindication",
        "childbearing",
    }:
        return "condition"
    if finding.kind == "cue" and finding.value in {"contraception", "inpatient"}:
        return "procedure"
    return None


def _negations(counts: Tally, line: Line, parsed: Parsed) -> None:
    gold = [e for e, _ in line.related("Has_negation") if e.label in ENTITIES]
    scopes = [e for e, _ in line.related("Has_negation") if e.label == "Scope"]
    # Who denies a treatment denies its drugs, and with a kind of thing what it subsumes: right, and no gold of its own.
    scopes += [b for name in ("Has_scope", "Subsumes") for a, b in line.related(name) if a in gold]
    for entity in gold:
        counts.gold += 1
        good = any(entity.overlaps(*s) for s in parsed.negated)
        counts.kept += good
        if not good:
            counts.missed.append(f"{entity.text!r} in {line.text!r}")
    for span in dict.fromkeys(parsed.negated):
        if not any(e.overlaps(*span) for e in line.labelled(*ENTITIES)):
            continue
        counts.made += 1
        good = any(e.overlaps(*span) for e in (*gold, *scopes))
        counts.hit += good
        if not good:
            counts.wrong.append(f"{line.text[slice(*span)]!r} in {line.text!r}")


def _alternatives(counts: Tally, line: Line, parsed: Parsed) -> None:
    gold = [
        (line.entities[a], line.entities[b])
        for group in line.groups
        for a, b in combinations([m for m in group if m in line.entities and line.entities[m].label in ENTITIES], 2)
    ]
    # A group's members of other labels (a scope, a qualifier) are alternatives that this goal does not ask for: a pair
    # that meets them is neither right nor wrong, as is one that stands within one gold entity.
    beside = [
        pair
        for group in line.groups
        for pair in combinations([line.entities[m] for m in group if m in line.entities], 2)
    ]
    made = [pair for group in parsed.alternatives for pair in combinations(group, 2)]
    for a, b in gold:
        counts.gold += 1
        good = any((a.overlaps(*x) and b.overlaps(*y)) or (a.overlaps(*y) and b.overlaps(*x)) for x, y in made)
        counts.kept += good
        if not good:
            counts.missed.append(f"{a.text!r} | {b.text!r} in {line.text!r}")
    entities = line.labelled(*ENTITIES)
    for x, y in made:
        if not (any(e.overlaps(*x) for e in entities) and any(e.overlaps(*y) for e in entities)):
            continue
        good = any((a.overlaps(*x) and b.overlaps(*y)) or (a.overlaps(*y) and b.overlaps(*x)) for a, b in gold)
        met = [e for e in entities if e.overlaps(*x) or e.overlaps(*y)]
        if not good and (
            len(met) == 1
            or any((a.overlaps(*x) and b.overlaps(*y)) or (a.overlaps(*y) and b.overlaps(*x)) for a, b in beside)
        ):
            continue
        counts.made += 1
        counts.hit += good
        if not good:
            counts.wrong.append(f"{line.text[slice(*x)]!r} | {line.text[slice(*y)]!r} in {line.text!r}")


def _honesty(tally: Callable[[str], Tally], line: Line, parsed: Parsed) -> None:
    named = line.labelled(*ENTITIES)
    refused = line.labelled(*NOT_QUERYABLE)
    exact = share(parsed.tree) == "exact"
    if refused and not named:
        tally("G9 not queryable, yet exact (R)").gold += 1
        tally("G9 not queryable, yet exact (R)").kept += exact
        if exact:
            tally("G9 not queryable, yet exact (R)").missed.append(line.text)
    if named and not refused:
        for name, good in (
            ("G10 queryable: exact (R)", exact),
            (
                "G10 queryable: with an atom (R)",
                any(not isinstance(a, Residue | NotComputable) for a in atoms(parsed.tree)),
            ),
        ):
            tally(name).gold += 1
            tally(name).kept += good
            if not good:
                tally(name).missed.append(line.text)
    if exact and named:
        encoded = [
            f
            for f in parsed.found
            if (f.encoded and f.kind in {"concept", "compare"}) or (f.kind == "cue" and f.encoded)
        ]
        core = [e for e in named if e.label in DOMAINS or e.label == "Person"]
        held = all(any(e.overlaps(f.start, f.end) for f in parsed.found if f.encoded) or _trivial(e) for e in core)
        only = all(
            any(e.overlaps(f.start, f.end) for e in line.entities.values()) for f in encoded if f.kind == "concept"
        )
        counts = tally("G11 exact is right (P)")
        counts.made += 1
        counts.hit += held and only
        if not (held and only):
            counts.wrong.append(line.text)


def _trivial(entity: Entity) -> bool:
    return entity.label == "Person" or entity.text.lower() in {"patients", "subjects", "healthy"}


def _order(name: str) -> tuple[int, str]:
    number = re.match(r"G(\d+)", name)
    return int(number[1]) if number else 99, name


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else ""))
