"""Which names a text offers as alternatives: the members of its lists, each joined at the level that fits it.

"Infection requiring oral or intravenous antibiotics, or surgery": a member joins the nearest name of its own kind, and
where none is of its kind, what stands next to it. It tells what is listed beside what; trees are made elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from fhirtrial.criteria.text.atoms import kind_of
from fhirtrial.criteria.text.cues import FILLING, WORDS
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
_BELOW = WORDS["below"]
_BELOW_CUES = frozenset({"cause", "planned", "same", "using", "if", "except", "unless", "negation", "failed"})
# A member that begins anew, beside everything said so far.
_ANEW = frozenset({"history", "using", "negation", "experiencer"})
_PEOPLE = re.compile(r"\b(?:non-?pregnant\s+)?(?:fe-?males?|males?|wom[ae]n|m[ae]n)\b", re.IGNORECASE)
_REACTIONS = re.compile(
    r"\b(?:allerg\w+|hyper-?sensitiv\w+|intoleran\w+|anaphyla\w+|sensitivity|hyperreactivity|contra-?indicat\w+)",
    re.IGNORECASE,
)
_TOWARD = (" to", " of", " for", " with", " in", " from", " against")
_GENERIC = WORDS["generic"]
_COURSES = frozenset({"acute", "chronic"})
_SHORTEST = 4


@dataclass(frozen=True, slots=True)
class _Spot:
    """A name, or the words that stand for one; `kind` is None where the words do not tell."""

    start: int
    end: int
    kind: str | None
    listed: bool = False


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
    chunks, words = _chunks(items)
    chains = [_members(job, c) for c in chunks]
    levels: list[_Level] = []
    listed = denied = False
    for place, (chunk, chain) in enumerate(zip(chunks, chains, strict=True)):
        opens = listed or _opens(chunk[0])
        listed = opens and not chain
        if not chain:
            continue
        word = _said(words, place)
        first = chain[0]
        if first.kind is None:
            following = next((c[0].kind for c in chains[place + 1 :] if c and c[0].kind), None)
            first = _Spot(first.start, first.end, following)
        if not levels or word == "colon":
            yield from _closed(job, levels, inside=inside)
            levels = [_Level([first], listing=word == "colon" and job.exclusion)]
        elif opens:
            levels.append(_Level([first], listing=True))
        else:
            depth = _depth(levels, chunk, first, word)
            yield from _closed(job, levels[depth + 1 :], inside=inside)
            del levels[depth + 1 :]
            denied = denied or any(isinstance(i, Lexeme) and i.value == "negation" for i in chunks[place - 1])
            if word == "and" and not (job.exclusion or levels[depth].listing or inside or denied):
                yield from _closed(job, levels[depth:], inside=inside)
                levels[depth] = _Level([first])
            else:
                levels[depth].members.append(first)
                levels[depth].joined.add(word)
        levels.extend(_Level([spot], listing=spot.listed) for spot in chain[1:])
    yield from _closed(job, levels, inside=inside, denied=denied)


def _opens(item: Item) -> bool:
    return isinstance(item, Lexeme) and item.kind == "cue" and item.value in {"open", "same"}


def _closed(job: Job, levels: Sequence[_Level], *, inside: bool, denied: bool = False) -> Iterator[list[_Spot]]:
    for level in levels:
        if len(level.members) < 2:
            continue
        if level.joined == {"and"} and not inside and len(level.members) == 2 and _differ(level.members):
            continue
        if job.exclusion or inside or level.listing or level.joined & {"or", "and/or"} or denied:
            yield level.members


def _differ(members: Sequence[_Spot]) -> bool:
    return len({m.kind for m in members}) > 1


def _said(words: Sequence[str], place: int) -> str:
    """What joins a chunk to the one before it; a comma says what the next word after it says."""
    if not place:
        return ""
    word = words[place - 1]
    if word != "comma":
        return word
    return next((w for w in words[place:] if w != "comma"), "comma")


def _chunks(items: Sequence[Item]) -> tuple[list[list[Item]], list[str]]:
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
            if not _either_way(items, place):
                begin(item.kind)
        elif item.kind == "semicolon":
            begin("semicolon")
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


def _either_way(items: Sequence[Item], place: int) -> bool:
    """As in "with or without stents", which asks nothing."""
    if not 0 < place < len(items) - 1:
        return False
    before, after = items[place - 1], items[place + 1]
    return (
        isinstance(before, Lexeme)
        and isinstance(after, Lexeme)
        and {"with", "without"} <= {before.text, *after.text.split()}
    )


def _parts_words(items: Sequence[Item], place: int) -> bool:
    """Whether a slash stands between two words long enough not to be abbreviations of one thing."""
    sides = [items[n] for n in (place - 1, place + 1) if 0 <= n < len(items)]
    return len(sides) == 2 and all(
        isinstance(s, Lexeme) and (s.kind != "word" or (len(s.text) > _SHORTEST and s.text.isalpha())) for s in sides
    )


def _members(job: Job, chunk: Sequence[Item]) -> list[_Spot]:
    """The chunk's names, from its own down to what stands below it; a person gives way to what is said of them."""
    found: list[_Spot] = []
    for run, listed in _runs(chunk):
        spot = _spot(job, run, listed=listed)
        if spot is not None:
            found.append(spot)
    while len(found) > 1 and found[0].kind == "person":
        found.pop(0)
    named = [s for s in found if s.kind is not None]
    return found if found and found[0].kind is None and not named else [s for s in found if s.kind or s is not found[0]]


