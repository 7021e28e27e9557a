"""Numbers as criteria write them: digits with either decimal mark, powers of ten, words, Roman numerals."""

from __future__ import annotations

import re

WORDS = {
    **{
        w: float(n)
        for n, w in enumerate(
            [
                "zero",
                "one",
                "two",
                "three",
                "four",
                "five",
                "six",
                "seven",
                "eight",
                "nine",
                "ten",
                "eleven",
                "twelve",
                "thirteen",
                "fourteen",
                "fifteen",
                "sixteen",
                "seventeen",
                "eighteen",
                "nineteen",
                "twenty",
            ]
        )
    },
    "thirty": 30.0,
    "sixty": 60.0,
    "ninety": 90.0,
    "once": 1.0,
    "twice": 2.0,
    "double": 2.0,
    "thrice": 3.0,
}
_ROMAN = {"I": 1, "II": 2, "III": 3, "IV": 4, "V": 5, "VI": 6}
DIGITS = r"(?:\d{1,3}(?:,\d{3})+(?!\d|,\d)(?:\.\d+)?|\d+,\d{1,2}(?!\d|,\d)|\d+(?:\.\d+)?|\.\d+)"
SPELLED = rf"(?:{'|'.join(sorted(WORDS, key=lambda w: (-len(w), w)))})"
_POWER = re.compile(r"\s?(?:[xX*]\s?)?\b10\s?(?:\^|\*\*|\*)\s?(-?\d{1,2})(?!\d)|(?<=10)\^(\d{1,2})(?!\d)")
_NUMBER = re.compile(rf"(?:(?P<digits>{DIGITS})|(?P<word>{SPELLED})(?![\w]))", re.IGNORECASE)


def number_at(text: str, start: int) -> tuple[float, int] | None:
    """The number that begins at `start` and where it ends; None where there is none."""
    match = _NUMBER.match(text, start)
    if match is None:
        return None
    if match["word"]:
        # "two (2) times": the digits repeat the word.
        value = WORDS[match["word"].lower()]
        again = re.compile(r"\s*\(\s*(\d+)\s*\)").match(text, match.end())
        return value, again.end() if again and float(again[1]) == value else match.end()
    return read(match["digits"]), match.end()


def read(digits: str) -> float:
    """Digits with a comma for thousands or for decimals.

    >>> read("10,000"), read("1,5"), read(".5")
    (10000.0, 1.5, 0.5)
    """
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", digits):
        return float(digits.replace(",", ""))
    return float(digits.replace(",", "."))


def power_at(text: str, start: int) -> tuple[int, int] | None:
    """The exponent of a power of ten after a number ("x 10^9") and where it ends; also of the number 10 itself."""
    match = _POWER.match(text, start)
    return (int(match[1] or match[2]), match.end()) if match else None


def roman(text: str) -> int | None:
    return _ROMAN.get(text)
