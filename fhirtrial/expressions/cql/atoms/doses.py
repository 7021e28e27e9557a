"""Daily doses against a bound: strengths for tablets, prednisone equivalents for classes, body weight for mg/kg."""

from __future__ import annotations

from collections import defaultdict

from fhirtrial.criteria.tree import Dose
from fhirtrial.expressions.cql.atoms.results import PARTS, span_of
from fhirtrial.expressions.cql.names import decimal, key, name, string, strings
from fhirtrial.expressions.cql.piece import Helper, Piece
from fhirtrial.expressions.cql.quantities import converted
from fhirtrial.terminology import Terminology, medicines, units
from fhirtrial.terminology.products import product

_WEIGHT = "body-weight"


def daily_dose(dose: Dose, concept: str, terminology: Terminology) -> Piece:
    """The test of one exposure F; null where its amount cannot be told in the bound's unit."""
    unit = dose.unit.split("/", 1)[0]
    weighed = dose.unit.endswith("/kg/d")
    amount = _amount(concept, unit, terminology)
    factor, equivalents, members = _equivalent(dose, concept, terminology)
    per = f'{amount.name}(F.keys, "Dose unit"(F.dosage)){factor}' + (' / "Weight in kg"' if weighed else "")
    low, high = f'("Least a day"(F.dosage) * {per})', f'("Most a day"(F.dosage) * {per})'
    bound = decimal(dose.value)
    truth = f'"Compare"({low},\n            {high}, false, false, {string(dose.op)}, {bound})'
    weight = _weight(terminology) if weighed else ()
    return Piece(
        truth,
        parts=PARTS | {"dosing"},
        concepts=members | ({_WEIGHT} if weighed else set()),
        helpers=(amount, *equivalents, *weight),
    )


def _amount(concept: str, unit: str, terminology: Terminology) -> Helper:
    """How many of `unit` one recorded unit of the product is: a mass, or a tablet of its stated strength."""
    by_factor: defaultdict[float, list[str]] = defaultdict(list)
    for written in ("kg", "g", "mg", "ug", "ng", *(a for a, u in units.aliases().items() if u in {"g", "mg", "ug"})):
        factor = units.factor(written, unit)
        if factor is not None:
            by_factor[factor].append(written)
    masses = [f"    when unit in {strings(w)} then {decimal(f)}" for f, w in sorted(by_factor.items())]
    strengths: defaultdict[float, list[str]] = defaultdict(list)
    for code in terminology.value_set(concept):
        found = product(code.code)
        if found is not None and found.strength is not None:
            mass = units.factor(found.strength[1], unit)
            if mass is not None:
                strengths[units.significant(found.strength[0] * mass)].append(key(code.system, code.code))
    tablets = [
        f'    when "Counted"(unit) and "Any of"(keys, {strings(k)}) then {decimal(s)}'
        for s, k in sorted(strengths.items())
    ]
    title = name(f"{concept} dose in {unit}")
    tests = "\n".join((*masses, *tablets))
    text = f"define function {title}(keys List<String>, unit String):\n  case\n{tests}\n    else null as Decimal\n  end"
    return Helper(title, text)


def _equivalent(dose: Dose, concept: str, terminology: Terminology) -> tuple[str, tuple[Helper, ...], frozenset[str]]:
    if dose.equivalent is None:
        return "", (), frozenset()
    factors = medicines.prednisone_factors() if dose.equivalent == "prednisone" else {}
    members = [m for m in terminology.members(concept) if m in factors]
    tests = "\n".join(
        f"    when \"Is\"(keys, '', {name(m)}) is true then {decimal(units.significant(factors[m]))}" for m in members
    )
    title = name(f"{concept} as {dose.equivalent}")
    body = f"  case\n{tests}\n    else null as Decimal\n  end" if tests else "  null as Decimal"
    helper = Helper(title, f"define function {title}(keys List<String>):\n{body}")
    return f" * {title}(F.keys)", (helper,), frozenset(members)


def _weight(terminology: Terminology) -> tuple[Helper, ...]:
    """The latest usable body weight within its recency; none where the latest disagree."""
    function = converted(_WEIGHT, "kg", terminology)
    span = span_of(_WEIGHT, None, terminology)
    days = span.days if span is not None else ""
    usable = (
        f'("Results of"({name(_WEIGHT)})) F\n'
        f"    let kg: {function.name}(F.value, F.unit)\n"
        f"    where F.sure is true and kg > 0 and F.comparator is null\n"
        f'      and "Began"(F.startLow, F.startHigh, {days}) is true\n'
        "    return all { kg: kg, at: F.latest }"
    )
    one = (
        'define "Weight in kg":\n  singleton from (distinct ("Weights in kg" W\n'
        '    where W.at = Max("Weights in kg" V return all V.at)\n    return all W.kg) K\n'
        '    where Count(distinct ("Weights in kg" W where W.at = Max("Weights in kg" V return all V.at)\n'
        "      return all W.kg)) = 1)"
    )
    return function, Helper('"Weights in kg"', f'define "Weights in kg":\n  {usable}'), Helper('"Weight in kg"', one)
