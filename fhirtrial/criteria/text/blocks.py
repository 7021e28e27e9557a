"""A criterion's lines → a tree: what introduces, and what it introduces, by markers, indents and colons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fhirtrial.criteria.text.lexemes import Lexeme
from fhirtrial.criteria.text.sections import Line, lines_of


@dataclass(frozen=True, slots=True)
class Block:
    """The lexemes of one line (and the lines it ran on to), and the lines listed under it."""

    lexemes: tuple[Lexeme, ...]
    below: tuple[Block, ...] = ()


@dataclass(slots=True)
class _Open:
    depth: int
    lexemes: list[Lexeme]
    below: list[_Open]


def blocks_of(text: str, lexemes: Sequence[Lexeme]) -> Block:
    """The first line and everything under it; a line without a marker goes on with the one before."""
    lines = lines_of(text)
    root = _Open(-1, [], [])
    stack = [root]
    starts = [line.start for line in lines]
    place = 0
    for number, line in enumerate(lines):
        end = starts[number + 1] if number + 1 < len(lines) else len(text)
        own: list[Lexeme] = []
        while place < len(lexemes) and lexemes[place].start < end:
            if lexemes[place].start >= (line.body if number else _first(text, line)):
                own.append(lexemes[place])
            place += 1
        if number == 0 or line.marker is None:
            stack[-1].lexemes.extend(own)
            continue
        depth = _depth(line)
        while len(stack) > 1 and stack[-1].depth >= depth:
            stack.pop()
        opened = _Open(depth, own, [])
        stack[-1].below.append(opened)
        stack.append(opened)
    return _close(root)


def _first(text: str, line: Line) -> int:
    """Where the first line begins to speak: behind its number or bullet; a letter may be a name's ("H. pylori")."""
    lettered = line.marker is not None and line.marker.style == "letter" and ")" not in text[line.start : line.body]
    return line.start if lettered else line.body


def _depth(line: Line) -> int:
    return line.indent


def _close(opened: _Open) -> Block:
    # Depth is bounded by the nesting of indents; a chain deeper than this is no list.
    return Block(_trimmed(opened.lexemes), tuple(_close(b) for b in opened.below))


def _trimmed(lexemes: list[Lexeme]) -> tuple[Lexeme, ...]:
    own = list(lexemes)
    while own and own[-1].kind in {"stop", "semicolon", "comma"}:
        own.pop()
    while own and own[0].kind in {"stop", "semicolon", "comma"}:
        own.pop(0)
    return tuple(own)
