"""What a picture is made of: boxes, lines and words at places; nouns only, which every writer draws alike.

Lengths are units of which a sheet is some 900 wide; y grows downwards, and words stand on their baseline.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

INK, FAINT = "#1a1a1a", "#555555"


@dataclass(frozen=True)
class Box:
    x: float
    y: float
    width: float
    height: float
    fill: str = "#ffffff"
    edge: str = INK
    dashed: bool = False


@dataclass(frozen=True)
class Words:
    """One line of text. `x` is where its `align` is: the left end, the middle or the right end as seen."""

    x: float
    y: float
    text: str
    size: float
    bold: bool = False
    colour: str = INK
    align: Literal["left", "middle", "right"] = "left"


@dataclass(frozen=True)
class Line:
    """A straight line to the right or down, with a head at its end if it leads to a box."""

    x1: float
    y1: float
    x2: float
    y2: float
    head: bool = False


@dataclass(frozen=True)
class Part:
    """Shapes that belong together; `title` says in full what they say in short."""

    shapes: tuple[Box | Words | Line, ...]
    title: str = ""


@dataclass(frozen=True)
class Drawing:
    """`name` is a word that is unique among pictures on one page; `description` holds every number in sentences."""

    name: str
    width: int
    height: int
    title: str
    description: str
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """Everything that is written in it."""
        return "".join(s.text for part in self.parts for s in part.shapes if isinstance(s, Words))
