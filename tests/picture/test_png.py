"""Pictures in pixels: the promised size, the same bytes, a clear word where something is missing."""

from __future__ import annotations

import struct
import sys

import pytest
from picture.screenings import RUSSIAN, SCREENINGS, screening, step

from fhirtrial.errors import ConfigError
from fhirtrial.picture.drawing import Drawing
from fhirtrial.picture.flow import flow
from fhirtrial.picture.png import SCALE, png


@pytest.fixture
def _matplotlib() -> None:
    pytest.importorskip("matplotlib", reason="needs fhirtrial[plot]")


@pytest.mark.parametrize("name", ["ordinary", "strange texts"])
@pytest.mark.usefixtures("_matplotlib")
def test_a_png_has_two_pixels_for_a_unit(name: str) -> None:
    drawing = flow(SCREENINGS[name])
    data = png(drawing).data
    assert data.startswith(b"\x89PNG")
    assert struct.unpack(">II", data[16:24]) == (1800, drawing.height * SCALE)


@pytest.mark.usefixtures("_matplotlib")
def test_the_same_counts_give_the_same_bytes() -> None:
    drawing = flow(SCREENINGS["nobody screened"])
    assert png(drawing) == png(drawing)


@pytest.mark.usefixtures("_matplotlib")
def test_characters_that_no_font_has_are_named_and_those_that_have_one_are_not() -> None:
    nowhere = "\U000e0fff"  # no character: nobody draws it
    found = png(flow(screening(step("inc-1", 9, 8, f"{RUSSIAN} {nowhere}"), screened=9)))
    assert found.missing == nowhere


@pytest.mark.usefixtures("_matplotlib")
def test_what_is_too_tall_for_a_png_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"too tall.*\.svg"):
        png(Drawing("tall", 900, 40_000, "", "", ()))


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ConfigError, match=r"fhirtrial\[plot\]"):
        png(flow(SCREENINGS["ordinary"]))
