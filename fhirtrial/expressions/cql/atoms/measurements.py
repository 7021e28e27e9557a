"""Numeric results: absolute bounds, multiples of the result's own limits, ratios, ordinal classes."""

from __future__ import annotations

from collections import defaultdict

from fhirtrial.criteria.tree import Measurement, Ordinal
from fhirtrial.expressions.cql.atoms.results import PLAIN, limit, reduced, span_of
from fhirtrial.expressions.cql.names import UNKNOWN, decimal, key, name, string, strings
from fhirtrial.expressions.cql.piece import Helper, Piece
from fhirtrial.expressions.cql.quantities import converted, interval, one
from fhirtrial.terminology import Terminology, units

_EXTREMES = {("max", ">"): "any", ("max", ">="): "any", ("min", "<"): "any", ("min", "<="): "any"}
_OUTWARD = {"uln": {">", ">="}, "lln": {"<", "<="}}


def measurement(atom: Measurement, terminology: Terminology) -> Piece:
    span = span_of(atom.concept, atom.window, terminology)
    select = _EXTREMES.get((atom.select, atom.op), "all") if atom.select in {"min", "max"} else atom.select
    if atom.over is not None:
        return _ratio(atom, atom.over, select, terminology)
    if atom.of != "absolute":
        grade, helpers = _against_limit(atom, terminology)
        return reduced(atom, span, grade, select, count=atom.count, parts=frozenset({"limits"}), helpers=helpers)
    unit, times = atom.unit or terminology.concept(atom.concept).unit or "", units.magnified(atom.value)
    function = converted(atom.concept, unit, terminology, times)
    grade = f'"Meets"({interval(function)}, {string(atom.op)}, {_bound(atom)})'
    return reduced(atom, span, grade, select, count=atom.count, helpers=(function,))


def _bound(atom: Measurement) -> str:
    return decimal(units.significant(atom.value * units.magnified(atom.value)))


def ordinal(atom: Ordinal, terminology: Terminology) -> Piece:
    concept = terminology.concept(atom.concept)
    ranked, function = _rank(atom.concept, terminology), converted(atom.concept, concept.unit or "1", terminology)
    ranks = ", ".join(decimal(rank) for rank in sorted(set(concept.ordinals.values())))
    number = one(function, "low")
    rank = (
        f"(if F.low = F.high and F.comparator is null and {number} in {{ {ranks} }}\n"
        f"            then {number} else {ranked.name}(F.said, F.saidWords))"
    )
    bound = decimal(float(atom.rank))
    grade = f'"Compare"({rank}, {rank}, false, false, {string(atom.op)}, {bound})'
    span = span_of(atom.concept, atom.window, terminology)
    return reduced(atom, span, grade, "latest", helpers=(ranked, function))


def _against_limit(atom: Measurement, terminology: Terminology) -> tuple[str, tuple[Helper, ...]]:
    """By value and limit; marks decide where there is no number, and leave open what they contradict."""
    least, helpers = limit(atom.concept, "low", terminology)
    most, _ = limit(atom.concept, "high", terminology)
    normal, beyond = _marks(atom)
    upper = atom.of == "uln"
    value = f"{PLAIN}, F.bottomless, F.topless, F.comparator"
    once = most if upper else least
    bound = once if atom.value == 1 else f'"Times"({once}, {decimal(atom.value)})'
    grade = (
        f'(if not F.numeric then "By marks"(F.marks, {str(upper).lower()}, {normal}, {beyond})\n'
        f'        else if "Marked otherwise"({value},\n          {least},\n          {most},\n          F.marks)'
        f' then {UNKNOWN}\n        else "Meets"({value}, {string(atom.op)},\n'
        f"          {bound}))"
    )
    return grade, helpers


def _marks(atom: Measurement) -> tuple[str, str]:
    """What a normal mark, and one beyond the limit, decide about the multiple without any number."""
    outward = atom.op in _OUTWARD[atom.of]
    wide = atom.value >= 1 if atom.of == "uln" else atom.value <= 1
    strict = atom.value != 1 or atom.op in ({">", "<="} if atom.of == "uln" else {"<", ">="})
    decided = atom.op != "="
    normal = str(not outward).lower() if wide and strict and decided else UNKNOWN
    beyond = str(outward).lower() if atom.value == 1 and decided else UNKNOWN
    return normal, beyond


def _ratio(atom: Measurement, over: str, select: str, terminology: Terminology) -> Piece:
    """Divided by a result of the other concept at the same clinical moment; two that differ leave nothing to divide by.

    A share (FiO2 of 40 %) divides as the number it is (0.4).
    """
    concept, below = terminology.concept(atom.concept), terminology.concept(over)
    above = converted(atom.concept, atom.unit or concept.unit or "", terminology, units.magnified(atom.value))
    under = converted(over, below.unit or "", terminology)
    share = (units.factor(below.unit, "1") if below.unit else None) or 1.0
    number = one(under, "low", "D")
    at_once = f'(("Results of"({name(over)})) D\n            where D.sure is true and D.latest = F.latest'
    usable = f"D.low = D.high and D.comparator is null and {number} > 0"
    divisor = (
        f"(if exists {at_once} and not Coalesce({usable}, false)) then null as Decimal\n"
        f"          else singleton from (distinct {at_once} return all {number})\n"
        f"            K where Count(distinct {at_once} return all {number})) = 1))"
    )
    scale = "" if share == 1 else f" * {decimal(share)}"
    low, high = (f"{one(above, end)} / ({divisor}{scale})" for end in ("low", "high"))
    met = f'"Meets"({low},\n          {high},\n          F.bottomless, F.topless, F.comparator, '
    return reduced(
        atom,
        span_of(atom.concept, atom.window, terminology),
        f"{met}{string(atom.op)}, {_bound(atom)})",
        select,
        empty=(
            f"(F.empty or {above.name}(Coalesce(F.low, F.high), F.divisor, F.unit) is not null\n"
            f"          and not exists {at_once} and {usable}))"
        ),
        count=atom.count,
        concepts=frozenset({over}),
        helpers=(above, under),
    )


def _rank(concept: str, terminology: Terminology) -> Helper:
    """The concept's own table of ranks, by code, else by each word; none where several are named."""
    ranks: defaultdict[int, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for answer, rank in terminology.concept(concept).ordinals.items():
        if isinstance(answer, str):
            ranks[rank][1].append(answer)
        else:
            ranks[rank][0].append(key(*answer))
    by_code, by_word = (
        "flatten {\n"
        + ",\n".join(
            f'      if "Any of"({source}, {strings(found[side])}) then {{ {rank}.0 }} else List<Decimal> {{ }}'
            for rank, found in sorted(ranks.items())
        )
        + " }"
        for side, source in ((0, "keys"), (1, "words"))
    )
    coded, title = name(f"{concept} ranks"), name(f"{concept} rank")
    text = (
        f"define function {coded}(keys List<String>, words List<String>):\n"
        f"  if exists ({by_code}) then\n    {by_code}\n"
        f"  else {by_word}\n\n"
        f"define function {title}(keys List<String>, words List<String>):\n"
        f"  if Count({coded}(keys, words)) = 1 then First({coded}(keys, words)) else null as Decimal"
    )
    return Helper(title, text)
