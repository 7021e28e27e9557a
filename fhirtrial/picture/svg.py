"""A drawing as SVG: text stays text, for readers' own fonts, search and screen readers; the same drawing, same bytes.

Needs nothing but the standard library, so no version of a plotting library changes a byte.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from fhirtrial.picture.drawing import INK, Box, Drawing, Line, Words
from fhirtrial.picture.lettering import rightward

FACES = "Arial, Helvetica, 'Liberation Sans', 'DejaVu Sans', sans-serif"
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ANCHORS = {"middle": "middle", "right": "end"}
_EMBEDDED = "\u202b{}\u202c"
"""Read from the right, by Unicode's own marks: programs differ in what `direction` does to `text-anchor`."""


def svg(drawing: Drawing) -> bytes:
    return ("\n".join(_lines(drawing)) + "\n").encode()


def _lines(drawing: Drawing) -> Iterator[str]:
    size = f'width="{drawing.width}" height="{drawing.height}" viewBox="0 0 {drawing.width} {drawing.height}"'
    title, description = quoteattr(f"{drawing.name}-title"), quoteattr(f"{drawing.name}-desc")
    said = f'role="img" aria-labelledby={title} aria-describedby={description}'
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" {size} {said}'
    yield f'  font-family="{FACES}" stroke-width="1">'
    yield f"<title id={title}>{_escaped(drawing.title)}</title>"
    yield f"<desc id={description}>{_escaped(drawing.description)}</desc>"
    yield f'<rect width="{drawing.width}" height="{drawing.height}" fill="#ffffff"/>'
    for part in drawing.parts:
        yield f"<g><title>{_escaped(part.title)}</title>" if part.title else "<g>"
        yield from map(_shape, part.shapes)
        yield "</g>"
    yield "</svg>"


def _shape(shape: Box | Words | Line) -> str:
    if isinstance(shape, Box):
        dashes = ' stroke-dasharray="4 3"' if shape.dashed else ""
        place = f'x="{_n(shape.x)}" y="{_n(shape.y)}" width="{_n(shape.width)}" height="{_n(shape.height)}"'
        return f'<rect {place} fill="{shape.fill}" stroke="{shape.edge}"{dashes}/>'
    if isinstance(shape, Line):
        path = f"M{_n(shape.x1)} {_n(shape.y1)}L{_n(shape.x2)} {_n(shape.y2)}{_head(shape) if shape.head else ''}"
        return f'<path d="{path}" fill="none" stroke="{INK}"/>'
    text = _escaped(shape.text)
    attributes = f'x="{_n(shape.x)}" y="{_n(shape.y)}" font-size="{_n(shape.size)}" fill="{shape.colour}"'
    attributes += f' text-anchor="{_ANCHORS[shape.align]}"' if shape.align != "left" else ""
    attributes += ' font-weight="bold"' if shape.bold else ""
    return f"<text {attributes}>{_EMBEDDED.format(text) if rightward(shape.text) else text}</text>"


def _head(line: Line) -> str:
    """Two short strokes back from its end."""
    x, y = line.x2, line.y2
    one, other = ((x - 6, y - 4), (x - 6, y + 4)) if line.y1 == line.y2 else ((x - 4, y - 6), (x + 4, y - 6))
    return f"M{_n(one[0])} {_n(one[1])}L{_n(x)} {_n(y)}L{_n(other[0])} {_n(other[1])}"


def _n(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


def _escaped(text: str) -> str:
    """Characters that XML cannot hold become the sign for it."""
    return escape(_NOT_XML.sub("\ufffd", text))
