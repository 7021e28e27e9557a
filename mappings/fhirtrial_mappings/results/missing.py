"""What a pair lacks: what would settle it, the items to get next, and whether there are questions to answer.

All of it follows from the unknown criteria, which are the same for many patients: it is made once for each set of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from fhirtrial.criteria.truth import Truth
from fhirtrial.matching.next_best import Next, next_best
from fhirtrial.matching.result import Match
from fhirtrial.plugins import Publication, Resource
from fhirtrial_mappings.results.requirements import requirements
from fhirtrial_mappings.results.texts import text

# Where only a person can answer: the linkIds stand with the needs of the criteria, the Questionnaire with the outcome.
ANSWERS: Resource = {"type": "QuestionnaireResponse", "mustSupport": ["questionnaire", "item.linkId", "item.answer"]}


class Missing(NamedTuple):
    """`next`: parts of the outcome, the best item first."""

    next: tuple[dict[str, Any], ...]
    requirements: list[Resource]
    asks: bool


class Lacks:
    """What the matches of one trial lack; they are held as long as this is, since it knows them by identity."""

    def __init__(self, matches: tuple[Match, ...], to: Publication) -> None:
        self._matches, self._to = matches, to
        self._found: dict[tuple[object, ...], Missing] = {}
        self._asked: dict[int, dict[bytes, Resource]] = {}

    def of(self, match: Match) -> Missing:
        unknown = [(i, r.truth, id(r.needs), id(r.open)) for i, r in enumerate(match.criteria) if r.needs or r.open]
        key = (match.on, match.verdict, bool(match.set_aside), *unknown)
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = self._missing(match)
        return found

    def _missing(self, match: Match) -> Missing:
        ranked = next_best([match]).get(match.patient.reference, ())
        items = tuple({"name": "next", "part": [*_next(one)]} for one in ranked)
        asks = any(need.question for result in match.criteria for need in result.needs)
        return Missing(items, [] if match.set_aside else self._requirements(match), asks)

    def _requirements(self, match: Match) -> list[Resource]:
        """What would settle the unknown criteria, each requirement once."""
        found: dict[bytes, Resource] = {}
        for need in (n for r in match.criteria if r.truth is Truth.UNKNOWN for n in r.needs):
            if id(need) not in self._asked:
                made = (ANSWERS,) if need.question else requirements(need, match.on, self._to)
                self._asked[id(need)] = {orjson.dumps(one, option=orjson.OPT_SORT_KEYS): one for one in made}
            for key, one in self._asked[id(need)].items():
                found.setdefault(key, one)
        return [*found.values()]


def _next(one: Next) -> Iterator[dict[str, Any]]:
    yield from text("text", one.item)
    for question in one.questions:
        yield from text("question", question)
    yield {"name": "settles", "valueCode": "surely" if one.surely else "perhaps"}
