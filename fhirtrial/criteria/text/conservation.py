"""Whether everything that the lexers found is in the tree: in an atom's own fields, or in the words of a residue.

Told from the tree alone, not from the parser's ledger, so that a mistake of the grammar cannot hide a number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pydantic import BaseModel

from fhirtrial.criteria.text.lexemes import Bounds, Lasting, Lexeme, Named, Rank, Timed
from fhirtrial.criteria.tree import All, Any, AtLeast, Def, Except, If, Node, Not

COUNTED = frozenset({"compare", "number", "window", "duration", "concept"})
_DIGITS = 9


def lost(tree: Node, said: Iterable[str], lexemes: Sequence[Lexeme], words: Sequence[str]) -> tuple[Lexeme, ...]:
    """The lexemes that neither an atom nor a text holds; `words` are the source's own words of each lexeme."""
    leaves = tuple(_leaves(tree))
    texts = " \n ".join(_fold(t) for t in (*said, *(t for leaf in leaves for t in _texts(leaf)), *_terms(tree)))
    numbers = {n for leaf in leaves for n in _numbers(leaf)}
    names = {n for leaf in leaves for n in _strings(leaf)}
    return tuple(
        lexeme
        for lexeme, own in zip(lexemes, words, strict=True)
        if lexeme.kind in COUNTED and _fold(own) not in texts and not _held(lexeme, numbers, names)
    )


def _held(lexeme: Lexeme, numbers: set[float], names: set[str]) -> bool:
    match lexeme.value:
        case Bounds(each=each):
            return all(round(b.value, _DIGITS) in numbers and b.maximum in {None, *numbers} for b in each)
        case Rank(each=each):
            return any(float(rank) in numbers for _, rank, _ in each)
        case Timed(window=window):
            offsets = [o for o in (window.start, window.end) if o is not None]
            return all(round(abs(o.value), _DIGITS) in numbers or o.value == 0 for o in offsets) and (
                window.anchor == "unspecified" or window.anchor in names
            )
        case Lasting(length=length):
            return round(length.value, _DIGITS) in numbers
        case Named(concepts=concepts):
            return bool(names & {n for c in concepts for n in (c, f"{c}-percent-predicted", f"{c}-test")})
        case _:
            return False


def _leaves(node: Node) -> Iterator[BaseModel]:
    match node:
        case All(nodes=nodes) | Any(nodes=nodes) | AtLeast(nodes=nodes):
            for inner in nodes:
                yield from _leaves(inner)
        case Not(node=inner) | Def(body=inner):
            yield from _leaves(inner)
        case If(condition=first, then=second) | Except(base=first, unless=second):
            yield from _leaves(first)
            yield from _leaves(second)
        case _:
            yield node


def _terms(node: Node) -> Iterator[str]:
    match node:
        case Def(term=term, body=inner):
            yield term
            yield from _terms(inner)
        case All(nodes=nodes) | Any(nodes=nodes) | AtLeast(nodes=nodes):
            for inner in nodes:
                yield from _terms(inner)
        case Not(node=inner):
            yield from _terms(inner)
        case If(condition=first, then=second) | Except(base=first, unless=second):
            yield from _terms(first)
            yield from _terms(second)
        case _:
            return


def _texts(leaf: BaseModel) -> Iterator[str]:
    text = getattr(leaf, "text", None)
    if isinstance(text, str):
        yield text


def _fields(leaf: BaseModel) -> Iterator[object]:
    for _, value in leaf:
        yield value
        if isinstance(value, BaseModel):
            yield from _fields(value)
        elif isinstance(value, tuple):
            yield from value


def _numbers(leaf: BaseModel) -> Iterator[float]:
    for value in _fields(leaf):
        if isinstance(value, int | float):
            yield round(abs(float(value)), _DIGITS)


def _strings(leaf: BaseModel) -> Iterator[str]:
    for value in _fields(leaf):
        if isinstance(value, str):
            yield value
    state = getattr(leaf, "state", None)
    if state in {"pregnant", "lactating"}:
        yield {"pregnant": "pregnancy", "lactating": "lactation"}[state]


def _fold(text: str) -> str:
    return " ".join(text.split()).lower()
