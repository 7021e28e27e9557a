"""G1 and G2: comparators with their numbers, against gold values; a bare "=" is a lost operator and never counted."""

from __future__ import annotations

import re

from chia import NOT_QUERYABLE, Entity, Line
from goals.tally import Tally

from fhirtrial.criteria.text.lexemes import Bound, Bounds, Lasting, Rank
from fhirtrial.criteria.text.parse import Finding, Parsed
from fhirtrial.criteria.text.quantities import read_value

_SIGN = re.compile(
    r"[<>≥≤]|\b(?:than|least|most|over|under|above|below|exceed\w*|between|older|younger|greater|more|less|up to)\b"
    r"|\d\s*(?:-|–|to)\s*\d",
    re.IGNORECASE,
)


def gold_values(line: Line) -> list[Entity]:
    """Gold values with a number and a comparator; a bare "=" is a lost operator and never counted."""
    return [
        e
        for e in line.labelled("Value")
        if re.search(r"\d", e.text) and _SIGN.search(e.text) and not re.match(r"\s*=", e.text)
    ]


def pairs(numbers: Tally, sets: Tally, line: Line, parsed: Parsed) -> None:
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
    made = [f for f in parsed.found if f.kind in {"compare", "duration"} and bounds_of(f)]
    gold = gold_values(line)
    valued = line.labelled("Value")
    for finding in made:
        if any(e.overlaps(finding.start, finding.end) for e in valued):
            numbers.made += 1
            numbers.hit += 1
        elif not any(e.overlaps(finding.start, finding.end) for e in other):
            numbers.made += 1
            numbers.wrong.append(f"{line.text[finding.start : finding.end]!r} in {line.text!r}")
    for entity in gold:
        numbers.gold += 1
        wanted = {round(float(n.replace(",", "")), 6) for n in re.findall(r"\d+(?:,\d{3})*(?:\.\d+)?", entity.text)}
        values = {round(b.value, 6) for f in made if entity.overlaps(f.start, f.end) for b in bounds_of(f)}
        if values & wanted or (values and not wanted):
            numbers.kept += 1
        else:
            numbers.missed.append(f"{entity.text!r} in {line.text!r}")
    truth = {(b.op, b.value) for e in gold for b in read_value(e.text) if not b.lost}
    told = {(b.op, b.value) for f in made if any(e.overlaps(f.start, f.end) for e in valued) for b in bounds_of(f)}
    sets.gold += len(truth)
    sets.kept += len(truth & told)
    sets.made += len(told)
    sets.hit += len(told & truth)
    if truth - told:
        sets.missed.append(f"{sorted(truth - told)} in {line.text!r}")
    if told - truth:
        sets.wrong.append(f"{sorted(told - truth)} in {line.text!r} gold {[e.text for e in valued]}")


def bounds_of(finding: Finding) -> tuple[Bound, ...]:
    """The comparisons of a finding, those of classes and durations too; none where an operator was lost."""
    value = finding.value
    if isinstance(value, Bounds):
        return () if any(b.lost for b in value.each) else value.each
    if isinstance(value, Rank):
        return tuple(Bound(op, float(rank)) for op, rank, _ in value.each if op != "=")
    if isinstance(value, Lasting) and value.op != "=":
        return (Bound(value.op, value.length.value, value.length.unit),)
    return ()
