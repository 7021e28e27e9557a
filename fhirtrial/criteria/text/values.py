"""A name and a comparison → Measurement, Ordinal or Age; what cannot be compared as written is None, never bent."""

from __future__ import annotations

import tomllib
from importlib.resources import files

from fhirtrial.criteria.text.lexemes import Bound, Bounds, Lasting, Lexeme, Rank
from fhirtrial.criteria.tree import Age, All, Dose, Measurement, Node, Not, Offset, Op, Ordinal, Window
from fhirtrial.terminology import Concept, Terminology, units

_DATA = files("fhirtrial.criteria.text") / "data"
_ASSUMED = tomllib.loads((_DATA / "assumed_units.toml").read_text(encoding="utf-8"))
_MONOVALENT = frozenset(tomllib.loads((_DATA / "monovalent.toml").read_text(encoding="utf-8"))["analytes"])
MEASURED = frozenset({"lab", "vital", "score"})
_TIMES = {"a", "mo", "wk", "d", "h", "min"}
_AGE_UNITS = {"a", "mo", "wk", "d"}
_DOSES = {"mg/d", "mg/kg/d", "g/d", "ug/d", "[iU]/d"}


def measured(terminology: Terminology, name: str, value: Bounds | Rank, window: Window | None = None) -> Node | None:
    """The comparison of one analyte, both ends of a range; None where a unit is missing, unknown or of another kind."""
    concept = terminology.concept(name)
    if isinstance(value, Rank):
        nodes = _ranked(concept, value, window)
    else:
        nodes = [n for b in value.each if (n := _bound(terminology, concept, b, window)) is not None]
        if len(nodes) != len(value.each):
            return None
    if not nodes:
        return None
    return nodes[0] if len(nodes) == 1 else All(nodes=tuple(nodes))


def aged(value: Bounds, *, negate: bool = False) -> Node | None:
    """The age that bounds of one unit ask for; years where no unit stands."""
    low: tuple[Op, float] | None = None
    high: tuple[Op, float] | None = None
    unit = next((b.unit for b in value.each if b.unit), "a")
    for bound in value.each:
        if bound.lost or bound.of != "absolute" or (bound.unit or unit) != unit or unit not in _AGE_UNITS:
            return None
        if bound.op in {">", ">="}:
            low = (bound.op, bound.value)
        elif bound.op in {"<", "<="}:
            high = (bound.op, bound.value)
        else:
            return None
    if low and high and low[1] > high[1]:
        return None
    fields: dict[str, object] = {"unit": unit}
    if low:
        fields |= {"low": low[1], "low_op": low[0]}
    if high:
        fields |= {"high": high[1], "high_op": high[0]}
    node = Age.model_validate(fields)
    return Not(node=node) if negate else node


def dose_of(value: object, equivalent: str | None = None) -> Dose | None:
    if not isinstance(value, Bounds) or len(value.each) != 1:
        return None
    bound = value.each[0]
    if bound.unit not in _DOSES or bound.op == "=" or bound.of != "absolute":
        return None
    return Dose.model_validate({"op": bound.op, "value": bound.value, "unit": bound.unit, "equivalent": equivalent})


def lasting_of(lexeme: Lexeme) -> Lasting | None:
    """A duration, also one written as a comparison with a unit of time (">= 3 months")."""
    if isinstance(lexeme.value, Lasting):
        return lexeme.value
    if isinstance(lexeme.value, Bounds) and len(lexeme.value.each) == 1:
        bound = lexeme.value.each[0]
        if bound.unit in {"a", "mo", "wk", "d", "h"} and not bound.lost and bound.op != "=":
            return Lasting(bound.op, Offset.model_validate({"value": bound.value, "unit": bound.unit}))
    return None


def bounded(lexeme: Lexeme) -> Lexeme:
    """A duration as the comparison that it is beside what is measured in time: "life expectancy of >= 3 months"."""
    if not isinstance(lexeme.value, Lasting):
        return lexeme
    length = lexeme.value.length
    bound = Bound(lexeme.value.op, length.value, length.unit)
    return Lexeme(lexeme.kind, lexeme.start, lexeme.end, lexeme.text, Bounds((bound,)))


def is_time(value: object) -> bool:
    return isinstance(value, Bounds) and all(b.unit in _TIMES for b in value.each)


def _bound(terminology: Terminology, concept: Concept, bound: Bound, window: Window | None) -> Node | None:
    if bound.lost or (bound.op == "=" and bound.of != "absolute"):
        return None
    if concept.ordinals:
        return _ordinal(concept, bound.op, int(bound.value), f"{bound.value:g}", window) if bound.unit is None else None
    name, unit = concept.name, bound.unit
    if unit is not None and unit.startswith("meq/") and name in _MONOVALENT:
        unit = f"mmol/{unit.removeprefix('meq/')}"
    if bound.maximum is not None and concept.kind != "score":
        return None
    if name.endswith("percent-predicted") and bound.of == "absolute" and unit != "%":
        return None
    if bound.predicted:
        name = name if name.endswith("percent-predicted") else f"{name}-percent-predicted"
        if name not in terminology.concepts:
            return None
    elif bound.of != "absolute":
        unit = None
    elif unit is None:
        own = concept.unit
        if own is None or not (own == "1" or own.startswith("{")):
            own = _assumed(name, bound.value)
        if own is None:
            return None
        unit = own
    elif not fits(concept, unit):
        return None
    elif unit.startswith("{score"):
        unit = concept.unit
    return Measurement(
        concept=name,
        op=bound.op,
        value=bound.value,
        unit=unit,
        of=bound.of,
        window=window,
        scale_max=bound.maximum,
    )


def fits(concept: Concept, unit: str) -> bool:
    if concept.unit is None or (unit in _TIMES) != (concept.unit in _TIMES):
        return False
    if units.convert(1.0, unit, concept.unit, concept.molar_mass) is not None:
        return True
    return (unit == concept.unit and units.known(unit)) or (unit.startswith("{score") and concept.unit == "1")


def _assumed(name: str, value: float) -> str | None:
    """The one unit that a number of this size is written in without saying so."""
    row = _ASSUMED.get(name)
    return str(row["unit"]) if row is not None and row["low"] <= value <= row["high"] else None


def _ranked(concept: Concept, value: Rank, window: Window | None) -> list[Node]:
    found: list[Node] = []
    highest = max(concept.ordinals.values(), default=None)
    for op, rank, label in value.each:
        if concept.ordinals:
            if op == "<=" and rank == highest and len(value.each) > 1:
                continue
            found.append(_ordinal(concept, op, rank, label, window))
        elif concept.kind == "score" and (concept.unit in {None, "1"} or str(concept.unit).startswith("{")):
            found.append(Measurement(concept=concept.name, op=op, value=rank, unit=concept.unit, window=window))
    return found


def _ordinal(concept: Concept, op: Op, rank: int, label: str, window: Window | None) -> Ordinal:
    return Ordinal(concept=concept.name, op=op, rank=rank, label=label, window=window)
