"""Daily doses against a bound: strengths for tablets, prednisone equivalents for classes, body weight for mg/kg."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from fhirtrial.criteria.tree import Dose
from fhirtrial.expressions.cql.atoms.results import PARTS, span_of
from fhirtrial.expressions.cql.names import decimal, key, name, string, strings
from fhirtrial.expressions.cql.piece import Helper
from fhirtrial.expressions.cql.quantities import converted, is_in, one, scaled, written
from fhirtrial.terminology import Terminology, medicines, units
from fhirtrial.terminology.products import product

_WEIGHT = "body-weight"


@dataclass(frozen=True)
class Dosing:
    """One exposure F: `let` names its interval in the bound's unit, `truth` compares it with `bound`.

    `adds` where different drugs of a class add up.
    """

    let: str = ""
    truth: str = ""
    bound: str = ""
    adds: bool = False
    parts: frozenset[str] = frozenset()
    concepts: frozenset[str] = frozenset()
    helpers: tuple[Helper, ...] = ()


def daily_dose(dose: Dose, concept: str, terminology: Terminology) -> Dosing:
    unit = dose.unit.split("/", 1)[0]
    weighed = dose.unit.endswith("/kg/d")
    amount = _amount(concept, unit, terminology, weighed=weighed)
    factor, equivalents, members = _equivalent(dose, concept, terminology)
    divisor = "(if EndsWith(dose.unit, '/kg') then 1.0 else \"Weight in kg\")" if weighed else "1.0"
    low, high = (
        f'"Significant"("Scaled"({amount.name}(dose.{end}, F.keys, dose.unit), {factor}, {divisor}))'
        for end in ("low", "high")
    )
    bound = f"{string(dose.op)}, {decimal(dose.value)}"
    weight = _weight(terminology) if weighed else ()
    return Dosing(
        let=f'\n      let dose: "Dose of"(F.dosage, F.given),\n        low: {low},\n        high: {high}',
        truth=f'"Compare"(low, high, false, false, {bound})',
        bound=bound,
        adds=dose.op in {">", ">="},
        parts=PARTS | {"dosing"},
        concepts=members | ({_WEIGHT} if weighed else set()),
        helpers=(amount, *equivalents, *weight),
    )


def _amount(concept: str, unit: str, terminology: Terminology, *, weighed: bool) -> Helper:
    """An amount of the product in `unit`: of a mass or of units of activity, or in tablets of its stated strength.

    A bound per kg also takes what is dosed per kg.
    """
    by_factor: defaultdict[float, list[str]] = defaultdict(list)
    for recorded in written():
        factor = units.factor(recorded, f"{unit}/kg" if weighed and recorded.endswith("/kg") else unit)
        if factor is not None:
            by_factor[factor].append(recorded)
    masses = [f"    when {is_in(w)} then {scaled('amount', f)}" for f, w in sorted(by_factor.items())]
    strengths: defaultdict[float, list[str]] = defaultdict(list)
    for code in terminology.value_set(concept):
        found = product(code.code)
        if found is not None and found.strength is not None:
            mass = units.factor(found.strength[1], unit)
            if mass is not None:
                strengths[units.significant(found.strength[0] * mass)].append(key(code.system, code.code))
    tablets = [
        f'    when "Counted"(unit) and "Any of"(keys, {strings(k)}) then {scaled("amount", s)}'
        for s, k in sorted(strengths.items())
    ]
    title = name(f"{concept} dose in {unit}{'/kg' if weighed else ''}")
    tests = "\n".join(('    when amount = "Infinity" then amount', *masses, *tablets))
    text = (
        f"define function {title}(amount Decimal, keys List<String>, unit String):\n"
        f"  case\n{tests}\n    else null as Decimal\n  end"
    )
    return Helper(title, text)


def _equivalent(dose: Dose, concept: str, terminology: Terminology) -> tuple[str, tuple[Helper, ...], frozenset[str]]:
    if dose.equivalent is None:
        return "1.0", (), frozenset()
    factors = medicines.prednisone_factors() if dose.equivalent == "prednisone" else {}
    members = [m for m in terminology.members(concept) if m in factors]
    tests = "\n".join(
        f"    when \"Is\"(keys, '', {name(m)}) is true then {decimal(units.significant(factors[m]))}" for m in members
    )
    title = name(f"{concept} as {dose.equivalent}")
    body = f"  case\n{tests}\n    else null as Decimal\n  end" if tests else "  null as Decimal"
    helper = Helper(title, f"define function {title}(keys List<String>):\n{body}")
    return f"{title}(F.keys)", (helper,), frozenset(members)


def _weight(terminology: Terminology) -> tuple[Helper, ...]:
    """The latest usable body weight within its recency; none where the latest disagree."""
    function = converted(_WEIGHT, "kg", terminology)
    span = span_of(_WEIGHT, None, terminology)
    days = span.days if span is not None else ""
    usable = (
        f'("Results of"({name(_WEIGHT)})) F\n'
        f"    let kg: {one(function, 'low')}\n"
        "    where F.sure is true and kg > 0 and F.low = F.high and F.comparator is null\n"
        f'      and "Placed"(F.startLow, F.startHigh, F.lastDay, {days})\n'
        '    return all { kg: "Significant"(kg), earliest: F.earliest, latest: F.latest }'
    )
    last = (
        '"Weights in kg" W\n      where W.latest >= Min("Weights in kg" V\n'
        '        where V.latest = Max("Weights in kg" U return all U.latest) return all V.earliest)\n'
        "      return all W.kg"
    )
    deciding = (
        f'define "Last weights in kg":\n  distinct ({last})\n\ndefine "Weight in kg":\n'
        '  if Count("Last weights in kg") = 1 then First("Last weights in kg") else null as Decimal'
    )
    return (
        function,
        Helper('"Weights in kg"', f'define "Weights in kg":\n  {usable}'),
        Helper('"Weight in kg"', deciding),
    )
