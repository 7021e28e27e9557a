"""Resources one per line, by type and in any order, as bulk exports hold them → one document per patient.

Lines are sorted by owner outside memory (`runs`), so that memory does not grow with their number: what stays is what is
nobody's own (Medication, Substance, ResearchStudy), two bits for each line, and the names of what was deleted.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple
from urllib.parse import parse_qs

from msgspec import Struct

from fhirtrial.errors import PatientError, Problem
from fhirtrial.patients.completeness import FAMILIES
from fhirtrial.patients.document import Document, Limits
from fhirtrial.patients.elements import Identifier, Reference, Resource
from fhirtrial.patients.facts import Family
from fhirtrial.patients.moved import Owners, Rows
from fhirtrial.patients.references import SHARED, References, is_other
from fhirtrial.patients.resources import READ, OperationOutcome, Patient
from fhirtrial.patients.runs import Record, Room, Sorter
from fhirtrial.patients.salvage import TYPES, Loss
from fhirtrial.patients.source import Item
from fhirtrial.patients.sources import Piece
from fhirtrial.patients.versions import latest
from fhirtrial.terminology.systems import canonical

_SHARED = frozenset(kind.__name__ for kind in SHARED)
_OWNED = frozenset(kind.__name__ for kind in READ) - _SHARED
_ROOM = Room()
_FIRST = -(2**62)
_BEFORE = -(2**63)
"""Added to a Patient's number: what a name means comes before all lines that use it; a Patient's own before that."""
_PLAIN = re.compile(r"Patient/[A-Za-z0-9.-]+").fullmatch
_owner = itemgetter(0)
_label = itemgetter(0)


class Head(Struct, rename="camel"):
    """What decides where a line belongs."""

    resource_type: str = ""
    id: str = ""
    subject: Reference | None = None
    patient: Reference | None = None
    individual: Reference | None = None
    identifier: tuple[Identifier, ...] | Identifier = ()


class Gathered(NamedTuple):
    """One patient's lines, each with its place; the document knows what they share, and holds none of them yet."""

    document: Document
    lines: list[bytes]
    places: list[str]


@dataclass(frozen=True)
class Everyone:
    """What each patient's document depends on beside the patient's own lines."""

    partial: bool
    losses: tuple[Loss, ...]
    shared: tuple[tuple[str, Resource], ...]
    visible: frozenset[Family]

    @cached_property
    def references(self) -> References:
        return References(self.shared)

    def document(self, name: str) -> Document:
        return Document(name, partial=self.partial, losses=list(self.losses), shared=self.references)


