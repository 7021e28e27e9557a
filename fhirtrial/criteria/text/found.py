"""What the parser found and where it went, beside the tree: reviewers and the conservation check read it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from fhirtrial.criteria.criterion import Kind
from fhirtrial.criteria.text.lexemes import Lexeme
from fhirtrial.criteria.text.names import Names
from fhirtrial.criteria.text.normalize import Normalized
from fhirtrial.criteria.text.phrase import Item, Phrase
from fhirtrial.criteria.tree import All, Any, Node, Reason, Residue
from fhirtrial.terminology import Terminology

Role = Literal["condition", "medication", "procedure", "lab", "other"]


@dataclass(frozen=True, slots=True)
class Link:
    """Two stretches of the text that belong together: a value or a window and the name it qualifies."""

    name: tuple[int, int]
    other: tuple[int, int]


@dataclass(slots=True)
class Job:
    """One criterion being parsed: its text, what the terminology offers, and the ledger of what went where.

    `generic` are names that only introduce another ("infection with …"), which the tree names.
    `clause` and `phrase` read what stands within lists and brackets, which need not know the modules that do.
    """

    normal: Normalized
    kind: Kind
    terminology: Terminology
    names: Names
    clause: Callable[[Job, Sequence[Item], int], Node | None]
    phrase: Callable[[Job, Phrase, int], Node]
    encoded: set[Lexeme] = field(default_factory=set)
    cited: list[tuple[int, int]] = field(default_factory=list)
    values: list[Link] = field(default_factory=list)
    windows: list[Link] = field(default_factory=list)
    negated: list[tuple[int, int]] = field(default_factory=list)
    alternatives: list[tuple[tuple[int, int], ...]] = field(default_factory=list)
    notes: list[tuple[str, tuple[int, int]]] = field(default_factory=list)
    inferred: list[Lexeme] = field(default_factory=list)
    generic: set[Lexeme] = field(default_factory=set)
    defects: list[Reason] = field(default_factory=list)

    @property
    def exclusion(self) -> bool:
        return self.kind == "exclusion"

    def encode(self, *lexemes: Lexeme) -> None:
        self.encoded.update(lexemes)

    def residue(self, reason: Reason, start: int, end: int) -> Residue:
        """A residue that cites its words; what stands in it counts as flagged."""
        self.cited.append((start, end))
        return Residue(text=" ".join(self.normal.words(start, end).split()) or "?", reason=reason)

    def flag(self, reason: Reason) -> None:
        if reason not in self.defects:
            self.defects.append(reason)

    def words(self, start: int, end: int) -> str:
        return " ".join(self.normal.words(start, end).split())


def unsure(node: Node, residue: Residue) -> Node:
    """The node as evidence only: never yes and never no until the residue is answered."""
    return All(nodes=(Any(nodes=(node, residue)), residue))
