"""What a Spark task makes of files: each line with whose it is, and the facts of Bundles, which need no other lines.

Which line is whose is decided where one machine decides it (`patients.export`); nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from fhirtrial.cohort.spark_parts import parcel
from fhirtrial.errors import PatientError, Problem
from fhirtrial.patients.chunk import Chunk
from fhirtrial.patients.document import Limits
from fhirtrial.patients.elements import Reference
from fhirtrial.patients.export import Export, Head, owner_of
from fhirtrial.patients.facts import Family
from fhirtrial.patients.moved import Rows as Marked
from fhirtrial.patients.person import Terms
from fhirtrial.patients.read import deletions, head_of, is_single
from fhirtrial.patients.references import SHARED
from fhirtrial.patients.runs import Record
from fhirtrial.patients.sources import Piece

if TYPE_CHECKING:
    import pyarrow as pa

MOST_PROBLEMS = 1000
"""Problems that are told; the others are counted."""
_ROWS = 1000
_BYTES = 8 * 2**20
_SHARED = frozenset(kind.__name__ for kind in SHARED)


class Role(IntEnum):
    """What a row stands for.

    LINE: `owner`, `resource` (Type/id), where it stands, its bytes. SHARED: a line that belongs to nobody. ALIAS: the
    Patient `owner` is also meant by the identifier `resource`. DELETED: `resource` is no more. DROPPED: the line there
    is another patient's now. PART: some patients' facts. PATIENT: `owner` is number `number` in `part`, read at the
    place `resource`. NOTE: what everybody's reading depends on.
    """

    LINE = 0
    SHARED = 1
    ALIAS = 2
    DELETED = 3
    DROPPED = 4
    PART = 5
    PATIENT = 6
    NOTE = 7


SCHEMA = "role int, owner string, resource string, file int, line bigint, part string, number int, data binary"


class Note(Struct):
    """What one task saw: families, whether there is more than is here, families of lost lines ("": any), line bytes."""

    visible: set[str] = set()
    lost: set[str] = set()
    partial: bool = False
    by_identifier: bool = False
    deletions: bool = False
    size: int = 0

    def join(self, other: Note) -> None:
        self.visible |= other.visible
        self.lost |= other.lost
        self.partial |= other.partial
        self.by_identifier |= other.by_identifier
        self.deletions |= other.deletions
        self.size += other.size

    def lose(self, family: Family | None) -> None:
        self.lost.add("" if family is None else family.value)


class Rows:
    """Rows until they are a batch's worth."""

    def __init__(self) -> None:
        self._rows: list[tuple[Any, ...]] = []
        self._size = 0

    def add(
        self,
        role: Role,
        owner: str = "",
        resource: str = "",
        place: tuple[int, int] = (0, 0),
        part: str = "",
        number: int = 0,
        data: bytes = b"",
    ) -> None:
        self._rows.append((int(role), owner, resource, *place, part, number, data))
        self._size += len(data)

    @property
    def full(self) -> bool:
        return len(self._rows) >= _ROWS or self._size >= _BYTES

    def take(self) -> pa.RecordBatch:
        import pyarrow as pa

        kinds = (pa.int32(), pa.string(), pa.string(), pa.int32(), pa.int64(), pa.string(), pa.int32(), pa.binary())
        names = [field.split()[0] for field in SCHEMA.split(", ")]
        columns = list(zip(*self._rows, strict=True)) or [()] * len(kinds)
        self._rows, self._size = [], 0
        arrays = [pa.array(column, kind) for column, kind in zip(columns, kinds, strict=True)]
        return pa.RecordBatch.from_arrays(arrays, names=names)


