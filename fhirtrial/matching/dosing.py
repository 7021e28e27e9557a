"""Daily doses against a bound: strengths for tablets, prednisone equivalents for classes, body weight for mg/kg."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fhirtrial.criteria.tree import Dose
from fhirtrial.matching import calendar
from fhirtrial.matching.codes import State
from fhirtrial.matching.grades import YES, Graded, Ints, fold
from fhirtrial.matching.quantities import Floats, Numbers, compare, numbers, significant
from fhirtrial.matching.reasons import Reason
from fhirtrial.matching.timing import measured
from fhirtrial.matching.view import View
from fhirtrial.patients.facts import Kind, Standing
from fhirtrial.terminology import medicines, units
from fhirtrial.terminology.systems import canonical

WEIGHT = "body-weight"
PER_KILOGRAM = "/kg/d"


def daily_dose(dose: Dose, concept: str, view: View, rows: Ints) -> tuple[Numbers, Graded, Callable[[int], str]]:
    """Each exposure's daily dose in the bound's unit, that dose against the bound, and how it was compared."""
    amount_unit = dose.unit.split("/")[0]
    per_kilogram = dose.unit.endswith(PER_KILOGRAM)
    factor, why = _factors(dose, concept, view, rows, f"{amount_unit}/kg" if per_kilogram else amount_unit)
    low, high = (view.at(name, rows) * factor for name in ("dose_low", "dose_high"))
    why = np.where(why == 0, np.where(np.isnan(low) | np.isnan(high), Reason.ABSENT, 0), why)
    if per_kilogram:
        strings = view.facts.vocabulary.strings.values
        weighed = np.array([strings[n].endswith("/kg") for n in view.at("dose_unit", rows).tolist()], bool)
        weight = np.where(weighed, 1.0, _weights(view)[view.at("patient", rows)])
        low, high = low / weight, high / weight
        why = np.where(why == 0, np.where(np.isnan(weight), Reason.ABSENT, 0), why)
    closed = np.zeros(len(rows), bool)
    low, high = significant(low), significant(high)
    doses = Numbers(low, high, closed, closed, why.astype(np.uint32))
    graded = compare(doses, dose.op, np.full(len(rows), dose.value))

    def words(i: int) -> str:
        return "" if why[i] else f"{_range(low[i], high[i])} {dose.unit} {dose.op} {dose.value:g} {dose.unit}"

    return doses, graded, words


def _range(low: float, high: float) -> str:
    return f"{low:.4g}" if low == high else f"{low:.4g}–{high:.4g}"


def _factors(dose: Dose, concept: str, view: View, rows: Ints, to: str) -> tuple[Floats, NDArray[np.int64]]:
    """From each row's recorded amount per day to the bound's amount of the bound's drug.

    A bound per kg also takes a whole amount, which the weight then divides.
    """
    whole = to.removesuffix("/kg")
    factor, why = np.full(len(rows), np.nan), np.zeros(len(rows), np.int64)
    strings, codes = view.facts.vocabulary.strings.values, view.facts.vocabulary.codes.values
    cells = zip(*(view.at(c, rows).tolist() for c in ("dose_unit", "code")), strict=True)
    for i, (unit, code) in enumerate(cells):
        product = _product(codes[code].codings)
        found = units.factor(strings[unit], to if strings[unit].endswith("/kg") else whole) if unit else None
        if found is None and product is not None and product.strength is not None and _counted(strings[unit]):
            strength, strength_unit = product.strength
            mass = units.factor(strength_unit, whole)
            found = None if mass is None else strength * mass
        if found is None:
            why[i] = Reason.UNIT_NOT_CONVERTIBLE if unit else Reason.ABSENT
        elif dose.equivalent is not None:
            equivalent = _equivalent(view, concept, codes[code].codings, dose.equivalent)
            factor[i] = np.nan if equivalent is None else found * equivalent
            why[i] = Reason.CONCEPT_INCOMPLETE if equivalent is None else 0
        else:
            factor[i] = found
    return factor, why


def _counted(unit: str) -> bool:
    """Whether an amount is a number of dose units (tablets, capsules), whose strength the product states."""
    return units.normalize(unit) == "1" or unit.strip().lower().rstrip("s") in {
        "tablet",
        "capsule",
        "tab",
        "cap",
        "tbl",
    }


def _product(codings: tuple[tuple[str, str], ...]) -> medicines.Product | None:
    found = (medicines.product(code) for system, code in codings if canonical(system) == canonical("rxnorm"))
    return next((p for p in found if p is not None), None)


def _equivalent(view: View, concept: str, codings: tuple[tuple[str, str], ...], to: str) -> float | None:
    """How much of `to` one unit of the coded member of the class equals; only prednisone has a table."""
    if to != "prednisone":
        return None
    for name in view.terminology.members(concept):
        factor = medicines.prednisone_factor(name)
        if factor is not None and any(view.terminology.is_hit(name, system, code) for system, code in codings):
            return factor
    return None


def _weights(view: View) -> Floats:
    """Each patient's latest body weight in kg within its recency; NaN where none, or where the latest disagree.

    Weights of which nobody knows which came last are the latest together.
    """
    rows = view.rows(Kind.OBSERVATION)
    mine = (view.states(WEIGHT, rows) == State.HIT) & (view.at("standing", rows) == Standing.ASSERTED)
    rows = rows[mine]
    concept = view.concept(WEIGHT)
    placed = measured(view, calendar.recent(view.on, view.policy.recency_days(concept)), rows).grade
    n = numbers(view, rows, "kg", None)
    usable = (placed == YES) & (n.why == 0) & (n.low == n.high) & (n.low > 0)
    patient, instant, blur = (view.at(name, rows) for name in ("patient", "instant", "blur"))
    floor = np.iinfo(np.int64).min
    last = fold(np.maximum, np.where(usable, instant, floor), patient, view.patients, floor)
    at_last = usable & (instant == last[patient])
    earliest = fold(np.minimum, np.where(at_last, instant - blur, -floor - 1), patient, view.patients, -floor - 1)
    weights = np.full(view.patients, np.nan)
    for i in np.flatnonzero(usable & (instant >= earliest[patient])).tolist():
        known = weights[patient[i]]
        weights[patient[i]] = n.low[i] if np.isnan(known) or known == n.low[i] else np.inf
    return np.where(np.isinf(weights), np.nan, weights)
