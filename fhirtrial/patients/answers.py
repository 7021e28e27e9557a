"""QuestionnaireResponse → facts, one per answer; a question is named by its questionnaire's URL and its linkId."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fhirtrial.patients.codes import of_codings
from fhirtrial.patients.dates import when
from fhirtrial.patients.facts import CodeSet, Fact, Kind, Standing, ValueKind
from fhirtrial.patients.quantities import Value, boolean, number, quantity
from fhirtrial.patients.resources import Answer, AnswerItem, QuestionnaireResponse
from fhirtrial.patients.source import Source, Times, standing

STANDINGS = {
    "completed": Standing.ASSERTED,
    "amended": Standing.ASSERTED,
    "in-progress": Standing.UNCONFIRMED,
    "stopped": Standing.UNCONFIRMED,
    "entered-in-error": None,
}


def facts(response: QuestionnaireResponse, source: Source) -> Iterator[Fact]:
    meant = standing(STANDINGS, response.status)
    if meant is None:
        return
    authored = when(response.authored, "authored")
    times = Times(authored, authored, authored.low)
    canonical = response.questionnaire.partition("|")[0]
    for path, item in _items(response.item, ""):
        for i, answer in enumerate(item.answer):
            yield source.row(
                Kind.ANSWER,
                Standing.UNCONFIRMED if item.modifier_extension else meant,
                times,
                code=CodeSet(((canonical, item.link_id),)),
                value=_value(answer, f"{path}.answer[{i}]"),
            )


def _items(items: Iterable[AnswerItem], path: str) -> Iterator[tuple[str, AnswerItem]]:
    """Every item, those inside groups and below answers too."""
    for i, item in enumerate(items):
        here = f"{path}item[{i}]"
        yield here, item
        yield from _items(item.item, here + ".")
        for j, answer in enumerate(item.answer):
            yield from _items(answer.item, f"{here}.answer[{j}].")


def _value(answer: Answer, path: str) -> Value:
    if answer.value_boolean is not None:
        return boolean(answer.value_boolean, path + ".valueBoolean")
    if answer.value_coding is not None:
        return Value(ValueKind.CODED, path + ".valueCoding", coded=of_codings([answer.value_coding]))
    if answer.value_quantity is not None:
        return quantity(answer.value_quantity, path + ".valueQuantity")
    if answer.value_integer is not None:
        return number(answer.value_integer, path + ".valueInteger")
    if answer.value_decimal is not None:
        return number(answer.value_decimal, path + ".valueDecimal")
    for name in ("date", "dateTime", "time", "string", "uri"):
        words = getattr(answer, "value_date_time" if name == "dateTime" else f"value_{name}")
        if words:
            return Value(ValueKind.TEXT, f"{path}.value{name[0].upper()}{name[1:]}", coded=CodeSet((), words))
    return Value(ValueKind.NONE, path)
