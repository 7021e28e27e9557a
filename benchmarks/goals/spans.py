"""G3: gold values and times handed to the readers alone, held against plain expressions that are not the parser's."""

from __future__ import annotations

import re

from chia import Line
from goals.comparisons import gold_values
from goals.tally import Tally

from fhirtrial.criteria.text.quantities import read_value
from fhirtrial.criteria.text.times import read_length

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


PLAIN_TIME = re.compile(r"(?P<n>\d+(?:\.\d+)?)\s*-?\s*(?P<u>year|month|week|day|hour)", re.IGNORECASE)


def gold_spans(values: Tally, times: Tally, line: Line) -> None:
    for entity in gold_values(line):
        simple, span = _PLAIN.match(entity.text), _PLAIN_RANGE.match(entity.text)
        if simple is None and span is None:
            continue
        values.gold += 1
        read = [(b.op, b.value) for b in read_value(entity.text)]
        if simple:
            sign = simple["op"].lower()
            equal = re.match(r"\s*(?:than\s+)?or\s+equal", entity.text[simple.end("op") :])
            wanted, digits = _PLAIN_OPS.get(sign, sign), simple["n"].rstrip("0").rstrip(".")[:3]
            right = any((equal or op == wanted) and str(value).rstrip("0").startswith(digits) for op, value in read)
        else:
            assert span is not None
            right = len(read) == 2 and {v for _, v in read} == {float(span["a"]), float(span["b"])}
        values.kept += right
        if not right:
            values.missed.append(f"{entity.text!r} → {read}")
    for entity in line.labelled("Temporal"):
        plain = PLAIN_TIME.search(entity.text)
        if plain is None or len(PLAIN_TIME.findall(entity.text)) > 1 or re.search(r"\d\s*(?:-|–|to)\s*\d", entity.text):
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
