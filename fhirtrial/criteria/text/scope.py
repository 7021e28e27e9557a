"""What a denial, an exception or a permission is about: the head of the name it reaches, and that head's alternatives.

"No contraindication to aspirin" denies the contraindication, not aspirin; "no asthma, pneumonia or stroke" all three.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fhirtrial.criteria.text.cues import FILLING
from fhirtrial.criteria.text.found import Job
from fhirtrial.criteria.text.lexemes import Lexeme
from fhirtrial.criteria.text.phrase import ASKING, TOPICS, Bracket, Item

Span = tuple[int, int]

_DENYING = frozenset({"negation", "except", "unless"})
# Cues that carry a denial through to what they stand before: "not receiving X" denies X.
_THROUGH = frozenset(
    """
    using history active mild moderate severe acute chronic recurrent now systemic oral intravenous subcutaneous
    intramuscular topical inhaled open suspected adult elevated decreased
    """.split()
)
# Cues that are what is denied.
_DENIABLE = frozenset({*ASKING, *TOPICS, "allergy", "intolerance", "contraindication", "positive", "abnormal", "planned"})
_ENDS = frozenset(
    """
    of to for with by from in on at during after before that which who whose within due because if when until as prior
    than or and but
    """.split()
)
# Words that what is denied may stand behind: "no history of", "not had a".
_EMPTY = frozenset(
    """
    evidence sign signs symptoms presence documentation diagnosis history the a an any known other previous previously
    prior current currently have has had having be been being is are was were with of on to use more receive received
    receiving suffer suffering from taking took get got yet if also significant clinical clinically relevant for in
    """.split()
)
_ALLOWED = ("allowed", "eligible", "permitted", "acceptable", "permissible", "included", "not excluded", "not an exclusion")
_REFUSED = ("excluded", "prohibited", "ineligible")
_PREVENTING = frozenset("precludes preclude precluding preventing prevents refuses refusing refuse refrain besides".split())
_NAIVE = frozenset({"naive", "naïve"})


def denied(job: Job, items: Sequence[Item]) -> Iterator[Span]:
    """The stretches that denials and exceptions are about, those in brackets too."""
    for sentence in _sentences(items):
        for place, item in enumerate(sentence):
            if isinstance(item, Bracket):
                yield from denied(job, item.items)
            elif item.kind == "cue" and item.value in _DENYING:
                yield from _reached(job, sentence, place, item)
            elif item.text in _PREVENTING or item.text == "non":
                yield from _after(job, sentence, place + 1, listed=False)
            elif item.kind == "cue" and item.value in {"allowed", "naive"}:
                yield from _before(job, sentence, place, item)


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
    yield from _after(job, items, place + 1, listed=cue.value != "unless")


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
            break
        if item.kind == "word" and (words or item.text not in _EMPTY):
            words.append(item)
        elif item.kind == "cue":
            return item.start, item.end
        elif item.kind in {"comma", "and", "or", "and/or"} and not words:
            continue
    return (words[0].start, words[-1].end) if words else None


def _before(job: Job, items: Sequence[Item], place: int, cue: Lexeme) -> Iterator[Span]:
    """What is allowed, where the criterion excludes, or "naive" of: named before the word."""
    if cue.value == "naive":
        if any(cue.text.endswith(w) for w in _NAIVE):
            yield from _subject(items, place)
        return
    denial = any(isinstance(i, Lexeme) and i.text == "not" for i in items[place : place + 2])
    if job.exclusion and cue.text.endswith(_ALLOWED) and not denial:
        yield from _subject(items, place)


def _subject(items: Sequence[Item], place: int) -> Iterator[Span]:
    """The first name of the clause before a word; the nearest, where the word is joined to it."""
    names = [i for i in items[:place] if isinstance(i, Lexeme) and i.kind in {"concept", "term"}]
    if names:
        yield names[-1].start, names[-1].end
        return
    words = [i for i in items[:place] if isinstance(i, Lexeme) and i.kind == "word" and i.text not in FILLING]
    if words:
        yield words[-1].start, words[-1].end
