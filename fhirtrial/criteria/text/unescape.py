"""Markdown escapes and HTML entities out of registry text, each character traced to where it stood in the source."""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from dataclasses import dataclass

# CommonMark: a backslash before ASCII punctuation is an escape. Entities only with their semicolon: "R&D;" stays.
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])|(&(?:[a-zA-Z]{2,8}|#\d{1,6}|#x[0-9a-fA-F]{1,5});)|(\u00a0|\u200b|\ufeff)")


@dataclass(frozen=True)
class Unescaped:
    """`text` is what a reader sees; `shifts` holds (position in text, position in source) after each replacement."""

    text: str
    shifts: tuple[tuple[int, int], ...]

    def source(self, position: int) -> int:
        """Where the character at `position` begins in the source; `len(text)` gives the source's length."""
        at, start = self.shifts[bisect_right(self.shifts, (position, 1 << 62)) - 1]
        return start + position - at

    def source_span(self, start: int, end: int) -> tuple[int, int]:
        """The source's characters for text[start:end], an escape or entity taken whole."""
        return self.source(start), self.source(end)


def unescape(source: str) -> Unescaped:
    r"""The text with escapes resolved.

    >>> unescape(r"CD4 \>= 200 &amp; up").text
    'CD4 >= 200 & up'
    """
    parts: list[str] = []
    shifts = [(0, 0)]
    length = last = 0
    for match in _ESCAPE.finditer(source):
        plain = _plain(match)
        if plain is None:
            continue
        parts += [source[last : match.start()], plain]
        length += match.start() - last
        shifts.append((length, match.start()))
        length += len(plain)
        last = match.end()
        shifts.append((length, last))
    parts.append(source[last:])
    return Unescaped("".join(parts), tuple(shifts))


def _plain(match: re.Match[str]) -> str | None:
    escaped, entity, _ = match.groups()
    if escaped:
        return str(escaped)
    if not entity:
        return " "
    plain = html.unescape(entity)
    return plain if plain != entity and len(plain) == 1 else None
