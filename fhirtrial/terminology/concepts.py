"""The nouns of terminology: a Code, and a Concept with its codes per system; they hold what the data files declare.

What follows from a declaration (descendants, members, products) is the business of `lookup`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, order=True)
class Code:
    """`grade` A: code and display stand in a curated table; B: only the code's analyte or meaning is confirmed."""

    system: str
    code: str
    display: str
    grade: str = field(default="A", compare=False)


@dataclass(frozen=True, slots=True, eq=False)
class Concept:
    """One named clinical idea.

    * `narrower` are those synonyms that name a part of it: text with such a name mentions it, but asks for less.
    * `codes` mean the concept, `coarse` may or may not mean it (an ancestor, an unspecified code), `history` says it
      was once so, `denials` say it is not so.
    * `members` are concepts each of which is this one too; a code for one of `coarse_members` is too coarse for this.
    * `complete` lists the systems (URIs) in which codes and members are exhaustive, so that absence can speak; an
      `open` class has more under it than its members, and is complete only where that is declared.
    * `routes` limits the products and ATC codes of a medication class to these route groups (see `medicines`).
    * `source` is the entry of an open table that a derived concept was made of; a written concept has none.
    * `ordinals` ranks the answers of an ordinal scale, by (system, code) and by text in lower case.
    """

    name: str
    kind: str
    label: str
    synonyms: tuple[str, ...] = ()
    narrower: frozenset[str] = frozenset()
    codes: tuple[Code, ...] = ()
    coarse: tuple[Code, ...] = ()
    history: tuple[Code, ...] = ()
    denials: tuple[Code, ...] = ()
    members: tuple[str, ...] = ()
    coarse_members: tuple[str, ...] = ()
    complete: frozenset[str] = frozenset()
    open: bool = False
    sensitive: bool = False
    recency: str = ""
    unit: str | None = None
    molar_mass: float | None = None
    routes: frozenset[str] = frozenset()
    ordinals: Mapping[tuple[str, str] | str, int] = field(default_factory=dict)
    note: str = ""
    source: str = ""
