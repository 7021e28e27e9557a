"""With which characters a match of a pattern can begin, so that a pattern is tried only where it has a chance.

Reads the part of the language of regular expressions that the cue table uses; anything else counts as "may be any".
"""

from __future__ import annotations

import string
from dataclasses import dataclass

_CLASSES = {"s": " \t\n\r\f\v", "d": string.digits}
_OPTIONAL = frozenset("?*")


@dataclass(frozen=True, slots=True)
class Beginning:
    """Lower-case `characters`; `any` where others are possible too, `empty` where a match may hold none."""

    characters: frozenset[str]
    any: bool = False
    empty: bool = False


def beginning_of(pattern: str) -> Beginning:
    """What a match without case begins with.

    >>> sorted(beginning_of("(?:very )?high|low").characters)
    ['h', 'l', 'v']
    """
    found, _ = _alternatives(pattern, 0)
    return found


def _alternatives(pattern: str, place: int) -> tuple[Beginning, int]:
    parts: list[Beginning] = []
    while True:
        part, place = _sequence(pattern, place)
        parts.append(part)
        if place >= len(pattern) or pattern[place] == ")":
            characters = frozenset().union(*(p.characters for p in parts))
            return Beginning(characters, any(p.any for p in parts), any(p.empty for p in parts)), place
        place += 1


def _sequence(pattern: str, place: int) -> tuple[Beginning, int]:
    """One alternative, up to its bar or closing bracket: what follows counts while what is before may be empty."""
    characters: set[str] = set()
    anything, empty = False, True
    while place < len(pattern) and pattern[place] not in "|)":
        one, place = _element(pattern, place)
        optional = one.empty
        if place < len(pattern) and pattern[place] in "?*+{":
            optional = optional or pattern[place] in _OPTIONAL or pattern.startswith("{0", place)
            place = pattern.index("}", place) + 1 if pattern[place] == "{" else place + 1
            if place < len(pattern) and pattern[place] == "?":
                place += 1
        if empty:
            characters |= one.characters
            anything = anything or one.any
        empty = empty and optional
    return Beginning(frozenset(characters), anything, empty), place


def _element(pattern: str, place: int) -> tuple[Beginning, int]:
    character = pattern[place]
    if character == "(":
        return _group(pattern, place)
    if character == "[":
        end = pattern.index("]", place + 2) + 1
        return _set(pattern[place + 1 : end - 1]), end
    if character == "\\":
        kind = pattern[place + 1]
        if kind in "bB":
            return Beginning(frozenset(), empty=True), place + 2
        if kind == "u":
            return Beginning(frozenset(chr(int(pattern[place + 2 : place + 6], 16)))), place + 6
        if kind in _CLASSES:
            return Beginning(frozenset(_CLASSES[kind])), place + 2
        return (Beginning(frozenset(), any=True) if kind.isalnum() else Beginning(frozenset(kind))), place + 2
    if character in ".^$" or not character.isascii():
        return Beginning(frozenset(), any=True, empty=character in "^$"), place + 1
    return Beginning(frozenset(character.lower())), place + 1


def _group(pattern: str, place: int) -> tuple[Beginning, int]:
    if pattern.startswith("(?P<", place):
        found, end = _alternatives(pattern, pattern.index(">", place) + 1)
        return found, end + 1
    if pattern.startswith("(?:", place):
        found, end = _alternatives(pattern, place + 3)
        return found, end + 1
    looking = pattern.startswith(("(?=", "(?!", "(?<"), place)
    found, end = _alternatives(pattern, place + (3 if looking else 1))
    return (Beginning(frozenset(), empty=True) if looking else found), end + 1


def _set(inside: str) -> Beginning:
    if inside.startswith("^") or "\\w" in inside or "\\W" in inside or not inside.isascii():
        return Beginning(frozenset(string.printable.lower()) if not inside.startswith("^") else frozenset(), any=True)
    characters: set[str] = set()
    place = 0
    while place < len(inside):
        if inside[place] == "\\":
            characters |= set(_CLASSES.get(inside[place + 1], inside[place + 1]))
            place += 2
        elif inside[place + 1 : place + 2] == "-" and place + 2 < len(inside):
            characters |= {chr(c) for c in range(ord(inside[place]), ord(inside[place + 2]) + 1)}
            place += 3
        else:
            characters.add(inside[place])
            place += 1
    return Beginning(frozenset(c.lower() for c in characters))
