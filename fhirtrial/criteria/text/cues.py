"""The lexer of cues: words that steer the grammar (negation, exceptions, examples, history, judgement), from one table.

A word in none of them, beside a concept, is something the encoding leaves out; it never silently disappears.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

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
_EACH = tuple(
    (name, re.compile(rf"(?<![^\W_])(?:{'|'.join(words)})(?![^\W_])", re.IGNORECASE))
    for name, words in _DATA["cues"].items()
)


def find_cues(text: str, only: frozenset[str] = frozenset()) -> Iterator[Lexeme]:
    """Every cue, or those of these names, possibly overlapping; the lexer keeps the longest."""
    for name, pattern in _EACH:
        if only and name not in only:
            continue
        for match in pattern.finditer(text):
            if match.end() > match.start():
                yield Lexeme("cue", match.start(), match.end(), match.group().lower(), name)