class Export:
    """Gathers lines, then gives one document per patient, in the order of their references; to be closed.

    Lines that could not be read or placed count against everybody, as whose they were is not told. Where the temporary
    files cannot be written (`failed`), nobody's lines are known to be all, and so there are no documents.
    """

    def __init__(self, limits: Limits, room: Room = _ROOM) -> None:
        self.problems: list[Problem] = []
        self.visible: set[Family] = set()
        self.failed: Problem | None = None
        self._limits = limits
        self._room = room
        self._losses: dict[Family | None, Loss] = {}
        self._partial = False
        self._shared = Document("")
        self._said = blake2b(digest_size=16)
        self._deleted: set[str] = set()
        self._names: list[str] = []
        self._count = 0
        self._lines = Sorter(room)
        self._owners = Owners(room)
        self._by_identifier = Sorter(room)
        self._some_by_identifier = False
        self._everyone: Everyone | None = None
        self._dropped = Rows(0)
        self._told = False

    def lose(self, family: Family | None = None) -> None:
        """A line, or what follows in a file, that could not be read."""
        self._losses[family] = Loss(family)

    def add(self, piece: Piece, head: Head) -> None:
        """Takes one resource; types without facts are passed over."""
        kind = head.resource_type
        family = FAMILIES.get(kind)
        if family is not None:
            self.visible.add(family)
        if kind == OperationOutcome.__name__:
            self._partial = True
        elif kind in _SHARED:
            self._said.update(piece.data)
            self._shared.add(piece.data, piece.where, self._limits)
        elif kind == Patient.__name__ and head.id:
            self._keep(piece, f"Patient/{head.id}", head)
        elif kind in _OWNED:
            subject = head.subject or head.patient or head.individual
            owner = owner_of(subject)
            if owner:
                self._keep(piece, owner, head)
            elif subject is None or not is_other(subject):
                if family is not None:
                    self.lose(family)
                todo = "name the Patient (and give a Patient its id); it is left out"
                self.problems.append(Problem(piece.where, "subject", f"a {kind} that is nobody's", todo))
        elif kind not in TYPES:
            self.lose()
            todo = "correct it; the resource is left out"
            self.problems.append(Problem(piece.where, "resourceType", "a resourceType FHIR does not have", todo))

    def delete(self, names: frozenset[str]) -> None:
        """Resources (Type/id) that the server no longer has: their lines count no more, wherever they stand."""
        self._deleted |= names

    def documents(self) -> Iterator[Gathered]:
        """One per patient that has a Patient resource; the others are reported. May be asked for again."""
        try:
            everyone = self.everyone
            for name, records in groupby(self._lines.ordered() if not self.failed else (), _owner):
                found = [one for one in records if self._counts(one)]
                if any(one[2] == name for one in found) and name.startswith("Patient/"):
                    lines, places = [one[5] for one in found], [self._where(one) for one in found]
                    yield Gathered(everyone.document(name), lines, places)
                elif found and not self._told:
                    self.problems.append(self._without_patient(name, found))
            self._told = True
        except OSError as error:
            self._fail(error)

    @property
    def everyone(self) -> Everyone:
        """Everything that must be known before the first document; nothing more can be added then."""
        if self._everyone is None:
            self._everyone = self._prepared()
        return self._everyone

    @property
    def context(self) -> bytes:
        """What every document depends on beside its own lines, as a digest; the same after every `documents`."""
        everyone = self.everyone
        shared = sorted(name for name in self._deleted if name.partition("/")[0] in _SHARED)
        said = self._said.digest(), shared, everyone.partial, sorted(map(str, self._losses)), sorted(everyone.visible)
        return repr(said).encode()

    def close(self) -> None:
        self._lines.close()
        self._owners.close()
        self._by_identifier.close()

    def _keep(self, piece: Piece, owner: str, head: Head) -> None:
        if self.failed:
            return
        if not self._names or self._names[-1] != piece.name:
            self._names.append(piece.name)
        label = f"{head.resource_type}/{head.id}" if head.id else ""
        row, self._count = self._count, self._count + 1
        record = owner, row, label, len(self._names) - 1, piece.line, piece.data
        try:
            if label == owner and head.resource_type == Patient.__name__:
                self._know(label, head.identifier, row)
                self._put(record)
            elif "|" in owner:
                self._by_identifier.add(record)
                self._some_by_identifier = True
            else:
                self._put(record)
        except OSError as error:
            self._fail(error)

    def _know(self, name: str, identifiers: tuple[Identifier, ...] | Identifier, row: int) -> None:
        """Notes by which other names a Patient may be meant."""
        for identifier in identifiers if isinstance(identifiers, tuple) else (identifiers,):
            if identifier.value:
                self._by_identifier.add((_named(identifier), row + _FIRST, name, 0, 0, b""))
        if "|" in name:
            self._by_identifier.add((name, row + _BEFORE, name, 0, 0, b""))

    def _put(self, record: Record) -> None:
        self._lines.add(record)
        if record[2]:
            self._owners.add(record[2], record[0], record[1])

    def _prepared(self) -> Everyone:
        shared: list[Item] = []
        if not self.failed:
            try:
                if self._some_by_identifier:
                    self._place_by_identifier()
                self._by_identifier.close()
                self._find_moved()
            except OSError as error:
                self._fail(error)
        if not self.failed:
            self._shared.deleted |= self._deleted
            shared, problems, losses = latest(self._shared)
            self.problems += [*self._shared.problems, *problems]
            for loss in (*self._shared.losses, *losses):
                self.lose(loss.family)
        items = tuple((item.url, item.resource) for item in shared)
        return Everyone(self._partial, tuple(self._losses.values()), items, frozenset(self.visible))

    def _place_by_identifier(self) -> None:
        """Gives lines whose subject is an identifier to the first Patient that has it."""
        known, owner = "", ""
        for key, row, label, file, line, data in self._by_identifier.ordered():
            if row >= 0:
                self._put((owner if key == known else key, row, label, file, line, data))
            elif key != known:
                known, owner = key, label

    def _find_moved(self) -> None:
        """Finds the lines of resources that a newer version gives to another patient."""
        self._dropped, moved = Rows(self._count), Rows(self._count)
        for row in self._owners.moved():
            moved.add(row)
        self._owners.close()
        if not moved.any:
            return
        again = Sorter(self._room)
        try:
            for owner, row, label, file, line, data in self._lines.anyhow():
                if row in moved:
                    again.add((label, row, owner, file, line, data))
            for _, records in groupby(again.ordered(), _label):
                self._drop(list(records))
        finally:
            again.close()

    def _drop(self, records: list[Record]) -> None:
        """Of one resource under several owners the newest counts; where nothing tells which, none does."""
        label = records[0][0]
        if label in self._deleted or len({owner for _, _, owner, *_ in records}) == 1:
            return
        document, read = Document(""), dict[str, int]()
        for record in records:
            before = len(document.items)
            with suppress(PatientError):
                document.add(record[5], self._where(record), self._limits)
            if len(document.items) > before:
                read[self._where(record)] = record[1]
            else:  # it is reported with its owner's lines; which version it is cannot be told
                self.lose(FAMILIES.get(label.partition("/")[0]))
        kept, problems, losses = latest(document)
        self.problems += problems
        for loss in losses:
            self.lose(loss.family)
        for row in set(read.values()) - {read[item.where] for item in kept}:
            self._dropped.add(row)

    def _counts(self, record: Record) -> bool:
        return record[1] not in self._dropped and record[2] not in self._deleted

    def _without_patient(self, name: str, records: list[Record]) -> Problem:
        said = "a subject by identifier" if "|" in name else name
        got = f"{said} has resources ({len(records)}) but no Patient"
        return Problem(self._where(records[0]), "subject", got, "send the Patient too; they are left out")

    def _where(self, record: Record) -> str:
        return Piece(self._names[record[3]], record[4], b"").where

    def _fail(self, error: OSError) -> None:
        self.close()
        where = str(self._room.folder or os.environ.get("TMPDIR") or "temporary files")
        got = f"temporary files cannot be used ({error.strerror or error})"
        todo = "make room, or name another folder in TMPDIR; patients in single resources are left out"
        self.failed = Problem(where, "", got, todo)
        self.problems.append(self.failed)


def owner_of(subject: Reference | None) -> str:
    """The name under which a subject's lines are gathered; empty for what is no patient."""
    if subject is None:
        return ""
    if not subject.type and _PLAIN(subject.reference):  # as nearly all are
        return subject.reference
    if is_other(subject):
        return ""
    target = subject.reference.split("/_history/")[0]
    if not target:
        return _named(subject.identifier) if subject.identifier is not None else ""
    if "?" in target:
        values = parse_qs(target.partition("?")[2]).get("identifier", [""])
        system, _, value = values[0].rpartition("|")
        return _named(Identifier(system, value))
    return "/".join(target.split("/")[-2:]) if target.startswith("http") else target


def _named(identifier: Identifier) -> str:
    """Empty for an identifier without a value: it may be anybody's."""
    return f"{canonical(identifier.system)}|{identifier.value}" if identifier.value else ""
