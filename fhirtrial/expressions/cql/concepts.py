"""A concept's codes inside the library: what means it, what may, what says that it once was, and its names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from fhirtrial.expressions.cql.names import codes, key, name, string, strings
from fhirtrial.expressions.cql.piece import Helper
from fhirtrial.terminology import Code, Terminology
from fhirtrial.terminology.names import is_abbreviation, plain
from fhirtrial.terminology.routes import groups
from fhirtrial.terminology.systems import HIERARCHICAL, URIS, comparable

_BLOCK = re.compile(r"([A-Z])(\d\d)-([A-Z])(\d\d)")


@lru_cache(maxsize=4096)
def declared(concept: str, terminology: Terminology) -> Helper:
    """The define of a concept: every argument is evaluated once, where the concept is asked for."""
    own = tuple(roots(terminology.value_set(concept)))
    coarse = tuple(roots(_coarse(concept, terminology)))
    history = tuple(roots(_listed(concept, "history", terminology)))
    routed, allowed = _routed(concept, terminology)
    long, short = _names(concept, terminology)
    arguments = [
        codes(own),
        codes(coarse),
        codes(history),
        codes(routed),
        strings(allowed),
        _pattern(long, plural="s?"),
        _pattern(short, plural=""),
    ]
    listed = ",\n    ".join(arguments)
    return Helper(name(concept), f'define {name(concept)}:\n  "Concept"(\n    {listed})')


def complete(concept: str, terminology: Terminology) -> str:
    """The code systems in which the concept's absence may speak."""
    return strings(uri for uri in URIS.values() if terminology.is_complete(concept, uri))


def heads(concept: str, terminology: Terminology) -> str:
    """The first code of each system: refuting it denies the concept as a whole."""
    found: dict[str, str] = {}
    for code in terminology.concept(concept).codes:
        found.setdefault(code.system, key(code.system, code.code))
    return strings(found.values())


def denials(concept: str, terminology: Terminology) -> str:
    return strings(key(c.system, c.code) for c in _listed(concept, "denials", terminology))


def roots(items: Iterable[Code]) -> Iterator[Code]:
    """Without what lies below another: in ICD and ATC a code stands for all that begin with it."""
    kept: dict[str, set[str]] = {}
    for item in sorted(expanded(items)):
        if item.system in HIERARCHICAL:
            text = comparable(item.system, item.code)
            above = kept.setdefault(item.system, set())
            if any(text[:end] in above for end in range(1, len(text) + 1)):
                continue
            above.add(text)
        yield item


def expanded(items: Iterable[Code]) -> Iterator[Code]:
    """A block of ICD categories as its categories."""
    for item in items:
        block = _BLOCK.fullmatch(item.code) if item.system in HIERARCHICAL else None
        if block is None:
            yield item
        else:
            yield from _categories(item, block)


def _categories(item: Code, block: re.Match[str]) -> Iterator[Code]:
    first, low, last, high = block.groups()
    for letter in map(chr, range(ord(first), ord(last) + 1)):
        start, end = (int(low) if letter == first else 0), (int(high) if letter == last else 99)
        for number in range(start, end + 1):
            yield Code(item.system, f"{letter}{number:02d}", item.display)


def _listed(concept: str, block: str, terminology: Terminology) -> list[Code]:
    return [c for member in terminology.members(concept) for c in getattr(terminology.concept(member), block)]


def _coarse(concept: str, terminology: Terminology) -> list[Code]:
    """Codes that may mean it; `Any above` finds the ancestors that are in no list."""
    members = terminology.members(concept)
    listed = _listed(concept, "coarse", terminology)
    for member in members:
        for wider in terminology.concept(member).coarse_members:
            listed += terminology.value_set(wider)
    return [c for c in dict.fromkeys(listed) if not terminology.is_hit(concept, c.system, c.code)]


def _routed(concept: str, terminology: Terminology) -> tuple[list[Code], frozenset[str]]:
    """Codes of a class by certain routes whose own route is not told, and the routes that settle them."""
    if not terminology.concept(concept).routes:
        return [], frozenset()
    own = set(terminology.value_set(concept))
    possible = {c for member in terminology.members(concept)[1:] for c in terminology.value_set(member)} - own
    found = [c for c in sorted(possible) if terminology.is_coarse(concept, c.system, c.code)]
    allowed = {g for g in groups() if any(terminology.is_hit(concept, c.system, c.code, g) for c in found)}
    return found, frozenset(allowed)


def _names(concept: str, terminology: Terminology) -> tuple[list[str], list[str]]:
    members = [terminology.concept(member) for member in terminology.members(concept)]
    named = sorted({plain(text) for c in members for text in (c.label, *c.synonyms)})
    return [n.lower() for n in named if not is_abbreviation(n)], [n for n in named if is_abbreviation(n)]


def _pattern(names: list[str], *, plural: str) -> str:
    """One expression over a whole text: any of the names as whole words, with any gap between words, or a plural s."""
    if not names:
        return "null as String"
    longest_first = sorted(set(names), key=lambda n: (-len(n), n))
    listed = "|".join(re.escape(n).replace("\\ ", "[\\s\\-_/]+") for n in longest_first)
    return string(f"(?:[\\s\\S]*[^A-Za-z0-9])?(?:{listed}){plural}(?:[^A-Za-z0-9][\\s\\S]*)?")
