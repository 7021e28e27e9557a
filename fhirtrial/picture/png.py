"""A drawing as PNG, by matplotlib and the face that comes with it; the picture says what the SVG says, in pixels."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from fhirtrial.errors import ConfigError
from fhirtrial.picture.drawing import INK, Box, Drawing, Line, Words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SCALE = 2
"""Pixels per unit: a sheet's width gives some 250 pixels per inch in print."""
MOST = 2**16
"""Pixels of a side at which matplotlib ends."""
POINTS = 72  # so that a unit is a point, in which matplotlib measures letters
FACE = "DejaVu Sans"
BLANK = "□"  # for a character that no face has
_EMPTY = "Last Resort"  # faces whose letters only say which script is missing


class Png(NamedTuple):
    """`missing` are the characters that no font of this machine has."""

    data: bytes
    missing: str


def png(drawing: Drawing) -> Png:
    """`SCALE` pixels per unit of the drawing. ConfigError without matplotlib, or where it is too tall for a PNG."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        todo = "install fhirtrial[plot], or write .svg, which needs nothing"
        raise ConfigError("PNG", "matplotlib is not installed", todo) from error
    if drawing.height * SCALE >= MOST:
        raise ConfigError("PNG", f"{drawing.height * SCALE} pixels are too tall", "write .svg, which has no end")
    figure = Figure(figsize=(drawing.width / POINTS, drawing.height / POINTS), dpi=POINTS * SCALE, facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, drawing.width), ylim=(drawing.height, 0))
    axes.set_axis_off()
    faces, missing = _faces(drawing.text)
    blank = str.maketrans(dict.fromkeys(missing, BLANK))
    for order, shape in enumerate(shape for part in drawing.parts for shape in part.shapes):
        if isinstance(shape, Box):
            _box(axes, shape, order)
        elif isinstance(shape, Line):
            _line(axes, shape, order)
        else:
            _words(axes, replace(shape, text=shape.text.translate(blank)), faces, order)
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None, "Title": drawing.title})
    return Png(file.getvalue(), missing)


def _box(axes: Axes, box: Box, order: int) -> None:
    from matplotlib.patches import Rectangle

    patch = Rectangle((box.x, box.y), box.width, box.height, facecolor=box.fill, edgecolor=box.edge, zorder=order)
    patch.set_linestyle((0, (4, 3)) if box.dashed else "solid")
    axes.add_patch(patch)


def _words(axes: Axes, words: Words, faces: list[str], order: int) -> None:
    text = axes.text(words.x, words.y, words.text, va="baseline", parse_math=False, color=words.colour, zorder=order)
    text.set(ha=words.align.replace("middle", "center"), family=faces, size=words.size)
    text.set_fontweight("bold" if words.bold else "normal")


def _line(axes: Axes, line: Line, order: int) -> None:
    end = "->,head_length=6,head_width=4" if line.head else "-"
    style = {"arrowstyle": end, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 1, "color": INK}
    axes.annotate("", (line.x2, line.y2), (line.x1, line.y1), arrowprops=style, zorder=order)


def _faces(text: str) -> tuple[list[str], str]:
    """The faces that together have every character, as far as this machine has them, and the characters without."""
    from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font

    own = get_font(findfont(FontProperties(family=[FACE]))).get_charmap()
    wanted = {c for c in text if ord(c) not in own}
    faces = [FACE]
    for entry in sorted(fontManager.ttflist, key=lambda f: (f.name, f.fname)):
        if not wanted:
            break
        has = set(map(chr, get_font(entry.fname).get_charmap())) if not entry.name.startswith(_EMPTY) else set()
        if wanted & has and entry.name not in faces:
            faces.append(entry.name)
            wanted -= has
    return faces, "".join(sorted(wanted))
