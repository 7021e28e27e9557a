"""How wide words are and where they break, without any font: measured as the widest of the usual sans-serif faces.

So what fits here fits in every face that a reader's machine puts in its place.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

# Advance widths in hundredths of an em, of DejaVu Sans (https://dejavu-fonts.github.io); Verdana is as wide, all
# the others are narrower.
_GROUPS = {
    28: "ijl'IJ",
    33: ",. ·",
    35: "/:;\\|f-",
    40: "()[]t!r",
    51: '"*_`sz–',
    56: "?cLFk",
    61: "vxyPTYaoe",
    64: "Sbdghnpqu$0123456789{}K",
    70: "AVBRXZC",
    77: "UHNDG&",
    84: "OQw#+<=>^~M≥≤×✔✗→",
    100: "%mW@…",
}
_WIDTHS = {character: width / 100 for width, characters in _GROUPS.items() for character in characters}
_BOLD = 1.15
_OTHER, _WIDE = 0.72, 1.05
ELLIPSIS = "…"


def width(text: str, size: float, *, bold: bool = False) -> float:
    """How much room `text` takes, in the units of `size`."""
    ems = sum(_WIDTHS.get(character) or _em(character) for character in text)
    return ems * size * (_BOLD if bold else 1)


def lines(text: str, room: float, size: float, most: int, *, bold: bool = False) -> list[str]:
    """`text` broken into at most so many lines; what does not fit is cut behind a word, and an ellipsis says so."""
    found: list[str] = []
    for word in _pieces(" ".join(text.split()), room, size, bold):
        joined = f"{found[-1]} {word.lstrip()}" if found and word.startswith(" ") else (found or [""])[-1] + word
        if found and width(joined, size, bold=bold) <= room:
            found[-1] = joined
        elif len(found) == most:
            return [*found[:-1], _cut(found[-1], room, size, bold)]
        else:
            found.append(word.lstrip())
    return found


def rightward(text: str) -> bool:
    """Whether it is read from right to left: by its first letter that has a direction."""
    strong = (d for d in map(unicodedata.bidirectional, text) if d in {"L", "R", "AL"})
    return next(strong, "L") != "L"


def _em(character: str) -> float:
    if unicodedata.combining(character):
        return 0
    return _WIDE if unicodedata.east_asian_width(character) in "WF" else _OTHER


def _pieces(text: str, room: float, size: float, bold: bool) -> Iterator[str]:
    """Its words, each but the first with its space before it; a word wider than the room comes in pieces."""
    for place, word in enumerate(text.split(" ") if text else []):
        piece = " " if place else ""
        for character in word:
            if piece.strip() and width(piece.strip() + character, size, bold=bold) > room:
                yield piece
                piece = ""
            piece += character
        yield piece


def _cut(line: str, room: float, size: float, bold: bool) -> str:
    while line and width(line + ELLIPSIS, size, bold=bold) > room:
        line = line.rpartition(" ")[0] if " " in line else line[:-1]
    return line.rstrip(" ,;:.-–(") + ELLIPSIS