class Places(Export):
    """Says of lines whose they are, and keeps none; `names` are those of the files, by their numbers."""

    def __init__(self, limits: Limits, names: Sequence[str] = ()) -> None:
        super().__init__(limits)
        self.note = Note()
        self._names = list(names)
        self._kept: tuple[str, Head] | None = None

    def place(self, piece: Piece, head: Head) -> tuple[str, Head] | None:
        """The owner, for a line that has one."""
        self._kept = None
        self.add(piece, head)
        return self._kept

    def lose(self, family: Family | None = None) -> None:
        self.note.lose(family)

    def seen(self) -> Note:
        self.note.visible |= {family.value for family in self.visible}
        self.note.partial |= self._partial
        return self.note

    def dropped(self, records: list[Record]) -> list[Record]:
        """Of one resource's lines, keyed by it and numbered from 0, those that a newer version elsewhere replaces."""
        self._dropped = Marked(len(records))
        self._drop(records)
        return [one for one in records if one[1] in self._dropped]

    def ownerless(self, name: str, records: list[Record]) -> Problem:
        return self._without_patient(name, records)

    def where(self, record: Record) -> str:
        return self._where(record)

    def _keep(self, piece: Piece, owner: str, head: Head) -> None:  # noqa: ARG002 - the caller has it
        self._kept = owner, head


class Parts:
    """Chunks of patients on their way out, each as one PART row with its PATIENT rows."""

    def __init__(self, name: str, chunk: Chunk, rows: Rows) -> None:
        self.chunk = chunk
        self._name = name
        self._rows = rows
        self._count = 0
        self._places: list[tuple[int, int]] = []

    def came(self, place: tuple[int, int]) -> None:
        """Whoever was read since stood there."""
        self._places += [place] * (len(self.chunk.table.patients) - len(self._places))
        if self.chunk.full or len(self.chunk.table.problems) >= MOST_PROBLEMS:
            self.finish()

    def finish(self) -> None:
        if not self.chunk.table.patients and not self.chunk.table.problems:
            return
        places = self.chunk.places
        facts = self.chunk.take()
        part = f"{self._name}.{self._count}"
        for number, (patient, said, place) in enumerate(zip(facts.patients, places, self._places, strict=True)):
            self._rows.add(Role.PATIENT, patient.reference, said, place, part, number)
        self._rows.add(Role.PART, part=part, data=parcel(facts))
        self._count += 1
        self._places = []


def scanned(
    name: str, pieces: Iterable[tuple[int, Piece]], terms: Terms, limits: Limits, size: int
) -> Iterator[pa.RecordBatch]:
    """The rows of some files' pieces; each comes with its file's number."""
    rows, places = Rows(), Places(limits)
    parts = Parts(name, Chunk(size, terms, limits, once=False), rows)
    for file, piece in pieces:
        try:
            if piece.error is not None:
                raise piece.error
            _scan(piece, file, rows, places, parts.chunk)
        except PatientError as error:
            parts.chunk.table.problems.append(Problem(error.where, "", error.got, error.todo))
            places.lose()
        parts.chunk.table.problems += places.problems
        places.problems.clear()
        parts.came((file, piece.line))
        if rows.full:
            yield rows.take()
    parts.finish()
    places.close()
    rows.add(Role.NOTE, data=msgspec.msgpack.encode(places.seen()))
    yield rows.take()


def _scan(piece: Piece, file: int, rows: Rows, places: Places, chunk: Chunk) -> None:
    head = head_of(piece.data)
    where = file, piece.line
    if is_single(head):
        if head.resource_type in _SHARED:
            rows.add(Role.SHARED, place=where, data=piece.data)
        elif (kept := places.place(piece, head)) is not None:
            _line(*kept, piece, where, rows, places.note)
    elif gone := deletions(piece.data):
        places.note.deletions = True
        for name in gone:
            rows.add(Role.DELETED, resource=name)
    else:
        chunk.read(piece.data, piece.where)


def _line(owner: str, head: Head, piece: Piece, where: tuple[int, int], rows: Rows, note: Note) -> None:
    label = f"{head.resource_type}/{head.id}" if head.id else ""
    rows.add(Role.LINE, owner, label, where, data=piece.data)
    note.size += len(piece.data)
    note.by_identifier |= "|" in owner
    if head.resource_type == "Patient":
        given = head.identifier if isinstance(head.identifier, tuple) else (head.identifier,)
        for identifier in (one for one in given if one.value):
            rows.add(Role.ALIAS, owner, owner_of(Reference(identifier=identifier)), where)
