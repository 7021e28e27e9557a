"""What an atom becomes: its truth in CQL, whether its data are there, and what the library must hold for these two."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from fhirtrial.expressions.cql.names import UNKNOWN


class Helper(NamedTuple):
    """A define or function that atoms share, by its name."""

    name: str
    text: str


@dataclass(frozen=True)
class Piece:
    """`why` says why the truth is the constant unknown; it is empty where CQL computes something."""

    truth: str
    present: str = ""
    why: str = ""
    parts: frozenset[str] = frozenset()
    concepts: frozenset[str] = frozenset()
    helpers: tuple[Helper, ...] = field(default=())

    @classmethod
    def unknown(cls, why: str) -> Piece:
        return cls(UNKNOWN, why=why)
