"""One inclusion or exclusion item with everything a reader needs beside its tree; nouns only."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from fhirtrial.criteria.tree import Node, Reason, Value

Kind = Literal["inclusion", "exclusion", "defect"]
CriterionId = Annotated[str, Field(pattern=r"^(inc|exc|defect)-[1-9][0-9]*$|^(age|sex)$")]


class Span(Value):
    """Characters [start, end) of the record's eligibility text."""

    start: int = Field(ge=0)
    end: int = Field(ge=0)


class Note(Value):
    """Words of an item that are no test: a permission, advice, or what the reader should know of the source."""

    text: str
    reason: Reason | None = None
    span: Span | None = None


class Review(Value):
    """Who read the tree against which text; a tree without it matches, and says so, but never writes candidates."""

    reviewer: str
    date: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    text_hash: str = Field(pattern=r"^[0-9a-f]{64}$")


class Criterion(Value):
    """`id` keeps the source's own number (`inc-3`, `exc-14`); structured fields are `age` and `sex`."""

    id: CriterionId
    kind: Kind
    text: str
    tree: Node
    span: Span | None = None
    notes: tuple[Note, ...] = ()
    defects: tuple[Reason, ...] = ()
    review: Review | None = None


def text_hash(text: str) -> str:
    """SHA-256 of the text with white space folded, so that re-wrapping a page does not undo a review."""
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()


def reviewed(criteria: Sequence[Criterion]) -> bool:
    """Whether a person has read every item; a trial without items is reviewed when somebody signed anything of it."""
    items = (c for c in criteria if c.kind != "defect" and c.id not in {"age", "sex"})
    return any(c.review is not None for c in criteria) and all(c.review is not None for c in items)
