"""Trees that somebody else suggests for words left to a person: checked against those words, shown, never run.

A suggestion must cite the words it encodes, read as canonical English, and hold their numbers and names and no others.
What fails any of it is as if it had not been said; what passes is for a reviewer's eyes and stands in no tree.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.lower import atoms
from fhirtrial.criteria.reading.english import reading
from fhirtrial.criteria.text.conservation import lost
from fhirtrial.criteria.text.lexemes import Bounds, Lasting, Lexeme, Rank, Timed
from fhirtrial.criteria.text.lexer import lex
from fhirtrial.criteria.text.names import names_of
from fhirtrial.criteria.text.normalize import normalize
from fhirtrial.criteria.tree import Defect, Node, NotComputable, Residue
from fhirtrial.criteria.wording import Names
from fhirtrial.terminology import Terminology

Ask: TypeAlias = Callable[[str], str]
"""A question in words → an answer in words; where it comes from is not this room's business."""

LONGEST_ANSWER = 20_000
_QUESTION = """\
Below is one {kind} criterion of a clinical trial. Parts of it could not be encoded. For each part that you can \
encode, give the exact words and one criterion in this controlled English (a line is one atom, a branch a list):

{example}

Answer with JSON only: [{{"quote": "<words copied from the part>", "says": "<controlled English>"}}]. \
Leave out what you are not sure of. Keep every number as it stands.

Criterion: {text}
Parts: {parts}
"""
_EXAMPLE = """\
any of:
- diagnosis of Hypertension (active)
- Creatinine (latest) > 1.5 mg/dL"""


class _Suggestion(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    quote: str
    says: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """`quote` is a stretch of the criterion's own words that were left to a person, `tree` what they may ask."""

    quote: str
    tree: Node


_ANSWER = TypeAdapter(list[_Suggestion])


def proposals(criterion: Criterion, terminology: Terminology, ask: Ask) -> tuple[Proposal, ...]:
    """What `ask` suggests for the words that were left to a person, and that bears every check."""
    parts = [a.text for a in atoms(criterion.tree) if isinstance(a, Residue | NotComputable)]
    if not parts or criterion.review is not None:
        return ()
    question = _QUESTION.format(kind=criterion.kind, example=_EXAMPLE, text=criterion.text, parts=json.dumps(parts))
    names = Names.of(terminology)
    found = (_proposal(s, parts, terminology, names) for s in _suggestions(ask(question)))
    return tuple(dict.fromkeys(p for p in found if p is not None))


def _suggestions(answer: str) -> list[_Suggestion]:
    """The list in the answer, whatever is said around it; none where there is no such list."""
    start, end = answer.find("["), answer.rfind("]")
    if len(answer) > LONGEST_ANSWER or start < 0:
        return []
    try:
        return _ANSWER.validate_json(answer[start : end + 1])
    except ValidationError:
        return []


def _proposal(said: _Suggestion, parts: list[str], terminology: Terminology, names: Names) -> Proposal | None:
    quote = _plain(said.quote)
    if not quote or not any(quote in _plain(part) for part in parts):
        return None
    tree = reading(said.says, names).node
    if tree is None or any(isinstance(a, Residue | NotComputable | Defect) for a in atoms(tree)):
        return None
    normal = normalize(said.quote)
    lexemes = lex(normal.text, names_of(terminology))
    words = [normal.words(x.start, x.end) for x in lexemes]
    added = set(_numbers(json.loads(tree.model_dump_json()))) - {n for x in lexemes for n in _said(x)}
    return None if added or lost(tree, (), lexemes, words) else Proposal(quote, tree)


def _plain(text: str) -> str:
    return " ".join(text.split())


def _numbers(value: object) -> Iterator[float]:
    """The numbers of a tree that somebody must have said: 0 is the index date itself."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from _numbers(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _numbers(inner)
    elif isinstance(value, int | float) and not isinstance(value, bool) and value:
        yield abs(float(value))


def _said(lexeme: Lexeme) -> Iterator[float]:
    match lexeme.value:
        case Bounds(each=each):
            yield from (n for b in each for n in (b.value, b.maximum) if n is not None)
        case Rank(each=each):
            yield from (float(rank) for _, rank, _ in each)
        case Timed(window=window):
            yield from (abs(o.value) for o in (window.start, window.end) if o is not None)
        case Lasting(length=length):
            yield length.value
        case tuple() as ages:
            yield from (n for age in ages for n in (age.low, age.high) if n is not None)
        case _:
            if lexeme.kind == "number":
                yield from _digits(lexeme.text)


def _digits(text: str) -> Iterator[float]:
    try:
        yield float(text.replace(",", ""))
    except ValueError:
        return
