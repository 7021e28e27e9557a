"""FamilyMemberHistory → facts about relatives, one per condition; they are never the patient's own."""

from __future__ import annotations

from collections.abc import Iterator

from fhirtrial.patients.codes import code_set
from fhirtrial.patients.dates import UNDATED, age_range, at_age, period, when
from fhirtrial.patients.elements import Quantity
from fhirtrial.patients.facts import Fact, Kind, Standing, ValueKind
from fhirtrial.patients.quantities import Value
from fhirtrial.patients.resources import FamilyMemberHistory, RelativeCondition
from fhirtrial.patients.source import Source, Times, open_end, standing

STANDINGS = {
    "completed": Standing.ASSERTED,
    "partial": Standing.ASSERTED,
    "health-unknown": Standing.UNCONFIRMED,
    "entered-in-error": None,
}


def facts(history: FamilyMemberHistory, source: Source) -> Iterator[Fact]:
    meant = standing(STANDINGS, history.status)
    if meant is None:
        return
    born = _born(history)
    for i, condition in enumerate(history.condition):
        start = UNDATED
        if condition.onset_period is not None:
            start = period(condition.onset_period, f"condition[{i}].onsetPeriod")[0]
        elif condition.onset_age is not None or condition.onset_range is not None:
            low, high = _ages(condition)
            start = at_age(born, low, high)
        yield source.row(
            Kind.RELATIVE,
            Standing.UNCONFIRMED if condition.modifier_extension else meant,
            Times(start, open_end(start), when(history.date, "date").low),
            code=code_set(condition.code),
            value=Value(ValueKind.NONE, f"condition[{i}].code"),
            category=code_set(history.relationship),
            outcome=code_set(condition.outcome),
        )


def _ages(condition: RelativeCondition) -> tuple[Quantity | None, Quantity | None]:
    if condition.onset_age is not None:
        return condition.onset_age, condition.onset_age
    return age_range(condition.onset_range)


def _born(history: FamilyMemberHistory) -> tuple[int, int] | None:
    if history.born_date:
        born = when(history.born_date, "bornDate")
        return born.low, born.high
    if history.born_period is not None:
        start, end = period(history.born_period, "bornPeriod")
        return start.low, start.high if end is None else end.high
    return None
