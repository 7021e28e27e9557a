"""Typography out of a criterion's text, each character traced to where it stood: one way to write ≥, ², – and the like.

Only spelling is touched: no number, unit or word changes its meaning here, and what is not known stays as it is.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_SUPERSCRIPT = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-", strict=True))
_SUBSCRIPT = dict(zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True))
_PLAIN = {
    **dict.fromkeys("≥⩾≧", ">="),
    **dict.fromkeys("≤⩽≦", "<="),
    **dict.fromkeys("˂＜‹", "<"),
    **dict.fromkeys("˃＞›", ">"),
    **dict.fromkeys("‐‑‒–—―−﹣－", "-"),
    **dict.fromkeys("‘’ʼ`´", "'"),
    **dict.fromkeys("“”„", '"'),
    **dict.fromkeys("μµ", "u"),
    **dict.fromkeys("×✕✖", "x"),
    **dict.fromkeys("~～∼", "-"),
    **dict.fromkeys("\u00a0\u2007\u202f\u2009\u200a\u200b\u200e\u200f\ufeff\x00", " "),
    "®": " ",
    "™": " ",
    "⁄": "/",
    "∕": "/",
    "º": "°",
}
# A character code spelled out by a broken export: <U+2265>.
_CODE_POINT = re.compile(r"<U\+([0-9A-Fa-f]{4,5})>")
# One way to write "at least" and "at most": "=>", "> =", ">/=", "=<".
_OR_EQUAL = re.compile(r"[<>] ?/? ?=|=/?[<>]")
# Runs of blanks say no more than one; an indent says no more from here on, and neither do many empty lines.
_BLANKS = r"[ \t\r\f\v\u00a0\u2000-\u200b\u200e\u200f\u202f\u205f\u3000\ufeff\x00]"
_DEEP = 40
_GAP = re.compile(rf"(?<=\S){_BLANKS}{{2,}}|{_BLANKS}{{{_DEEP},}}|\n\s*\n\s*\n")
_BLANK = re.compile(rf"(?:\s|{_BLANKS})+")
_MARK = re.compile(rf"{_GAP.pattern}|[^\x00-\x7f]|<U\+[0-9A-Fa-f]{{4,5}}>|\x00|{_OR_EQUAL.pattern}|(?<=\d) ?~(?= ?\d)")


@dataclass(frozen=True)
class Normalized:
    """`text` with the source it came from; `offsets[i]` is where text[i] begins there, and one more for the end."""

    text: str
    source: str
    offsets: tuple[int, ...]

    def source_span(self, start: int, end: int) -> tuple[int, int]:
        """The source's characters for text[start:end]; a character that became two is taken whole."""
        first = self.offsets[start]
        after = end
        while after < len(self.text) and self.offsets[after] == self.offsets[end - 1]:
            after += 1
        return first, max(first, self.offsets[after])

    def words(self, start: int, end: int) -> str:
        """What the source says at text[start:end]."""
        first, after = self.source_span(start, end)
        return self.source[first:after]


def normalize(source: str) -> Normalized:
    """The text in plain typography.

    >>> normalize("PaO₂ ≥ 60–80, 10⁹/L").text
    'PaO2 >= 60-80, 10^9/L'
    """
    parts: list[str] = []
    offsets: list[int] = []
    last = 0
    for match in _MARK.finditer(source):
        parts.append(source[last : match.start()])
        offsets.extend(range(last, match.start()))
        plain = _plain(match.group(), source[match.start() - 1] if match.start() else "")
        parts.append(plain)
        offsets.extend([match.start()] * len(plain))
        last = match.end()
    parts.append(source[last:])
    offsets.extend(range(last, len(source) + 1))
    return Normalized("".join(parts), source, tuple(offsets))


def _plain(mark: str, before: str) -> str:
    if len(mark) > 1 and _BLANK.fullmatch(mark):
        return "\n\n" if mark[0] == "\n" else " " if before and not before.isspace() else " " * _DEEP
    if _OR_EQUAL.fullmatch(mark):
        return ">=" if ">" in mark else "<="
    if "~" in mark:
        return "-"
    if len(mark) > 1:
        code = _CODE_POINT.fullmatch(mark)
        mark = chr(int(code[1], 16)) if code and int(code[1], 16) <= 0x10FFFF else mark
        if len(mark) > 1:
            return mark
    if mark in _SUPERSCRIPT:
        # 10⁹ is a power; m² and cm³ write their exponent as units do; a footnote's number after a word keeps apart.
        return f"^{_SUPERSCRIPT[mark]}" if before.isdigit() else _SUPERSCRIPT[mark]
    if mark in _SUBSCRIPT:
        return _SUBSCRIPT[mark]
    if mark in _PLAIN:
        return _PLAIN[mark]
    compatible = unicodedata.normalize("NFKC", mark)
    if compatible != mark and compatible.isascii() and len(compatible) <= 4:
        return compatible
    if unicodedata.category(mark) in {"Mn", "Cf"}:
        return ""
    return mark
