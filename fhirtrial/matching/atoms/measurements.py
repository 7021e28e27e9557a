"""Numeric results: absolute bounds, multiples of the result's own normal limits, ratios, ordinal classes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from fhirtrial.criteria.tree import Measurement, Op, Ordinal
from fhirtrial.matching.codes import State
from fhirtrial.matching.grades import NO, UNKNOWN, YES, Answer, Graded, Ints, constant
from fhirtrial.matching.quantities import Floats, Numbers, compare, interpretations, limits, numbers, significant
from fhirtrial.matching.reasons import Reason
from fhirtrial.matching.results import reduce_results
from fhirtrial.matching.view import View
from fhirtrial.patients.facts import Kind, Standing, ValueKind
from fhirtrial.terminology import units
from fhirtrial.terminology.systems import canonical

Judged = tuple[Graded, Callable[[int], str]]
HIGH = frozenset({"H", "HH", "HU", "HX", ">"})
LOW = frozenset({"L", "LL", "LU", "LX", "<"})
ABNORMAL = frozenset({"A", "AA"})
EXTREMES = {("max", ">"): "any", ("max", ">="): "any", ("min", "<"): "any", ("min", "<="): "any"}


def measurement(atom: Measurement, view: View) -> Answer:
    span = view.span(atom)
    if span is None:
        return constant(view.patients, UNKNOWN, Reason.NO_ANCHOR)
    select = atom.select
    if select in {"min", "max"}:
        select = EXTREMES.get((select, atom.op), "all")  # type: ignore[assignment]

    def judge(rows: Ints) -> Judged:
        if atom.over is not None:
            return _ratio(atom, atom.over, view, rows)
        if atom.of == "absolute":
            return _absolute(atom, view, rows)
        return _against_limit(atom, view, rows)

    return reduce_results(view, atom, span, select, judge, count=atom.count)


def ordinal(atom: Ordinal, view: View) -> Answer:
    concept = view.concept(atom.concept)
    span = view.span(atom)
    if span is None:
        return constant(view.patients, UNKNOWN, Reason.NO_ANCHOR)
    values = view.facts.vocabulary.codes.values

    def rank(number: int) -> float:
        codes = values[number]
        by_code = {concept.ordinals.get((canonical(system), code)) for system, code in codes.codings} - {None}
        by_word = {concept.ordinals.get(word.strip().lower()) for word in codes.words} - {None}
        found = list(by_code or by_word)
        return float(found[0] or 0) if len(found) == 1 else np.nan

    def judge(rows: Ints) -> Judged:
        coded = np.array([rank(n) for n in view.at("value", rows).tolist()], np.float64)
        n = numbers(view, rows, concept.unit or "1", None)
        numeric = (n.why == 0) & (n.low == n.high) & np.isin(n.low, list(concept.ordinals.values()))
        recorded = np.where(numeric, n.low, coded)
        empty = np.isin(view.at("value_kind", rows), (ValueKind.NONE, ValueKind.ABSENT))
        why = np.where(np.isnan(recorded), np.where(empty, Reason.ABSENT, Reason.UNCODED), 0)
        closed = np.zeros(len(rows), bool)
        exact = Numbers(recorded, recorded, closed, closed, why.astype(np.uint32))
        return compare(exact, atom.op, view.asked(atom.rank, rows)), partial(_class_asked, atom, view, rows)

    return reduce_results(view, atom, span, "latest", judge)


def _absolute(atom: Measurement, view: View, rows: Ints) -> Judged:
    concept = view.concept(atom.concept)
    n = numbers(view, rows, atom.unit or concept.unit, concept.molar_mass)
    bound = view.asked(atom.value, rows)

    def words(i: int) -> str:
        asker = view.asker(atom, int(rows[i]))
        return _worded(n, i, asker.op, bound[i], asker.unit or view.concept(asker.concept).unit or "")

    return compare(n, view.operators(atom.op, rows), bound), words


def _against_limit(atom: Measurement, view: View, rows: Ints) -> Judged:
    """`× ULN` in each result's own unit, by its own range; interpretation and range must not contradict each other."""
    concept = view.concept(atom.concept)
    side = "high" if atom.of == "uln" else "low"
    n = numbers(view, rows, None, None)
    asked = view.asked(atom.value, rows)
    bound, why, named = limits(view, rows, side, view.uln.get(atom.concept), concept.molar_mass)
    told = compare(n, atom.op, bound * asked)
    other = limits(view, rows, "low" if side == "high" else "high", None, concept.molar_mass)[0]
    ends = {"high": bound, "low": other} if side == "high" else {"high": other, "low": bound}
    lacking = (why != 0) & (n.why == 0)
    grade = np.where(lacking, UNKNOWN, told.grade).astype(np.int8)
    reasons = np.where(lacking, why, told.reasons).astype(np.uint32)
    valueless = n.why != 0
    for i, codes in enumerate(interpretations(view, rows)):
        if valueless[i]:
            grade[i], reasons[i] = _by_interpretation(atom, float(asked[i]), codes, int(reasons[i]))
        elif _contradicts(codes, n, ends["low"], ends["high"], i):
            grade[i], reasons[i] = UNKNOWN, Reason.CONFLICTING

    def words(i: int) -> str:
        unit = view.facts.vocabulary.strings.values[view.at("unit", rows[i])]
        said = _worded(n, i, atom.op, bound[i] * asked[i], unit)
        by = f", {named[i]}" if i in named else ""
        return said and f"{said} ({asked[i]:g} × {atom.of.upper()}{by})"

    return Graded(grade, lambda: reasons), words


