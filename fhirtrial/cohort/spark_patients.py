"""Lines sorted by owner → their patients' facts; an Arrow batch may end inside a patient, who goes on in the next.

What a patient's reading depends on beside their own lines is the same for everybody, and comes once (`Everybody`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Any

import msgspec

from fhirtrial.cohort.spark_lines import Note, Parts, Places, Role, Rows
from fhirtrial.errors import Problem
from fhirtrial.patients.chunk import Chunk
from fhirtrial.patients.document import Document, Limits
from fhirtrial.patients.export import Gathered
from fhirtrial.patients.facts import Family
from fhirtrial.patients.person import Terms
from fhirtrial.patients.references import References
from fhirtrial.patients.runs import Record
from fhirtrial.patients.salvage import Loss
from fhirtrial.patients.versions import latest

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Everybody:
    """The files' names, all tasks' notes as one, and the lines that are nobody's own, each with its place."""

    names: tuple[str, ...]
    note: Note
    shared: tuple[tuple[str, bytes], ...]
    deleted: frozenset[str]
    limits: Limits
    problems: list[Problem] = field(default_factory=list)

    @cached_property
    def references(self) -> References:
        """Made where it is used; what cannot be read of it is told by whoever asks first."""
        document = Document("")
        for where, data in self.shared:
            document.add(data, where, self.limits)
        document.deleted |= self.deleted
        items, problems, losses = latest(document)
        self.problems.extend((*document.problems, *problems))
        for loss in (*document.losses, *losses):
            self.note.lose(loss.family)
        return References((item.url, item.resource) for item in items)

    def document(self, name: str) -> Document:
        document = Document(name, partial=self.note.partial, shared=self.references)
        document.losses += [Loss(Family(one) if one else None) for one in sorted(self.note.lost)]
        return document

    def terms(self, terms: Terms) -> Terms:
        return replace(terms, visible=frozenset(map(Family, self.note.visible)))


def joined(
    batches: Iterable[pa.RecordBatch], everybody: Everybody, terms: Terms, size: int
) -> Iterator[pa.RecordBatch]:
    """The facts of the patients whose lines come, one patient after the other."""
    places, rows = Places(everybody.limits, everybody.names), Rows()
    terms = everybody.terms(terms)
    parts: Parts | None = None
    for number, (owner, records) in enumerate(_groups(batches, lambda row: row["owner"])):
        parts = parts or Parts(owner, Chunk(size, terms, everybody.limits, once=False), rows)
        if owner.startswith("Patient/") and any(one[2] == owner for one in records):
            lines, wheres = [one[5] for one in records], [places.where(one) for one in records]
            parts.chunk.join(Gathered(everybody.document(owner), lines, wheres), terms)
        else:
            parts.chunk.table.problems.append(places.ownerless(owner, records))
        parts.came((_AFTER_BUNDLES, number))
        if rows.full:
            yield rows.take()
    if parts is not None:
        parts.finish()
        yield rows.take()


def moved(batches: Iterable[pa.RecordBatch], names: tuple[str, ...], limits: Limits) -> Iterator[pa.RecordBatch]:
    """Lines of resources under several owners, sorted by resource: which of them count no more."""
    places, rows = Places(limits, names), Rows()
    parts: Parts | None = None
    for resource, records in _groups(batches, lambda row: row["resource"]):
        parts = parts or Parts(f"moved {resource}", Chunk(1, Terms(), limits, once=False), rows)
        for one in places.dropped(records):
            rows.add(Role.DROPPED, place=(one[3], one[4]))
        parts.chunk.table.problems += places.problems
        places.problems.clear()
        if rows.full:
            yield rows.take()
    if parts is not None:
        parts.finish()
        rows.add(Role.NOTE, data=msgspec.msgpack.encode(places.note))
        yield rows.take()


_AFTER_BUNDLES = 2**31 - 1
"""As a file's number: patients of single resources come after all Bundles."""


def _groups(
    batches: Iterable[pa.RecordBatch], key: Callable[[dict[str, Any]], str]
) -> Iterator[tuple[str, list[Record]]]:
    """Neighbours of one key as records: (owner, n, resource, …), or (resource, n, owner, …) where that is the key."""
    found = (row for batch in batches for row in batch.to_pylist())
    for name, rows in groupby(found, key):
        yield name, [(name, n, _other(row, name), row["file"], row["line"], row["data"]) for n, row in enumerate(rows)]


def _other(row: dict[str, Any], name: str) -> str:
    return str(row["resource"] if row["owner"] == name else row["owner"])
