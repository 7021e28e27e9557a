"""What a denial, an exception or a permission is about: the head of the name it reaches, and that head's alternatives.

"No contraindication to aspirin" denies the contraindication, not aspirin; "no asthma, pneumonia or stroke" all three.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fhirtrial.criteria.text.cues import WORDS
from fhirtrial.criteria.text.found import Job
from fhirtrial.criteria.text.lexemes import Lexeme
from fhirtrial.criteria.text.phrase import ASKING, TOPICS, Bracket, Item

Span = tuple[int, int]

_DENYING = frozenset({"negation", "except", "unless"})
_THROUGH = WORDS["through"]
# Cues that are what is denied.
_DENIABLE = frozenset({*ASKING, *TOPICS, "allergy", "intolerance", "contraindication", "positive", "abnormal"})
_ENDS = WORDS["ends"]
_EMPTY = WORDS["empty"]
_PRESENCE = WORDS["presence"]
_ALLOWED = ("allowed", "permitted", "acceptable", "permissible", "not excluded", "be excluded", "exclusion", "exclude")
_REFUSED = frozenset({"excluded", "ineligible", "prohibited"})
_PREVENTING = WORDS["preventing"]
_UNLIMITED = frozenset({"limited", "restricted", "only", "listed", "necessarily"})


def denied(job: Job, items: Sequence[Item]) -> Iterator[Span]:
    """The stretches that denials and exceptions are about, those in brackets too."""
    for sentence in _sentences(items):
        for place, item in enumerate(sentence):
            if isinstance(item, Bracket):
                yield from denied(job, item.items)
            elif item.kind == "cue" and (item.value in _DENYING or _forbids(item)):
                yield from _reached(job, sentence, place, item)
            elif item.text in _PREVENTING:
                yield from _after(job, sentence, place + 1, listed=False)
            elif item.text == "non":
                yield from _prefixed(sentence, place)
            elif item.kind == "cue" and item.value in {"allowed", "naive"}:
                yield from _before(job, sentence, place, item)
            elif item.text in _REFUSED and not job.exclusion:
                yield from _subject(sentence, place)


def _forbids(cue: Lexeme) -> bool:
    """As in "must not be": the word for an obligation took the denial with it."""
    return cue.value == "allowed" and cue.text.endswith(" not")


def _prefixed(items: Sequence[Item], place: int) -> Iterator[Span]:
    """As in "non-ventilated", "non-childbearing potential"; before a noun it makes another name ("non-cardiac")."""
    following = next((i for i in items[place + 1 :] if isinstance(i, Lexeme) and i.text != "-"), None)
    if following is not None and (following.value == "childbearing" or following.text.endswith("ated")):
        yield following.start, following.end


def _sentences(items: Sequence[Item]) -> Iterator[list[Item]]:
    part: list[Item] = []
    for item in items:
        if isinstance(item, Lexeme) and item.kind in {"stop", "semicolon"}:
            yield part
            part = []
        else:
            part.append(item)
    yield part


def _reached(job: Job, items: Sequence[Item], place: int, cue: Lexeme) -> Iterator[Span]:
    before = [i for i in items[max(0, place - 2) : place] if isinstance(i, Lexeme)]
    if cue.text.startswith("without") and [i.text for i in before] == ["with", "or"]:
        return
    if cue.text == "ruled out":
        yield from _subject(items, place)
        return
    following = items[place + 1] if place + 1 < len(items) else None
    if isinstance(following, Lexeme) and following.kind in {"compare", "number", "duration"}:
        return
    if isinstance(following, Lexeme) and following.text in _UNLIMITED:
        return
    if isinstance(following, Lexeme) and cue.text.endswith("not") and _is_participle(following):
        yield following.start, following.end
        return
    if isinstance(following, Lexeme) and following.value == "using" and following.text.startswith("treat"):
        yield following.start, following.end
    yield from _after(job, items, place + 1, listed=cue.value != "unless")


def _is_participle(item: Lexeme) -> bool:
    return item.kind == "word" and item.text.endswith("ed") and item.text not in _EMPTY


def _after(job: Job, items: Sequence[Item], place: int, *, listed: bool) -> Iterator[Span]:
    """The head behind a denial, and the other members of its list."""
    head = _head(items, place)
    if head is None:
        return
    yield head
    if not listed:
        return
    limit = next(
        (
            i.start
            for i in items[place:]
            if isinstance(i, Lexeme) and i.kind == "cue" and i.value in _DENYING and i.start > head[0]
        ),
        None,
    )
    for group in job.alternatives:
        mine = [m for m in group if m[0] < head[1] and head[0] < m[1]]
        if mine:
            yield from (m for m in group if m[0] > mine[0][0] and (limit is None or m[0] < limit))


def _head(items: Sequence[Item], place: int) -> Span | None:
    words: list[Lexeme] = []
    for item in items[place:]:
        if isinstance(item, Bracket):
            if words:
                break
            continue
        if item.kind in {"concept", "term"} or (item.kind == "cue" and item.value in _DENIABLE):
            if words and words[-1].end < item.start - 1:
                break
            return item.start, item.end
        if item.kind == "cue" and item.value in _THROUGH:
            continue
        if item.kind in {"window", "duration", "number", "compare", "age"}:
            if words:
                break
            continue
        if item.kind == "other" and item.text in {"-", ":", '"'}:
            continue
        if words and (item.text in _ENDS or item.kind != "word"):
            if item.text != "of" or words[-1].text not in _PRESENCE:
                break
            words.clear()
            continue
        if item.kind == "word" and (words or item.text not in _EMPTY):
            words.append(item)
        elif item.kind == "cue":
            break
        elif item.kind in {"comma", "and", "or", "and/or"} and not words:
            continue
    return (words[0].start, words[-1].end) if words else None


def _before(job: Job, items: Sequence[Item], place: int, cue: Lexeme) -> Iterator[Span]:
    """What is allowed, where the criterion excludes, or "naive" of: named before the word."""
    if cue.value == "naive":
        if cue.text.startswith(("treatment", "drug", "therapy", "medication")):
            yield cue.start, cue.end
        elif cue.text.startswith("na"):
            yield from _subject(items, place, nearest=True)
        return
    denial = any(isinstance(i, Lexeme) and i.text == "not" for i in items[max(0, place - 1) : place + 2])
    if job.exclusion and cue.text.endswith(_ALLOWED) and not denial:
        yield from _subject(items, place)


def _subject(items: Sequence[Item], place: int, *, nearest: bool = False) -> Iterator[Span]:
    """What is named before a word: the first name of the clause, or the nearest."""
    names = [
        i
        for i in items[:place]
        if isinstance(i, Lexeme) and (i.kind in {"concept", "term"} or i.text.startswith("treatment"))
    ]
    if names:
        name = names[-1 if nearest else 0]
        yield name.start, name.end
