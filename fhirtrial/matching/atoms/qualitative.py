"""Qualitative results: positive and negative by the closed lexicon, elevated and the like by mark or own range."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fhirtrial.criteria.tree import Result
from fhirtrial.matching.grades import NO, UNKNOWN, YES, Answer, Bits, Graded, Ints, constant
from fhirtrial.matching.quantities import Floats, Numbers, compare, interpretations, limits, numbers
from fhirtrial.matching.reasons import Reason
from fhirtrial.matching.results import reduce_results
from fhirtrial.matching.view import View
from fhirtrial.patients.facts import CodeSet, ValueKind
from fhirtrial.terminology import qualitative
from fhirtrial.terminology.systems import canonical


def result(atom: Result, view: View) -> Answer:
    concept = view.concept(atom.concept)
    recency = view.policy.recency_days(concept)
    span = view.span(atom)
    if span is None:
        return constant(view.patients, UNKNOWN, Reason.NO_ANCHOR)
    # a serology stays positive: without a recency any positive decides, whatever came later
    lasting = recency is None and atom.result == "positive"
    select = "any" if lasting else atom.select

    def judge(rows: Ints) -> tuple[Graded, Callable[[int], str]]:
        yes, no = qualitative.SAYS[atom.result]
        said = _readings(view, rows, concept.molar_mass)
        grade = np.full(len(rows), UNKNOWN, np.int8)
        reasons = np.zeros(len(rows), np.uint32)
        for i, (reading, why) in enumerate(said):
            if reading in yes:
                grade[i] = YES
            elif reading in no:
                grade[i] = NO
            else:
                reasons[i] = why or Reason.UNCONFIRMED
        return Graded(grade, lambda: reasons), lambda i: said[i][0]

    return reduce_results(view, atom, span, select, judge)


def reading(codes: CodeSet) -> str:
    """What a coded or written value says in the lexicon's words: its codes first, else each of its words."""
    coded = qualitative.read(codes.codings, None)
    worded = {qualitative.read((), word) for word in codes.words} - {None}
    if coded or not worded:
        return coded or ""
    return str(worded.pop()) if len(worded) == 1 else "equivocal"


def _readings(view: View, rows: Ints, molar_mass: float | None) -> list[tuple[str, int]]:
    """Per row what it says in the lexicon's words, or "" and why it does not say."""
    n = numbers(view, rows, None, None)
    ends = {side: limits(view, rows, side, None, molar_mass)[:2] for side in ("high", "low")}
    marks = interpretations(view, rows)
    values = view.facts.vocabulary.codes.values
    columns = zip(*(view.at(c, rows).tolist() for c in ("value_kind", "value", "low")), strict=True)
    said: list[tuple[str, int]] = []
    for i, (kind, value, number) in enumerate(columns):
        marked = qualitative.read(frozenset((canonical("interpretation"), m) for m in marks[i]), "") or ""
        match kind:
            case ValueKind.CODED | ValueKind.TEXT:
                said.append(_joined(reading(values[value]), marked))
            case ValueKind.BOOLEAN:
                said.append(_joined("positive" if number else "negative", marked))
            case ValueKind.QUANTITY | ValueKind.RANGE:
                said.append(_joined(_by_range(n, ends, i), marked, Reason.NO_REFERENCE_RANGE))
            case ValueKind.RATIO:
                said.append((marked, 0) if marked else ("", Reason.NO_REFERENCE_RANGE))
            case _:
                said.append((marked, 0) if marked else ("", Reason.ABSENT))
    return said


def _joined(reading: str, marked: str, why: int = Reason.UNCONFIRMED) -> tuple[str, int]:
    """Value and interpretation together: they may complete each other, never contradict."""
    if reading in {"", "equivocal"}:
        return (marked, 0) if marked and not reading else ("", why)
    opposite = any({reading, marked} & yes and {reading, marked} & no for yes, no in qualitative.SAYS.values())
    return ("", Reason.CONFLICTING) if opposite else (reading, 0)


def _by_range(n: Numbers, ends: dict[str, tuple[Floats, Bits]], i: int) -> str:
    """A number against its own limits; only what surely lies on one side says so."""
    if n.why[i]:
        return ""
    at = slice(i, i + 1)
    one = Numbers(n.low[at], n.high[at], n.low_open[at], n.high_open[at], n.why[at])
    high, low = (ends[side][0][at] for side in ("high", "low"))
    if ends["high"][1][i] == 0 and compare(one, ">", high).grade[0] == YES:
        return "elevated"
    if ends["low"][1][i] == 0 and compare(one, "<", low).grade[0] == YES:
        return "decreased"
    within = ends["high"][1][i] == 0 and compare(one, "<=", high).grade[0] == YES
    bottomless = ends["low"][1][i] == Reason.NO_REFERENCE_RANGE or (
        ends["low"][1][i] == 0 and compare(one, ">=", low).grade[0] == YES
    )
    return "normal" if within and bottomless else ""
