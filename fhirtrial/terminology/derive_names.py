"""Which texts of the source tables are names of a derived concept, and which other forms say the same; words are data.

Told from the text alone: what two concepts share is settled where they are put together (`derive`).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from typing import Any, TypeAlias

from fhirtrial.terminology.load import DATA
from fhirtrial.terminology.names import is_abbreviation, plain
from fhirtrial.terminology.spelling import american

Key: TypeAlias = tuple[str, ...]

_WORD = re.compile(r"[^\W_]+(?:'s(?![^\W_]))?|%")
_LONGEST = 7  # words; a longer name stands in no criterion
_SHORTEST = 5  # letters of a name of one word
_UNPLURAL = re.compile(r"(?<=[a-z]{3})(?<![sui])s$")
_PUNCTUATION = re.compile(r"[,;:()\[\]{}/<>=+|\"]|\s-|-\s|\d{3}")
_INITIALS = (4, 6)
_LEADING = (" of", " in", " to", " on")
_JOINED = frozenset({"of", "in", "to", "on"})
_PART = 3  # words of a part of the body


@cache
def words() -> Mapping[str, Any]:
    table: dict[str, Any] = tomllib.loads((DATA / "derive.toml").read_text(encoding="utf-8"))
    return table


def listed(text: str) -> list[str]:
    return [" ".join(word.split()) for word in text.split(";") if word.strip()]


@lru_cache(maxsize=65536)
def _folded(word: str) -> str:
    low = american(word.removesuffix("'s"))
    return low[:-3] + "y" if low.endswith("ies") and len(low) > 5 else _UNPLURAL.sub("", low)


@cache
def key(name: str) -> Key:
    """What two spellings of one name share; an abbreviation is its own letters."""
    if is_abbreviation(name):
        return ("=", plain(name))
    return tuple(_folded(word) for word in _WORD.findall(plain(name).lower()))


@cache
def _refused() -> re.Pattern[str]:
    return re.compile(rf"(?<![^\W_])(?:{'|'.join(re.escape(w) for w in words()['refused'])})(?![^\W_])", re.IGNORECASE)


@cache
def _generic() -> frozenset[Key]:
    return frozenset(key(name) for name in listed(words()["generic"]))


@cache
def _qualifiers() -> frozenset[str]:
    return frozenset(words()["qualifiers"].split())


def is_name(text: str) -> bool:
    """Whether the text names something by itself, wherever it stands."""
    if is_abbreviation(text) or _PUNCTUATION.search(text) or _refused().search(text):
        return False
    folded = key(text)
    if not 0 < len(folded) <= _LONGEST or folded in _generic():
        return False
    return len(folded) > 1 or len(folded[0]) >= _SHORTEST


def significant(name: str) -> frozenset[str]:
    """The words that tell one name from another, whatever their order."""
    return frozenset(key(name)) - _neutral()


@cache
def _neutral() -> frozenset[str]:
    return frozenset(words()["neutral"].split())


def agrees(own: frozenset[str], primary: Iterable[frozenset[str]]) -> bool:
    """Whether a synonym is no part and no special case of a primary name: "tracheomalacia", "solitary plasmacytoma"."""
    return all(own == other or not (own < other or own > other) for other in primary)


def unqualified(name: str) -> str | None:
    """The name without a first word that a criterion says of any name: "severe asthma"."""
    first, _, rest = name.partition(" ")
    return rest if rest and first.lower() in _qualifiers() else None


def initials(text: str, names: Iterable[str]) -> bool:
    """Whether an abbreviation is made of the first letters of one of the names."""
    if not (is_abbreviation(text) and text.isalpha() and _INITIALS[0] <= len(text) <= _INITIALS[1]):
        return False
    return any("".join(w[0] for w in _WORD.findall(plain(name))).upper() == text for name in names)


@cache
def _heads() -> dict[str, list[str]]:
    """Each way to say a head, and the ways that say the same."""
    groups = [[way.strip() for way in line.split(",")] for line in words()["heads"]]
    return {way: group for group in groups for way in group}


@cache
def _organs() -> dict[str, str]:
    pairs = words()["organs"]
    return dict(pairs) | {b: a for a, b in pairs}


@cache
def _adjectives() -> frozenset[str]:
    return frozenset(adjective for _, adjective in words()["organs"])


def variants(name: str) -> Iterator[str]:
    """Other forms of a name that is a head and a part of the body: "disorder of kidney", "renal disease"."""
    low = name.lower()
    for way, group in _heads().items():
        leading = way.endswith(_LEADING)
        part = low.removeprefix(f"{way} ") if leading else low.removesuffix(f" {way}")
        organ = _organs().get(part)
        # Turned round, only a part of the body stays a name: "disease of McArdle" is none.
        if part == low or not (organ or leading) or len(part.split()) > _PART or _JOINED & set(part.split()):
            continue
        for other in (part, *([organ] if organ else ())):
            yield from _said(group, other)
        return


def _said(heads: Iterable[str], part: str) -> Iterator[str]:
    for head in heads:
        if head.endswith(_LEADING):
            if part not in _adjectives():
                yield f"{head} {part}"
            continue
        yield f"{part} {head}"
        lead, _, rest = head.partition(" ")
        if rest and lead in {"malignant", "benign"}:
            yield f"{lead} {part} {rest}"
