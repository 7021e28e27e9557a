"""The nouns of the grammar: a bracket, and a phrase — one conjunct with what its neighbours share with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from fhirtrial.criteria.text.lexemes import Kind, Lexeme, Rank

CONNECTORS: frozenset[Kind] = frozenset({"and", "or", "and/or", "comma"})
# Cues that are something to ask about by themselves, with no name beside them.
# What a whole clause asks of a person.
TOPICS = frozenset({"consent", "compliance", "capability", "willingness", "contraception"})
ASKING = frozenset({"pregnant", "lactating", "childbearing", "other-trial", "minor", "inpatient"})


@dataclass(frozen=True, slots=True)
class Bracket:
    start: int
    end: int
    items: tuple[Item, ...]


Item: TypeAlias = Lexeme | Bracket


@dataclass(frozen=True)
class Phrase:
    """`items` as written; `cues` stand before an earlier member and hold here too; `window` and `value` follow later.

    `loose` are words of a neighbour that may or may not be meant for this one: they only ever make a residue.
    """

    items: tuple[Item, ...]
    cues: tuple[Lexeme, ...] = ()
    loose: tuple[Lexeme, ...] = ()
    window: Lexeme | None = None
    value: Lexeme | None = None
    analyte: Lexeme | None = None

    @cached_property
    def lexemes(self) -> tuple[Lexeme, ...]:
        return tuple(i for i in self.items if isinstance(i, Lexeme))

    @property
    def span(self) -> tuple[int, int]:
        return self.items[0].start, self.items[-1].end


def bracketed(lexemes: Sequence[Lexeme]) -> tuple[Item, ...]:
    """Brackets as items of their own; an unclosed one reaches to the end, a closer without opener is dropped."""
    stack: list[tuple[int, list[Item]]] = [(0, [])]
    for lexeme in lexemes:
        if lexeme.kind == "open" and len(stack) < 8:
            stack.append((lexeme.start, []))
        elif lexeme.kind == "close":
            if len(stack) > 1:
                start, items = stack.pop()
                stack[-1][1].append(Bracket(start, lexeme.end, tuple(items)))
        elif lexeme.kind != "open":
            stack[-1][1].append(lexeme)
    while len(stack) > 1:
        start, items = stack.pop()
        stack[-1][1].append(Bracket(start, items[-1].end if items else start + 1, tuple(items)))
    return tuple(_opened(stack[0][1]))


def _opened(items: Sequence[Item]) -> Iterator[Item]:
    """Brackets that hold no name of their own, or only a scale, stand as if unbracketed; an abbreviation once."""
    kept: list[Item] = []
    for item in items:
        if not isinstance(item, Bracket):
            kept.append(item)
            continue
        inner = list(_opened(item.items))
        alone = inner[0] if len(inner) == 1 and isinstance(inner[0], Lexeme) else None
        if alone is not None and alone.kind == "concept" and (words := _spelled(kept, alone.text)):
            del kept[-words:]
            kept.append(alone)
        elif _unnamed(inner):
            kept.extend(inner)
        else:
            kept.append(Bracket(item.start, item.end, tuple(inner)))
    yield from kept


def _spelled(before: Sequence[Item], letters: str) -> int:
    """How many words in front are the abbreviation's own: "New York Heart Association (NYHA)"."""
    count = len(letters)
    words = before[-count:] if count and len(before) >= count else ()
    if len(words) == count and all(isinstance(w, Lexeme) and w.kind == "word" for w in words):
        return count if "".join(w.text[0] for w in words if isinstance(w, Lexeme)) == letters else 0
    return 0


def _unnamed(items: Sequence[Item]) -> bool:
    if not items or any(isinstance(i, Bracket) for i in items):
        return False
    lexemes = [i for i in items if isinstance(i, Lexeme)]
    if lexemes[0].kind == "cue" and lexemes[0].value in {"open", "except", "same", "unless", "if", "negation"}:
        return False
    if any(x.kind == "cue" and x.value in {"except", "unless", "if", "allowed", "female", "male"} for x in lexemes):
        return False
    if any(
        x.kind == "term"
        or (
            x.kind == "concept"
            and not any(y.kind == "compare" and y.start >= x.end and isinstance(y.value, Rank) for y in lexemes)
        )
        for x in lexemes
    ):
        return False
    return any(
        x.kind in {"compare", "window", "duration", "concept"}
        or (x.kind == "cue" and x.value in {"positive", "negative", "kofthese", "anyofthese", "allofthese", "now"})
        for x in lexemes
    )


def flat(items: Iterable[Item]) -> Iterator[Lexeme]:
    """All lexemes, those in brackets too."""
    for item in items:
        if isinstance(item, Bracket):
            yield from flat(item.items)
        else:
            yield item


def is_core(item: Item) -> bool:
    return isinstance(item, Lexeme) and (
        item.kind in {"concept", "term"} or (item.kind == "cue" and item.value in ASKING)
    )


def has_core(items: Sequence[Item]) -> bool:
    return any(is_core(i) for i in items)


def cued(items: Iterable[Item], *names: str) -> Lexeme | None:
    """The first cue of one of these names."""
    return next((i for i in items if isinstance(i, Lexeme) and i.kind == "cue" and i.value in names), None)


def split(items: Sequence[Item], at: int) -> tuple[tuple[Item, ...], tuple[Item, ...]]:
    return tuple(items[:at]), tuple(items[at + 1 :])
