"""The flow of patients as shapes and as SVG: every number is said, everything has its place, nothing is markup."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any

import pytest
from picture.screenings import HEBREW, LONG, SCREENINGS, STRANGE, falling, screening, step

from fhirtrial.matching.attrition import Attrition
from fhirtrial.picture.drawing import Box, Drawing, Line, Words
from fhirtrial.picture.flow import PAGE, SIDE, flow
from fhirtrial.picture.lettering import ELLIPSIS, width
from fhirtrial.picture.svg import svg

NS = "{http://www.w3.org/2000/svg}"


@pytest.fixture(params=[*SCREENINGS.values()], ids=[*SCREENINGS])
def attrition(request: pytest.FixtureRequest) -> Attrition:
    found: Attrition = request.param
    return found


def words(drawing: Drawing) -> list[Words]:
    return [s for part in drawing.parts for s in part.shapes if isinstance(s, Words)]


def said(attrition: Attrition) -> list[str]:
    return [one.text for one in words(flow(attrition))]


def extent(shape: Box | Words | Line) -> tuple[float, float, float, float]:
    """Left, right, top, bottom."""
    if isinstance(shape, Box):
        return shape.x, shape.x + shape.width, shape.y, shape.y + shape.height
    if isinstance(shape, Line):
        return shape.x1, shape.x2, shape.y1, shape.y2
    long = width(shape.text, shape.size, bold=shape.bold)
    left = {"left": shape.x, "middle": shape.x - long / 2, "right": shape.x - long}[shape.align]
    return left, left + long, shape.y - shape.size, shape.y + 3


def numbers(value: Any) -> Iterator[int]:
    if isinstance(value, dict):
        for one in value.values():
            yield from numbers(one)
    elif isinstance(value, list):
        for one in value:
            yield from numbers(one)
    elif isinstance(value, int):
        yield value


def text_of(attrition: Attrition) -> str:
    return "".join(ET.fromstring(svg(flow(attrition))).itertext())  # noqa: S314 - our own


def test_every_number_is_in_the_text(attrition: Attrition) -> None:
    text = text_of(attrition)
    assert not [n for n in numbers(attrition.model_dump(mode="json")) if str(n) not in text]


def test_the_full_text_of_every_criterion_is_there(attrition: Attrition) -> None:
    text = text_of(attrition)
    full = (" ".join(s.text.split()) for s in attrition.steps if s.text != STRANGE)
    assert not [one for one in full if one not in text]


def test_nothing_leaves_the_sheet(attrition: Attrition) -> None:
    drawing = flow(attrition)
    places = [extent(shape) for part in drawing.parts for shape in part.shapes]
    assert min(p[0] for p in places) >= 0
    assert max(p[1] for p in places) <= drawing.width
    assert min(p[2] for p in places) >= 0
    assert max(p[3] for p in places) <= drawing.height


def test_no_words_lie_on_others(attrition: Attrition) -> None:
    places = [(one.text, *extent(one)) for one in words(flow(attrition)) if one.text]
    over = [
        (a[0], b[0])
        for i, a in enumerate(places)
        for b in places[:i]
        if a[1] < b[2] and b[1] < a[2] and a[3] + 2 < b[4] - 3 and b[3] + 2 < a[4] - 3
    ]
    assert not over


def test_the_same_counts_give_the_same_bytes(attrition: Attrition) -> None:
    again = Attrition.model_validate_json(attrition.model_dump_json())
    assert svg(flow(again)) == svg(flow(attrition))


def test_it_is_named_for_readers_who_do_not_see_it(attrition: Attrition) -> None:
    root = ET.fromstring(svg(flow(attrition)))  # noqa: S314
    title, description = root[0], root[1]
    assert (title.tag, description.tag) == (f"{NS}title", f"{NS}desc")
    assert root.get("aria-labelledby") == title.get("id")
    assert root.get("aria-describedby") == description.get("id")
    assert f"on {attrition.on.isoformat()}" in (title.text or "")
    assert f"{attrition.screened} patients screened" in (description.text or "")


def test_a_text_is_never_markup() -> None:
    root = ET.fromstring(svg(flow(SCREENINGS["strange texts"])))  # noqa: S314
    assert {e.tag.removeprefix(NS) for e in root.iter()} == {"svg", "title", "desc", "g", "rect", "path", "text"}
    assert any('Creatinine < 1.5 & "eGFR" > 60, $x^2$' in (e.text or "") for e in root.iter(f"{NS}text"))


def test_what_is_read_from_the_right_stands_at_the_right() -> None:
    drawing = flow(screening(step("inc-1", 9, 8, HEBREW), step("inc-2", 8, 7, "Age"), screened=9))
    (line, *_) = [w for w in words(drawing) if HEBREW.startswith(w.text)]
    (latin,) = [w for w in words(drawing) if w.text == "Age"]
    assert (line.align, latin.align) == ("right", "left")
    assert f"\u202b{line.text}\u202c" in text_of(screening(step("inc-1", 9, 8, HEBREW), screened=9))


def test_only_criteria_that_rule_somebody_out_have_a_box() -> None:
    found = said(SCREENINGS["ordinary"])
    assert [t for t in found if t.startswith("n = ")] == [
        *("n = 100", "n = 10", "n = 90"),
        *("n = 20", "n = 37", "n = 33", "n = 57"),
        *("n = 0", "n = 0", "n = 33"),
    ]
    assert "1 criterion rules out nobody who came to it" in found


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no criteria", "The trial has no criteria."),
        ("nobody screened", "n = 0"),
        ("everybody set aside", "deceased 5"),
        ("everybody ruled out", "ineligible 5, presumed ineligible 0"),
        ("forty that rule out nobody", "40 criteria rule out nobody who came to them"),
        ("forty that rule out nobody", "40 criteria are unknown for somebody"),
        ("ordinary", "of all 100 screened: rules out 20, unknown for 7"),
        ("forty", "n = 1,238,888"),
    ],
)
def test_what_is_said(name: str, words: str) -> None:
    assert words in said(SCREENINGS[name])


def test_unknowns_are_listed_by_how_many_they_are() -> None:
    counts = (3, 9, 1, 9, 4, 0, 5)
    steps = (step(f"inc-{n}", 9, 9, f"Text {n}", unknown) for n, unknown in enumerate(counts))
    found = said(screening(*steps, screened=9))
    start = found.index("Unknown most often, of all 9 screened")
    listed = [t for t in found[start:] if t.startswith("Text ")]
    assert listed == ["Text 1", "Text 3", "Text 6", "Text 4", "Text 0"]


def test_unknowns_are_not_listed_where_nobody_is_undetermined() -> None:
    found = said(screening(step("inc-1", 9, 0, unknown=5), screened=9))
    assert not [t for t in found if t.startswith("Unknown most")]


@pytest.mark.parametrize(("criteria", "pages", "lines"), [(5, 1, 2), (15, 1, 2), (40, 1.25, 1)])
def test_texts_get_shorter_with_their_number_so_that_a_page_holds_them(criteria: int, pages: float, lines: int) -> None:
    drawing = flow(falling(criteria))
    assert drawing.height <= PAGE * pages
    boxes = [part for part in drawing.parts if part.title.startswith(("inc-", "exc-"))][:criteria]
    texts = [[s.text for s in part.shapes if isinstance(s, Words) and s.x > SIDE + 80] for part in boxes]
    assert {sum(t[:5] in LONG for t in text) for text in texts} == {lines}


def test_a_long_text_is_cut_behind_a_word() -> None:
    (first, second) = (t for t in said(screening(step("inc-1", 9, 8, LONG), screened=9)) if t[:12] in LONG)
    assert LONG.startswith(first)
    assert second.endswith(ELLIPSIS)
    assert f" {second.removesuffix(ELLIPSIS)} " in LONG
