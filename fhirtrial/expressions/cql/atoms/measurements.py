"""Numeric results: absolute bounds, multiples of the result's own limits, ratios, ordinal classes."""

from __future__ import annotations

from collections import defaultdict

from fhirtrial.criteria.tree import Measurement, Ordinal
from fhirtrial.expressions.cql.atoms.results import limit, reduced, span_of
from fhirtrial.expressions.cql.names import UNKNOWN, decimal, key, name, string, strings
from fhirtrial.expressions.cql.piece import Helper, Piece
from fhirtrial.expressions.cql.quantities import converted, value_in
from fhirtrial.terminology import Terminology

_EXTREMES = {("max", ">"): "any", ("max", ">="): "any", ("min", "<"): "any", ("min", "<="): "any"}
_OUTWARD = {"uln": {">", ">="}, "lln": {"<", "<="}}


def measurement(atom: Measurement, terminology: Terminology) -> Piece:
    span = span_of(atom.concept, atom.window, terminology)
    select = _EXTREMES.get((atom.select, atom.op), "all") if atom.select in {"min", "max"} else atom.select
    if atom.over is not None:
        return _ratio(atom, atom.over, select, terminology)
    if atom.of != "absolute":
        grade, helpers = _against_limit(atom, terminology)
        return reduced(
            atom.concept, span, grade, select, count=atom.count, parts=frozenset({"limits"}), helpers=helpers
        )
    unit = atom.unit or ""
    grade = f'"Meets"({value_in(atom.concept, unit)}, F.comparator, {string(atom.op)}, {decimal(atom.value)})'
    function = converted(atom.concept, unit, terminology)
    return reduced(atom.concept, span, grade, select, count=atom.count, helpers=(function,))


def ordinal(atom: Ordinal, terminology: Terminology) -> Piece:
    function = _rank(atom.concept, terminology)
    rank = f"Coalesce(F.value, {function.name}(F.said, Lower(F.saidWords)))"
    bound = decimal(float(atom.rank))
    grade = f'"Compare"({rank}, {rank}, false, false, {string(atom.op)}, {bound})'
    span = span_of(atom.concept, atom.window, terminology)
    return reduced(atom.concept, span, grade, "latest", helpers=(function,))


def _against_limit(atom: Measurement, terminology: Terminology) -> tuple[str, tuple[Helper, ...]]:
    upper = atom.of == "uln"
    bound, helpers = limit(atom.concept, "high" if upper else "low", terminology)
    normal, beyond = _marks(atom)
    grade = (
        f'"Against limit"(F.value, F.comparator, {string(atom.op)}, {decimal(atom.value)},\n'
        f"          {bound},\n          F.marks, {str(upper).lower()}, {normal}, {beyond})"
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
    """Divided by a result of the other concept at the same clinical moment."""
    functions = []
    values = []
    for concept, row in ((atom.concept, "F"), (over, "D")):
        unit = terminology.concept(concept).unit or ""
        function = converted(concept, unit, terminology)
        functions.append(function)
        values.append(f"{function.name}({row}.value, {row}.unit)")
    divisor = (
        f'First(("Results of"({name(over)})) D\n'
        "            where D.sure is true and D.latest = F.latest and D.comparator is null\n"
        f"            return all {values[1]})"
    )
    bound = f"{string(atom.op)}, {decimal(atom.value)}"
    grade = f'"Meets"({values[0]}\n            / {divisor}, F.comparator, {bound})'
    return reduced(
        atom.concept,
        span_of(atom.concept, atom.window, terminology),
        grade,
        select,
        count=atom.count,
        concepts=frozenset({over}),
        helpers=tuple(functions),
    )


def _rank(concept: str, terminology: Terminology) -> Helper:
    """The concept's own table of ranks, by code and by whole text."""
    ranks: defaultdict[int, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for answer, rank in terminology.concept(concept).ordinals.items():
        if isinstance(answer, str):
            ranks[rank][1].append(answer)
        else:
            ranks[rank][0].append(key(*answer))
    tests = "\n".join(
        f'    when "Any of"(keys, {strings(codes)}) or words in {strings(texts)} then {rank}.0'
        for rank, (codes, texts) in sorted(ranks.items())
    )
    title = name(f"{concept} rank")
    body = f"  case\n{tests}\n    else null as Decimal\n  end" if tests else "  null as Decimal"
    return Helper(title, f"define function {title}(keys List<String>, words String):\n{body}")