def _runs(chunk: Sequence[Item]) -> Iterator[tuple[list[Lexeme], bool]]:
    """The chunk cut where one name ends and what stands below it begins; the flag tells that a list opens there."""
    run: list[Lexeme] = []
    listed = False
    for item in chunk:
        if isinstance(item, Bracket):
            continue
        opens = _opens(item)
        if opens or item.text in _BELOW or (item.kind == "cue" and item.value in _BELOW_CUES):
            if run:
                yield run, listed
            run, listed = [], opens and item.value == "open"
            continue
        run.append(item)
        if item.kind == "cue" and item.value in _ASKED and item.text.endswith(_TOWARD):
            yield run, listed
            run, listed = [], False
    if run:
        yield run, listed


def _spot(job: Job, run: Sequence[Lexeme], *, listed: bool) -> _Spot | None:
    """The first name of a run with the names that touch it, or its words where it names nothing known."""
    found: _Spot | None = None
    for item in run:
        kind = _kind(job, item)
        if kind is None:
            continue
        if found is None:
            found = _Spot(item.start, item.end, kind, listed)
        elif item.start - found.end <= 1 and kind != "person":
            found = _Spot(found.start, item.end, kind, listed)
    if found is not None:
        return found
    words = [x for x in run if x.kind == "word" and x.text not in FILLING] or [
        x for x in run if x.text in _GENERIC or (x.kind == "cue" and x.value in _COURSES)
    ]
    if not words:
        return None
    last = words[0]
    for word in words[1:]:
        if word.start - last.end > 1:
            break
        last = word
    return _Spot(words[0].start, last.end, None, listed)


def _kind(job: Job, item: Lexeme) -> str | None:
    if item.kind == "concept":
        kind = str(kind_of(job, item))
        return _KINDS.get(kind, kind)
    if isinstance(item.value, Term):
        return item.value.domain
    if item.kind == "cue":
        return _ASKED.get(str(item.value))
    return None


def _depth(levels: Sequence[_Level], chunk: Sequence[Item], spot: _Spot, word: str) -> int:
    """The level that a chunk joins."""
    if word == "semicolon":
        return 0
    lead = [i for i in chunk if isinstance(i, Lexeme) and i.start < spot.start]
    depths = (
        range(len(levels)) if any(i.kind == "cue" and i.value in _ANEW for i in lead) else reversed(range(len(levels)))
    )
    order = tuple(depths)
    for kinds in ({spot.kind}, {None}):
        for depth in order:
            if levels[depth].listing or (spot.kind is not None and levels[depth].members[-1].kind in kinds):
                return depth
    return len(levels) - 1 if word in {"or", "and/or"} else 0
