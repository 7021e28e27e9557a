"""Which names a text offers as alternatives: the members of its lists, each joined at the level that fits it.

"Infection requiring oral or intravenous antibiotics, or surgery": a member joins the nearest name of its own kind, and
where none is of its kind, what stands next to it. It tells what is listed beside what; trees are made elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from fhirtrial.criteria.text.atoms import kind_of
from fhirtrial.criteria.text.cues import FILLING
from fhirtrial.criteria.text.found import Job
from fhirtrial.criteria.text.lexemes import Lexeme, Term
from fhirtrial.criteria.text.phrase import CONNECTORS, Bracket, Item

Span = tuple[int, int]

_KINDS = {"vaccine": "medication", "allergen": "medication", "vital": "lab", "score": "lab", "imaging": "procedure"}
# Cues that are members of a list by themselves.
_ASKED = {
    "pregnant": "condition",
    "lactating": "condition",
    "childbearing": "person",
    "minor": "person",
    "female": "person",
    "male": "person",
    "allergy": "condition",
    "intolerance": "condition",
    "contraindication": "condition",
    "inpatient": "procedure",
    "other-trial": "procedure",
    "consent": "asked",
    "compliance": "asked",
    "capability": "asked",
    "willingness": "asked",
    "contraception": "procedure",
}
# What follows one of these belongs to the name before it.
_BELOW = frozenset(
    """
    with of to for from by in on due after before during despite requiring that which who whose whom when where while
    without against into about through via under between among upon secondary because
    """.split()
)
_BELOW_CUES = frozenset({"cause", "planned", "same", "using", "if", "except", "unless", "negation", "failed"})
# A member that begins anew, beside everything said so far.
_ANEW = frozenset({"history", "using", "negation", "planned", "experiencer", "active", "suspected", "allergy"})
_PEOPLE = re.compile(r"\b(?:non-?pregnant\s+)?(?:fe-?males?|males?|wom[ae]n|m[ae]n)\b", re.IGNORECASE)
_REACTIONS = re.compile(
    r"\b(?:allerg\w+|hyper-?sensitiv\w+|intoleran\w+|anaphyla\w+|sensitivity|hyperreactivity|contra-?indicat\w+)",
    re.IGNORECASE,
)
_SHORTEST = 4


@dataclass(frozen=True, slots=True)
class _Spot:
    """A name, or the words that stand for one; `kind` is None where the words do not tell."""

    start: int
    end: int
    kind: str | None


@dataclass(slots=True)
class _Level:
    """Names on one level of a clause, and whether a word for alternatives joined some of them."""

    members: list[_Spot]
    listing: bool = False
    joined: set[str] = field(default_factory=set)


def alternatives(job: Job, items: Sequence[Item]) -> Iterator[tuple[Span, ...]]:
    """Groups of two or more names, any of which will do."""
    for group in _walk(job, items, inside=False):
        spans = tuple(dict.fromkeys((m.start, m.end) for m in group))
        if len(spans) > 1:
            yield spans


def _walk(job: Job, items: Sequence[Item], *, inside: bool) -> Iterator[list[_Spot]]:
    for item in items:
        if isinstance(item, Bracket):
            yield from _walk(job, item.items, inside=True)
        elif item.kind == "cue" and item.value in {"sexes", "allergy"}:
            pattern = _PEOPLE if item.value == "sexes" else _REACTIONS
            words = [_Spot(item.start + m.start(), item.start + m.end(), None) for m in pattern.finditer(item.text)]
            if len(words) > 1:
                yield words
    for sentence in _sentences(job, items):
        yield from _sentence(job, sentence, inside=inside)


def _sentences(job: Job, items: Sequence[Item]) -> Iterator[list[Item]]:
    part: list[Item] = []
    for item in items:
        ends = isinstance(item, Lexeme) and (item.kind == "stop" or (item.kind == "semicolon" and not job.exclusion))
        if ends:
            yield part
            part = []
        else:
            part.append(item)
    yield part


def _sentence(job: Job, items: Sequence[Item], *, inside: bool) -> Iterator[list[_Spot]]:
    chunks, words = _chunks(job, items)
    kinds = [_members(job, c) for c in chunks]
    levels: list[_Level] = []
    for place, (chunk, chain) in enumerate(zip(chunks, kinds, strict=True)):
        word = _said(words, place)
        if not chain:
            continue
        if not chain[0][0].kind:
            following = next((c[0][0].kind for c in kinds[place + 1 :] if c and c[0][0].kind), None)
            chain = [(_Spot(chain[0][0].start, chain[0][0].end, following), chain[0][1]), *chain[1:]]
        first = chain[0][0]
        if not levels or word == "colon":
            yield from _closed(job, levels, inside=inside)
            levels = [_Level([first], listing=word == "colon" and job.exclusion)]
        else:
            depth = _depth(job, levels, chunk, first, word, chunks[place - 1])
            yield from _closed(job, levels[depth + 1 :], inside=inside)
            del levels[depth + 1 :]
            level = levels[depth]
            if word == "and" and not (job.exclusion or level.listing or inside):
                yield from _closed(job, [level], inside=inside)
                levels[depth] = _Level([first])
            else:
                level.members.append(first)
                level.joined.add(word)
        for spot, opens in chain[1:]:
            levels.append(_Level([spot], listing=opens))
    yield from _closed(job, levels, inside=inside)


def _closed(job: Job, levels: Sequence[_Level], *, inside: bool) -> Iterator[list[_Spot]]:
    for level in levels:
        if len(level.members) > 1 and (job.exclusion or inside or level.listing or level.joined & {"or", "and/or"}):
            yield level.members


def _said(words: Sequence[str], place: int) -> str:
    """What joins a chunk to the one before it; a comma says what the next word after it says."""
    if not place:
        return ""
    word = words[place - 1]
    if word != "comma":
        return word
    return next((w for w in words[place:] if w not in {"comma"}), "comma")


def _chunks(job: Job, items: Sequence[Item]) -> tuple[list[list[Item]], list[str]]:
    """The stretches between connectors, and what joins each to the one before."""
    chunks: list[list[Item]] = [[]]
    words: list[str] = []

    def begin(word: str) -> None:
        if chunks[-1]:
            chunks.append([])
            words.append(word)
        elif words:
            words[-1] = word if word != "comma" and words[-1] != "colon" else words[-1]

    for place, item in enumerate(items):
        if isinstance(item, Bracket):
            chunks[-1].append(item)
        elif item.kind in CONNECTORS:
            begin(item.kind)
        elif item.kind == "semicolon":
            begin("comma")
        elif item.text == ":" and item.kind == "other":
            begin("colon")
        elif item.text == "/" and _parts_words(items, place):
            begin("or")
        else:
            chunks[-1].append(item)
    if not chunks[-1]:
        chunks.pop()
        words = words[: max(0, len(chunks) - 1)]
    return chunks, words


def _parts_words(items: Sequence[Item], place: int) -> bool:
    """Whether a slash stands between two words long enough not to be abbreviations of one thing."""
    sides = [items[n] for n in (place - 1, place + 1) if 0 <= n < len(items)]
    return len(sides) == 2 and all(
        isinstance(s, Lexeme) and (s.kind != "word" or (len(s.text) > _SHORTEST and s.text.isalpha())) for s in sides
    )


def _members(job: Job, chunk: Sequence[Item]) -> list[tuple[_Spot, bool]]:
    """The chunk's names from its own down to what stands below it; the flag marks the head of an open list."""
    found: list[tuple[_Spot, bool]] = []
    below = False
    listed = False
    words: list[Lexeme] = []
    last_end = -1
    for item in chunk:
        if isinstance(item, Bracket):
            continue
        kind = _kind(job, item)
        if kind is not None:
            if not found or below:
                found.append((_Spot(item.start, item.end, kind), listed))
            elif last_end >= 0 and item.start - last_end <= 1 and kind != "person":
                spot, opens = found[-1]
                found[-1] = (_Spot(spot.start, item.end, kind), opens)
            below = item.kind == "cue" and item.text.endswith((" to", " of", " for", " with", " in", " from"))
            listed = False
            last_end = item.end
        elif item.kind == "cue" and item.value == "open":
            below = listed = True
        elif item.text in _BELOW or (item.kind == "cue" and item.value in _BELOW_CUES):
            if found or words:
                below = True
        elif item.kind == "word" and item.text not in FILLING:
            words.append(item)
    own = [w for w in words if not found or w.end <= found[0][0].start]
    if not found and own:
        first = own[0]
        run = [first]
        for word in own[1:]:
            if word.start - run[-1].end > 1:
                break
            run.append(word)
        found.append((_Spot(run[0].start, run[-1].end, None), False))
    return found


def _kind(job: Job, item: Lexeme) -> str | None:
    if item.kind == "concept":
        kind = str(kind_of(job, item))
        return _KINDS.get(kind, kind)
    if isinstance(item.value, Term):
        return item.value.domain
    if item.kind == "cue":
        return _ASKED.get(str(item.value))
    return None


def _depth(
    job: Job, levels: Sequence[_Level], chunk: Sequence[Item], spot: _Spot, word: str, before: Sequence[Item]
) -> int:
    """The level that a chunk joins."""
    lead = [i for i in chunk if isinstance(i, Lexeme) and i.start < spot.start]
    anew = any(i.kind == "cue" and i.value in _ANEW for i in lead)
    if anew:
        return 0
    for depth in range(len(levels) - 1, -1, -1):
        if spot.kind is not None and levels[depth].members[-1].kind == spot.kind:
            return depth
    return len(levels) - 1 if word in {"or", "and/or"} else 0
