"""The nouns between lexers and grammar: a Lexeme is a stretch of normalized text and what a lexer read there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fhirtrial.criteria.tree import Age, Offset, Op, Window

Kind = Literal[
    "word",
    "number",
    "compare",
    "age",
    "sex",
    "window",
    "duration",
    "concept",
    "term",
    "cue",
    "and",
    "or",
    "and/or",
    "comma",
    "semicolon",
    "stop",
    "open",
    "close",
    "other",
]


Domain = Literal["condition", "medication", "procedure", "lab"]


@dataclass(frozen=True, slots=True)
class Bound:
    """`op value unit`; `of` counts in the result's own limits; `lost` where the operator of a bare "=" was lost.

    `maximum` is the scale's own ("142/150").
    """

    op: Op
    value: float
    unit: str | None = None
    of: Literal["absolute", "uln", "lln"] = "absolute"
    predicted: bool = False
    lost: bool = False
    maximum: float | None = None


@dataclass(frozen=True, slots=True)
class Bounds:
    """One bound, or the two of a range."""

    each: tuple[Bound, ...]


@dataclass(frozen=True, slots=True)
class Rank:
    """Classes on a scale, as written ("II-III", "class III or IV", ">= 3"): comparisons with ranks."""

    each: tuple[tuple[Op, int, str], ...]


@dataclass(frozen=True, slots=True)
class Timed:
    """A window; not `anchored` where it counts from something else, or (`bare`) where "within" is left unsaid."""

    window: Window
    anchored: bool = True
    bare: bool = False


@dataclass(frozen=True, slots=True)
class Lasting:
    """How long something lasts or lasted: "for at least 3 months"."""

    op: Op
    length: Offset


@dataclass(frozen=True, slots=True)
class Named:
    """The concepts that a name may mean, the likeliest first; `over` is what a ratio divides its first one by."""

    concepts: tuple[str, ...]
    doubtful: bool = False
    over: str | None = None


@dataclass(frozen=True, slots=True)
class Term:
    """A name whose head tells its kind, but which the terminology does not know."""

    domain: Domain


Value = Bounds | Rank | Timed | Lasting | Named | Term | tuple[Age, ...] | str | None


@dataclass(frozen=True, slots=True)
class Lexeme:
    """text[start:end) of the normalized text; `text` is folded to lower case."""

    kind: Kind
    start: int
    end: int
    text: str
    value: Value = None
