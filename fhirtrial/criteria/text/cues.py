"""The lexer of cues: words that steer the grammar (negation, exceptions, examples, history, judgement), from one table.

A word in none of them, beside a concept, is something the encoding leaves out; it never silently disappears.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any

from fhirtrial.criteria.text.beginnings import beginning_of
from fhirtrial.criteria.text.lexemes import Lexeme

_DATA: dict[str, Any] = tomllib.loads(
    (files("fhirtrial.criteria.text") / "data" / "cues.toml").read_text(encoding="utf-8")
)
# Words that say nothing about who is meant; "patients with a known diagnosis of" adds nothing to a name.
FILLING: frozenset[str] = frozenset(_DATA["filling"].split())
# Of these only the harmless are filling beside a concept; a head like "test" or "therapy" changes what is named.
HEADS: frozenset[str] = frozenset(_DATA["heads"].split())
# Words that steer the reading of lists and denials, by what they do.
WORDS: dict[str, frozenset[str]] = {name: frozenset(words.split()) for name, words in _DATA["words"].items()}
_Each = tuple[tuple[int, str, re.Pattern[str]], ...]
_EACH: _Each = tuple(
    (place, name, re.compile(rf"(?:{'|'.join(words)})(?![^\W_])", re.IGNORECASE))
    for place, (name, words) in enumerate(_DATA["cues"].items())
)
_BEGINNINGS = {name: beginning_of("|".join(words)) for name, words in _DATA["cues"].items()}
# Where a cue may begin: at a sign, or at the first letter of a word.
_PLACE = re.compile(r"(?<![^\W_])\S")


@lru_cache(maxsize=8)
def _by_beginning(only: frozenset[str]) -> tuple[Mapping[str, _Each], _Each]:
    """The patterns to try at a place, by its character; and those to try at any other character."""
    chosen = [(e, _BEGINNINGS[e[1]]) for e in _EACH if not only or e[1] in only]
    signs = {c for _, b in chosen for c in b.characters}
    return {c: tuple(e for e, b in chosen if b.any or c in b.characters) for c in signs}, tuple(
        e for e, b in chosen if b.any
    )


def find_cues(text: str, only: frozenset[str] = frozenset()) -> Iterator[Lexeme]:
    """Every cue, or those of these names, possibly overlapping; the lexer keeps the longest."""
    tried, rare = _by_beginning(only)
    done = [0] * len(_EACH)
    for begin in _PLACE.finditer(text):
        start = begin.start()
        for place, name, pattern in tried.get(begin.group().lower(), rare):
            if start < done[place]:
                continue
            match = pattern.match(text, start)
            if match is not None and match.end() > start:
                done[place] = match.end()
                yield Lexeme("cue", start, match.end(), match.group().lower(), name)
