"""Pairs of criteria that must be read alike, or apart in one number only: the metamorphic cases, from a seed.

A relation says what was changed; the pair's first text is the canonical one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Literal

from generated.statements import ANCHORS, LENGTHS, NUMBERS, WHOLE, Statement, event, statement
from generated.typography import layouts, spellings

from fhirtrial.criteria.criterion import Kind
from fhirtrial.criteria.tree import Op

Relation = Literal["operator", "range", "number", "layout", "spelling", "window"]

COMPARATORS: dict[Op, tuple[str, ...]] = {
    ">=": (
        "≥", "≥{}", "=>", "≧", "⩾", "> or =", ">/=", "> =", "at least", "greater than or equal to", "no less than",
        "not less than", "not below", "a minimum of", "minimum of", "equal to or greater than", "more than or equal to",
        "higher than or equal to", "is at least", "of at least", "{} or more", "{} or greater",
        "{} or higher", "{} or above", "{} and above", "greater or equal to", "is ≥", "no lower than", "of {} or more",
        "is greater than or equal to", "is not less than", "above or equal to", "must be ≥", "should be at least",
        "must not be less than", "should not be below",
    ),
    "<=": (
        "≤", "≤{}", "=<", "≦", "⩽", "< or =", "</=", "at most", "less than or equal to", "no more than",
        "not more than", "not greater than", "not above", "not exceeding", "a maximum of", "up to",
        "equal to or less than",
        "lower than or equal to", "is at most", "does not exceed", "{} or less", "{} or lower", "{} or below",
        "{} and below", "less or equal to", "is ≤", "no higher than", "of {} or less",
        "is less than or equal to", "no greater than", "is not more than", "maximum of", "not higher than", "must be ≤",
        "should be at most", "must not be more than", "should not be above", "must not exceed",
    ),
    ">": (
        ">{}", "＞", "˃", "greater than", "more than", "higher than", "above", "over", "exceeding", "in excess of",
        "is greater than", "is above", "exceeds", "of more than", "of > {}", "is >", "must be >", "should be above",
    ),
    "<": (
        "<{}", "＜", "˂", "less than", "lower than", "below", "under", "is less than", "is below", "of less than",
        "of < {}", "is <", "is lower than", "must be <", "should be below",
    ),
}  # fmt: skip
AGES: dict[Op, tuple[str, ...]] = {
    ">=": (
        "{} years of age or older", "Aged {} years or older", "{} years or older", "At least {} years of age",
        "Aged ≥ {} years", "Age of {} years or above", "≥{} years old", "{} years of age and older", "Age: ≥ {} years",
        "Patients aged at least {} years", "Subjects who are {} years or older", "Age {} years and above",
        "{} years old or older", "Age greater than or equal to {} years",
    ),
    "<=": (
        "{} years of age or younger", "Aged {} years or younger", "Age up to {} years", "Aged ≤ {} years",
        "No older than {} years", "Age of {} years or below", "Not older than {} years", "Age not more than {} years",
        "≤{} years old", "Age less than or equal to {} years",
    ),
    ">": (
        "Older than {} years", "Age over {} years", "Aged > {} years", ">{} years old", "Age above {} years",
        "More than {} years of age", "Over {} years of age",
    ),
    "<": (
        "Younger than {} years", "Age under {} years", "Aged < {} years", "<{} years old", "Age below {} years",
        "Less than {} years of age", "Under {} years of age",
    ),
}  # fmt: skip
RANGES = (
    "{0}-{1}{2}", "{0} - {1}{2}", "{0} to {1}{2}", "between {0} and {1}{2}", "≥{0} and ≤{1}{2}", "{0}~{1}{2}",
    "≥ {0}{2} and ≤ {1}{2}", "from {0} to {1}{2}", "{0}–{1}{2}", "of {0} to {1}{2}", ">= {0} and <= {1}{2}",
    "between {0}{2} and {1}{2}", "{0}{2} to {1}{2}", "at least {0}{2} and at most {1}{2}", "{0} through {1}{2}",
    "between {0} to {1}{2}", "between {0}-{1}{2}", "ranging from {0} to {1}{2}", "{0}—{1}{2}",
    "in the range of {0}-{1}{2}",
)  # fmt: skip
ANCHORED = (
    "within {n} {u} before {a}", "within the {n} {u} prior to {a}", "in the {n} {u} prior to {a}",
    "in the {n} {u} before {a}", "during the {n} {u} prior to {a}", "within {n} {u} of {a}",
    "within {n} {u} preceding {a}", "within the {n} {u} preceding {a}", "during the {n} {u} before {a}",
    "in the last {n} {u} before {a}", "within the last {n} {u} prior to {a}", "within {n} {u} from {a}",
    "within the past {n} {u} prior to {a}", "≤ {n} {u} prior to {a}", "within {n}-{u} prior to {a}",
)  # fmt: skip
LOOSE = (
    "within the past {n} {u}", "in the last {n} {u}", "during the previous {n} {u}", "within the last {n} {u}",
    "in the past {n} {u}", "within the previous {n} {u}", "within the preceding {n} {u}", "over the past {n} {u}",
    "during the last {n} {u}", "in the previous {n} {u}", "within {n} {u}", "within the prior {n} {u}",
    "in the preceding {n} {u}", "over the last {n} {u}", "during the past {n} {u}", "within past {n} {u}",
    "in last {n} {u}", "in the prior {n} {u}", "within the most recent {n} {u}",
)  # fmt: skip


@dataclass(frozen=True)
class Pair:
    """Two lists of items; `changed` is the number that differs, as written before and after."""

    relation: Relation
    kind: Kind
    one: str
    other: str
    changed: tuple[str, str] | None = None


def pairs(counts: dict[Relation, int]) -> Iterator[Pair]:
    """So many pairs of each relation, the same on every machine."""
    for relation, count in counts.items():
        for place in range(count):
            yield _MAKERS[relation](Random(f"{relation} {place}"), place)


def listed(text: str) -> str:
    return f"* {text}"


def _operator(random: Random, place: int) -> Pair:
    """Every comparator's every wording in turn, about something chosen by chance."""
    about_age = place % 3 == 2
    table = AGES if about_age else COMPARATORS
    worded = [(op, words) for op, each in table.items() for words in each]
    op, words = worded[(place // 3 if about_age else place - place // 3) % len(worded)]
    if about_age:
        made = statement(random, "age", op)
        return Pair("operator", made.kind, listed(made.said()), listed(words.format(made.number)))
    made = statement(random, random.choice(("result", "result", "score", "limit", "dose", "age")), op)
    return Pair("operator", _kind(made, words), listed(made.said()), listed(made.said(words)))


def _kind(made: Statement, words: str) -> Kind:
    """A duty is an inclusion's wording; in an exclusion it may mean the opposite."""
    return "inclusion" if words.startswith(("must", "should")) else made.kind


def _range(random: Random, place: int) -> Pair:
    made = statement(random, random.choice(("age", "result", "score")), ">=")
    low, high = random.choice((("18", "65"), ("20", "40"), ("2", "12"), ("35", "80"), ("1.5", "4.5")))
    if made.subject != "result" and "." in low:
        low, high = "18", "75"
    words = RANGES[1:][place % (len(RANGES) - 1)]
    one, other = (f"{made.name} {w.format(low, high, made.unit)}" for w in (RANGES[0], words))
    return Pair("range", made.kind, listed(one), listed(other))


def _number(random: Random, place: int) -> Pair:
    if place % 4 == 3:
        old, new = random.sample(WHOLE, 2)
        text = f"{event(random)} within {{}} {random.choice(LENGTHS[1:])} prior to {random.choice(ANCHORS)}"
        return Pair("number", "exclusion", listed(text.format(old)), listed(text.format(new)), (old, new))
    made = statement(random)
    whole = made.subject in {"age", "score"} or (made.subject == "result" and "." not in made.number)
    new = random.choice([n for n in (WHOLE if whole else NUMBERS) if n != made.number])
    other = made.numbered(new)
    words = random.choice(COMPARATORS[made.op])
    texts = (listed(made.said(words)), listed(other.said(words)))
    return Pair("number", _kind(made, words), *texts, (made.number, new))


def _window(random: Random, place: int) -> Pair:
    happened, number, unit = event(random), random.choice(WHOLE), random.choice(LENGTHS[1:])
    anchor = random.choice(ANCHORS)
    forms = (*ANCHORED, *LOOSE)
    canonical, words = "within {n} {u} prior to {a}", forms[place % len(forms)]
    one, other = (f"{happened} {w.format(n=number, u=unit, a=anchor)}" for w in (canonical, words))
    return Pair("window", "exclusion", listed(one), listed(other))


def items(random: Random, count: int) -> list[str]:
    """Statements and dated events, as a list's items."""
    found: list[str] = []
    while len(found) < count:
        made: Statement | None = statement(random) if random.random() < 0.6 else None
        dated = f"{event(random)} within {random.choice(WHOLE)} months prior to {random.choice(ANCHORS)}"
        found.append(dated if made is None else made.said(random.choice(("≥", "≤", ">", "<"))))
    return found


def _layout(random: Random, place: int) -> Pair:
    own = items(random, random.choice((2, 3, 4, 6)))
    forms = layouts(own)
    return Pair(
        "layout", random.choice(("inclusion", "exclusion")), "\n".join(map(listed, own)), forms[place % len(forms)]
    )


def _spelling(random: Random, place: int) -> Pair:
    text = "\n".join(map(listed, items(random, 2)))
    forms = spellings(text)
    return Pair("spelling", random.choice(("inclusion", "exclusion")), text, forms[place % len(forms)])


_MAKERS: dict[Relation, Callable[[Random, int], Pair]] = {
    "operator": _operator,
    "range": _range,
    "number": _number,
    "layout": _layout,
    "spelling": _spelling,
    "window": _window,
}
