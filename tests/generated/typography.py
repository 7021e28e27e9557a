"""The same criteria in other typography and layout: characters, escapes and list markers that say nothing."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence

ROMAN = ("i", "ii", "iii", "iv", "v", "vi")
MARKERS: tuple[Callable[[int], str], ...] = (
    lambda n: f"{n}. ",
    lambda n: f"{n}) ",
    lambda n: f"({n}) ",
    lambda n: f"{n}、",
    lambda n: f"{n}． ",
    lambda n: f"{n} . ",
    lambda n: f"{'abcdef'[n - 1]}. ",
    lambda n: f"{'abcdef'[n - 1]}) ",
    lambda n: f"({'abcdef'[n - 1]}) ",
    lambda n: f"{'ABCDEF'[n - 1]}. ",
    lambda n: f"{ROMAN[n - 1]}. ",
    lambda n: f"{ROMAN[n - 1]}) ",
    lambda n: f"({ROMAN[n - 1]}) ",
    lambda n: f"{ROMAN[n - 1].upper()}. ",
    lambda n: f"{'①②③④⑤⑥'[n - 1]} ",
    lambda n: f"{n}\\. ",
    lambda n: f"{n}\\) ",
)  # fmt: skip
BULLETS = ("- ", "– ", "— ", "• ", "· ", "*", "▪ ", "● ", "‣ ", "→ ", "\uf0b7 ", "\\- ", "\\* ", "")


def layouts(items: Sequence[str]) -> list[str]:
    """The items with each kind of marker, and with other ends, indents and line breaks."""
    marked = [[mark(n) + item for n, item in enumerate(items, 1)] for mark in MARKERS]
    marked += [[mark + item for item in items] for mark in BULLETS]
    found = ["\n".join(lines) if lines != list(items) else "\n\n".join(lines) for lines in marked]
    starred = [f"* {item}" for item in items]
    numbered = [f"{n}. {item}" for n, item in enumerate(items, 1)]
    return [
        *found,
        "\n\n".join(starred),
        "\r\n".join(starred),
        "\n".join(f"   {line}" for line in starred),
        "\n".join(f"{line}.  " for line in numbered),
        "\n".join(f"{line};" for line in numbered),
        "; ".join(numbered),
        ". ".join(numbered) + ".",
        "\n \n\t\n".join(numbered),
        "\n".join(f"\t{line}" for line in numbered),
    ]


_REPLACED: tuple[tuple[str, str], ...] = (
    (" ", "\u00a0"),
    (" ", "  "),
    (" ", "\u2009"),
    (" ", "\u202f"),
    (" ", " \u200b"),
    (" ", "\u3000"),
    ("≥", ">="),
    ("≥", "\\>="),
    ("≥", "\\>\\="),
    ("≥", "&gt;="),
    ("≥", "&ge;"),
    ("≥", "&#8805;"),
    ("≥", "&#x2265;"),
    ("≥", "<U+2265>"),
    ("≥", "⩾"),
    ("≥", "＞="),
    ("≤", "<="),
    ("≤", "\\<="),
    ("≤", "&lt;="),
    ("≤", "&le;"),
    ("≤", "&#8804;"),
    ("≤", "<U+2264>"),
    ("≤", "⩽"),
    (" > ", " \\> "),
    (" > ", " &gt; "),
    (" > ", " ＞ "),
    (" < ", " \\< "),
    (" < ", " &lt; "),
    (" < ", " ＜ "),
    ("-", "\u2010"),
    ("-", "\u2011"),
    ("-", "–"),
    ("-", "\\-"),
    ("-", "\u2212"),
    ("µ", "μ"),
    ("µ", "u"),
    ("µ", "&micro;"),
    ("x10^9", "×10⁹"),
    ("x10^9", "x 10^9"),
    ("x10^9", "× 10^9"),
    ("x10^9", "X10^9"),
    ("x10^9", "x10⁹"),
    ("x10^9", "x10\\^9"),
    ("x10^9", "*10^9"),
    ("m²", "m2"),
    ("m²", "m^2"),
    ("m²", "m&sup2;"),
    (" x ULN", " × ULN"),
    (" x ULN", " xULN"),
    (" x ULN", "xULN"),
    (" x ULN", " times ULN"),
    (" x ULN", " x upper limit of normal"),
    (" x ULN", " times the upper limit of normal (ULN)"),
    ("%", " %"),
    ("%", "％"),
    ("%", "\\%"),
    ("°C", " ºC"),
    ("°C", "℃"),
    ("fi", "ﬁ"),
    ("fl", "ﬂ"),
    ("ff", "ﬀ"),
    ("'", "’"),
    ("\n", "\r\n"),
    ("\n", "  \n"),
    ("\n", ".\n"),
    ("\n", ";\n"),
    ("/", "∕"),
    (" mg/dL", "mg/dL"),
    (" years", " yrs"),
    (" mmHg", " mm Hg"),
    (" within ", " within\u00ad "),
)
_DIGITS = str.maketrans("0123456789", "０１２３４５６７８９")


def spellings(text: str) -> list[str]:
    """Every variant that differs from the text."""
    found = [text.replace(old, new) for old, new in _REPLACED]
    found += [
        text.translate(_DIGITS),
        unicodedata.normalize("NFD", text),
        f"\ufeff{text}",
        f"{text}\u200b",
        f"{text}.",
        f"{text}\n\n\n",
    ]
    return [variant for variant in found if variant != text]
