"""Finding a concept's names in free text: whole words, case and accents aside, but abbreviations letter by letter."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from typing import TypeAlias

Pattern: TypeAlias = re.Pattern[str]

_BREAK = re.compile(r"[\s\-_/‐-―]+")  # spaces, hyphens and slashes are one kind of gap
_ABBREVIATION = 6  # up to this many characters, and all capitals or digits, a name is an abbreviation


def plain(text: str) -> str:
    """Text without accents and typographic gaps, in its own case: `Sjögren-syndrome` → `Sjogren syndrome`."""
    letters = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return _BREAK.sub(" ", letters.replace("’", "'")).strip()


def is_abbreviation(name: str) -> bool:
    return len(name) <= _ABBREVIATION and name.upper() == name and any(c.isalpha() for c in name)


def surface(name: str) -> tuple[tuple[str, bool], ...]:
    """The plain forms under which a text matcher looks for a name, each with whether its case counts.

    A form whose case does not count is in lower case; the plural s that `pattern` allows is a form of its own.
    """
    form = plain(name)
    if is_abbreviation(name):
        return ((form, True),)
    low = form.lower()
    return ((low, False),) if low.endswith("s") else ((low, False), (f"{low}s", False))


def pattern(names: Collection[str]) -> Pattern | None:
    """One pattern over plain text for all the names; a plural s may follow a name that is not an abbreviation."""
    short = sorted({re.escape(plain(n)) for n in names if is_abbreviation(n)})
    long = sorted({re.escape(plain(n)) for n in names if not is_abbreviation(n)}, key=lambda n: (-len(n), n))
    parts = [f"(?:{'|'.join(short)})"] if short else []
    if long:
        parts.append(f"(?i:(?:{'|'.join(long)})s?)")
    return re.compile(rf"(?<![^\W_])(?:{'|'.join(parts)})(?![^\W_])") if parts else None