def _by_interpretation(atom: Measurement, value: float, codes: frozenset[str], why: int) -> tuple[int, int]:
    """What a normal, high or low mark alone decides about a multiple of the limit (of ULN: k >= 1; of LLN: k <= 1)."""
    beyond, outward = (HIGH, {">", ">="}) if atom.of == "uln" else (LOW, {"<", "<="})
    wide = value >= 1 if atom.of == "uln" else value <= 1
    strict = value != 1 or atom.op in {">", "<="} if atom.of == "uln" else value != 1 or atom.op in {"<", ">="}
    if codes == {"N"} and wide and strict and atom.op != "=":
        return (NO if atom.op in outward else YES), 0
    if codes and codes <= beyond and value == 1 and atom.op != "=":
        return (YES if atom.op in outward else NO), 0
    return UNKNOWN, why


def _contradicts(codes: frozenset[str], n: Numbers, low: Floats, high: Floats, i: int) -> bool:
    """Whether the mark says other than value and range do; a limit that is not known (NaN) contradicts nothing."""
    above, below = n.low[i] > high[i], n.high[i] < low[i]
    not_above, not_below = n.high[i] <= high[i], n.low[i] >= low[i]
    return bool(
        (codes & HIGH and (not_above or below))
        or (codes & LOW and (not_below or above))
        or ("N" in codes and (above or below))
        or (codes & ABNORMAL and not_above and not_below)
    )


def _ratio(atom: Measurement, over: str, view: View, rows: Ints) -> Judged:
    """Divided by a simultaneous result: one of the other concept, of the same patient, at the same clinical moment.

    Two such results that differ leave nothing to divide by. A share (FiO2 of 40 %) divides as the number it is (0.4).
    """
    concept, below = view.concept(atom.concept), view.concept(over)
    n = numbers(view, rows, atom.unit or concept.unit, concept.molar_mass)
    others = view.rows(Kind.OBSERVATION)
    others = others[(view.states(over, others) == State.HIT) & (view.at("standing", others) == Standing.ASSERTED)]
    d = numbers(view, others, below.unit, below.molar_mass)
    share = (units.factor(below.unit, "1") if below.unit else None) or 1.0
    moment: dict[tuple[int, int], set[float]] = {}
    for i, key in enumerate(zip(*(view.at(c, others).tolist() for c in ("patient", "instant")), strict=True)):
        usable = d.why[i] == 0 and d.low[i] == d.high[i] > 0
        moment.setdefault(key, set()).add(float(d.low[i] * share) if usable else np.nan)
    keys = zip(*(view.at(c, rows).tolist() for c in ("patient", "instant")), strict=True)
    found = [moment.get(key, set()) for key in keys]
    divisor = np.array([next(iter(values)) if len(values) == 1 else np.nan for values in found], np.float64)
    lacking = np.array([Reason.CONFLICTING if len(values) > 1 else Reason.ABSENT for values in found], np.uint32)
    why = np.where(n.why == 0, np.where(np.isnan(divisor), lacking, 0), n.why).astype(np.uint32)
    n = Numbers(significant(n.low / divisor), significant(n.high / divisor), n.low_open, n.high_open, why)
    bound = view.asked(atom.value, rows)
    return compare(n, atom.op, bound), lambda i: _worded(n, i, atom.op, bound[i], atom.unit or "")


def _class_asked(atom: Ordinal, view: View, rows: Ints, i: int) -> str:
    asker = view.asker(atom, int(rows[i]))
    return f"{asker.op} {asker.label}"


def _worded(n: Numbers, i: int, op: Op, bound: float, unit: str) -> str:
    """The comparison as a reader wants it: `186 umol/L > 132 umol/L`."""
    if n.why[i]:
        return ""
    value = f"{n.low[i]:.12g}" if n.low[i] == n.high[i] else f"{_end(n, i)}"
    threshold = "?" if np.isnan(bound) else f"{bound:.12g}"
    return " ".join([f"{value} {unit}".strip(), op, f"{threshold} {unit}".strip()])


def _end(n: Numbers, i: int) -> str:
    if np.isinf(n.low[i]):
        return f"{'<' if n.high_open[i] else '<='} {n.high[i]:.12g}"
    if np.isinf(n.high[i]):
        return f"{'>' if n.low_open[i] else '>='} {n.low[i]:.12g}"
    return f"{n.low[i]:.12g}–{n.high[i]:.12g}"
