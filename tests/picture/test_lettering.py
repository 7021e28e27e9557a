"""Widths and breaks of words: what is said to fit, fits; nothing but what does not fit is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from picture.screenings import ARABIC, CHINESE, HEBREW, LONG, RUSSIAN

from fhirtrial.picture.lettering import ELLIPSIS, lines, rightward, width


@pytest.mark.parametrize(
    ("text", "room", "most", "wanted"),
    [
        ("", 100, 2, []),
        ("   ", 100, 2, []),
        ("one", 100, 2, ["one"]),
        ("one\n  two", 100, 2, ["one two"]),
        ("one two", 30, 2, ["one", "two"]),
        ("one two three", 45, 1, ["one…"]),
        ("one two, three", 60, 1, ["one two…"]),
        ("abcdefgh", 30, 3, ["abcd", "efgh"]),
        ("abcdefgh", 30, 1, ["abc…"]),
        ("年龄在岁", 22, 3, ["年龄", "在岁"]),
    ],
)
def test_lines(text: str, room: float, most: int, wanted: list[str]) -> None:
    assert lines(text, room, 10, most) == wanted


@given(st.text(max_size=200), st.integers(40, 300), st.integers(1, 4), st.booleans())
def test_lines_fit_and_keep_the_text(text: str, room: int, most: int, bold: bool) -> None:
    found = lines(text, room, 12, most, bold=bold)
    assert len(found) <= most
    assert all(width(line, 12, bold=bold) <= room for line in found)
    kept, all_of_it = "".join("".join(found).split()), "".join(text.split())
    cut = kept.endswith(ELLIPSIS) and kept != all_of_it
    assert all_of_it.startswith(kept.removesuffix(ELLIPSIS)) if cut else kept == all_of_it


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (HEBREW, True),
        (ARABIC, True),
        (CHINESE, False),
        (RUSSIAN, False),
        ("18 גיל", True),
        ("ALT גיל", False),
        ("1 2", False),
    ],
)
def test_what_is_read_from_the_right(text: str, wanted: bool) -> None:
    assert rightward(text) is wanted


@pytest.mark.parametrize("bold", [False, True])
@pytest.mark.parametrize("text", [LONG[:200], RUSSIAN, HEBREW, "0123456789 n = 1,234,567", "MWm@% iiilll ≥ ≤ × …"])
def test_words_are_no_wider_than_measured(text: str, bold: bool) -> None:
    pytest.importorskip("matplotlib", reason="needs fhirtrial[plot]")
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    face = FontProperties(family=["DejaVu Sans"], weight="bold" if bold else "normal")
    drawn = TextPath((0, 0), text, size=100, prop=face).get_extents().width
    assert drawn <= width(text, 100, bold=bold) <= drawn * 1.4
