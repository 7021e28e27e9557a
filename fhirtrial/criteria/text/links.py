"""Which name a value or a window qualifies, for reviewers and scores; it changes no tree.

A window belongs to the names before it, and to the first one after it only where none stands before; a name behind a
window that counts from an event ("within 3 months prior to surgery") is that event.
"""

from __future__ import annotations

from collections.abc import Sequence

from fhirtrial.criteria.text.cues import FILLING
from fhirtrial.criteria.text.found import Job, Link
from fhirtrial.criteria.text.lexemes import Lexeme, Timed
from fhirtrial.criteria.text.phrase import Phrase, is_core

_USES = frozenset(["therapies", "therapy", "treatment", "treatments", "use", "medication", "medications", "surgery"])
_JOINING = frozenset(["of", "with", "to", "for", "against", "by", "a", "an", "the", "any"])


def window_of(phrase: Phrase) -> Lexeme | None:
    return next((x for x in phrase.lexemes if x.kind == "window"), None) or phrase.window


def link_window(job: Job, phrase: Phrase) -> None:
    """The phrase's window and each name that it holds for."""
    window = window_of(phrase)
    if window is None:
        return
    job.windows.extend(Link(place, (window.start, window.end)) for place in _timed(phrase.lexemes, window))


def link_values(job: Job, phrase: Phrase) -> None:
    """Which name a comparison qualifies, where nothing could be encoded."""
    lexemes = phrase.lexemes
    cores = [x for x in lexemes if is_core(x)]
    for value in lexemes:
        if value.kind in {"compare", "duration"}:
            before = [x for x in cores if x.start < value.start] or cores
            words = [x for x in lexemes if x.kind == "word" and x.end <= value.start and x.text not in FILLING]
            if words and (not cores or (words[-1].start > before[-1].end >= 0 and before[-1].kind != "concept")):
                job.values.append(Link((words[-1].start, words[-1].end), (value.start, value.end)))
            elif before:
                job.values.append(Link((before[-1].start, before[-1].end), (value.start, value.end)))


def _timed(lexemes: Sequence[Lexeme], window: Lexeme) -> list[tuple[int, int]]:
    stay = next((x for x in lexemes if x.kind == "cue" and x.value in {"inpatient", "other-trial"}), None)
    if stay is not None and (stay.start < window.start or not any(is_core(x) for x in lexemes)):
        return [(stay.start, stay.end)]
    names = [x for x in lexemes if is_core(x)]
    before = [x for x in names if x.start < window.start]
    if not before and not _counts_from_event(window):
        before = names[:1]
    concepts = [x for x in before if x.kind != "term"] or before[-1:]
    if concepts:
        return list(dict.fromkeys(_compound(lexemes, x) for x in concepts))
    words = [x for x in lexemes if x.kind == "word" and x.text not in FILLING and x.end <= window.start]
    return [(words[-1].start, words[-1].end)] if words else []


def _counts_from_event(window: Lexeme) -> bool:
    return isinstance(window.value, Timed) and not window.value.anchored


def _compound(lexemes: Sequence[Lexeme], core: Lexeme) -> tuple[int, int]:
    """The whole event that a name stands in: "stent implantation", "treatment with aminosides", "use of statins"."""
    place = lexemes.index(core)
    first = last = place
    while last + 1 < len(lexemes) and lexemes[last + 1].start - lexemes[last].end <= 1 and _noun(lexemes[last + 1]):
        last += 1
    while first and lexemes[first].start - lexemes[first - 1].end <= 1 and _noun(lexemes[first - 1]):
        first -= 1
    before = first
    while before and lexemes[before - 1].kind == "word" and lexemes[before - 1].text in _JOINING:
        before -= 1
    if before < first and before and (lexemes[before - 1].kind == "term" or lexemes[before - 1].text in _USES):
        first = before - 1
        while first and lexemes[first - 1].kind == "cue" and lexemes[first - 1].value in {"systemic", "oral", "using"}:
            first -= 1
    return lexemes[first].start, lexemes[last].end


def _noun(lexeme: Lexeme) -> bool:
    return (
        is_core(lexeme)
        or (lexeme.kind == "cue" and lexeme.value == "using")
        or (lexeme.kind == "word" and lexeme.text in _USES)
    )
