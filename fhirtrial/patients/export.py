"""Resources one per line, by type and in any order, as bulk exports hold them → one document per patient.

Lines wait in a temporary file that only its owner can read; what stays in memory is where each patient's lines are.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import NamedTuple
from urllib.parse import parse_qs

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from fhirtrial.errors import Problem
from fhirtrial.patients.completeness import FAMILIES
from fhirtrial.patients.document import Document, Limits
from fhirtrial.patients.elements import Identifier, Reference
from fhirtrial.patients.facts import Family
from fhirtrial.patients.references import SHARED, References, is_other
from fhirtrial.patients.resources import READ, OperationOutcome, Patient
from fhirtrial.patients.salvage import TYPES, Loss
from fhirtrial.patients.sources import Piece
from fhirtrial.patients.versions import latest
from fhirtrial.terminology.systems import canonical

_IN_MEMORY = 64 * 2**20
_SHARED = frozenset(kind.__name__ for kind in SHARED)
_OWNED = frozenset(kind.__name__ for kind in READ) - _SHARED


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


class Export:
    """Gathers lines, then gives one document per patient, in the order of their references; to be closed.

    `losses` are lines that could not be read or placed: whose they were is not told, so they count against everybody.
    """

    def __init__(self, limits: Limits) -> None:
        self.problems: list[Problem] = []
        self.visible: set[Family] = set()
        self._limits = limits
        self._losses: list[Loss] = []
        self._partial = False
        self._shared = Document("")
        self._names: list[str] = []
        self._numbers: dict[str, int] = {}
        self._aliases: dict[str, str] = {}
        self._people: set[str] = set()
        self._deleted: set[str] = set()
        self._spool = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - close() does
        self._rows: dict[str, array[int]] = {
            name: array("q") for name in ("patient", "start", "size", "file", "line", "id")
        }

    def lose(self, family: Family | None = None) -> None:
        """A line, or what follows in a file, that could not be read."""
        self._losses.append(Loss(family))

    def add(self, piece: Piece, head: Head) -> None:
        """Takes one resource; types without facts are passed over."""
        kind = head.resource_type
        family = FAMILIES.get(kind)
        self.visible |= {family} if family is not None else set()
        if kind == OperationOutcome.__name__:
            self._partial = True
        elif kind in _SHARED:
            self._shared.add(piece.data, piece.where, self._limits)
        elif kind == Patient.__name__ and head.id:
            self._person(head)
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

    def _person(self, head: Head) -> None:
        name = f"Patient/{head.id}"
        self._people.add(name)
        given = head.identifier if isinstance(head.identifier, tuple) else (head.identifier,)
        for identifier in given:
            self._aliases.setdefault(_named(identifier), name)

    def _keep(self, piece: Piece, owner: str, head: Head) -> None:
        if not self._names or self._names[-1] != piece.name:
            self._names.append(piece.name)
        rows = self._rows
        rows["patient"].append(self._numbers.setdefault(owner, len(self._numbers)))
        rows["start"].append(self._spool.tell())
        rows["size"].append(len(piece.data))
        rows["file"].append(len(self._names) - 1)
        rows["line"].append(piece.line)
        rows["id"].append(hash((head.resource_type, head.id)) if head.id else 0)
        self._spool.write(piece.data)

    def documents(self) -> Iterator[Gathered]:
        """One per patient that has a Patient resource; the others are reported."""
        owners = list(self._numbers)
        names = [owner if owner in self._people else self._aliases.get(owner, owner) for owner in owners]
        ranks = {name: rank for rank, name in enumerate(sorted(set(names)))}
        patients = np.array([ranks[name] for name in names], np.int64)[np.frombuffer(self._rows["patient"], np.int64)]
        dropped = self._superseded(patients) | self._gone()
        order = np.argsort(patients, kind="stable")
        bounds = np.searchsorted(patients[order], np.arange(len(ranks) + 1)).tolist()
        self._shared.deleted |= self._deleted
        shared, problems, losses = latest(self._shared)
        self.problems += [*self._shared.problems, *problems]
        self._losses += [*self._shared.losses, *losses]
        references = References((item.url, item.resource) for item in shared)
        for name, rank in ranks.items():
            rows = [row for row in order[bounds[rank] : bounds[rank + 1]].tolist() if row not in dropped]
            if not rows:
                continue
            if name not in self._people:
                first = self._where(rows[0])
                got = f"{name} has resources ({len(rows)}) but no Patient"
                self.problems.append(Problem(first, "subject", got, "send the Patient too; they are left out"))
                continue
            document = Document(name, partial=self._partial, shared=references, losses=list(self._losses))
            yield Gathered(document, [self._read(row) for row in rows], [self._where(row) for row in rows])

    def close(self) -> None:
        self._spool.close()

    def _superseded(self, patients: NDArray[np.int64]) -> set[int]:
        """Rows of resources that a newer version gives to another patient."""
        ids = np.frombuffer(self._rows["id"], np.int64)
        order = np.argsort(ids, kind="stable")
        again = np.flatnonzero((ids[order][1:] == ids[order][:-1]) & (ids[order][1:] != 0))
        groups: dict[int, set[int]] = {}
        for i in again.tolist():
            groups.setdefault(int(ids[order[i]]), set()).update((int(order[i]), int(order[i + 1])))
        dropped: set[int] = set()
        for rows in groups.values():
            if len({int(patients[row]) for row in rows}) > 1:
                document = Document("")
                for row in sorted(rows):
                    document.add(self._read(row), str(row), self._limits)
                kept, _, losses = latest(document)
                dropped |= rows - {int(item.where) for item in kept}
                self._losses += [Loss(loss.family) for loss in losses]
        return dropped

    def _gone(self) -> set[int]:
        """Rows of deleted resources; a Patient that was deleted is nobody's subject any more."""
        self._people -= self._deleted
        gone = {hash((kind, name)) for kind, _, name in (one.partition("/") for one in self._deleted)}
        return {row for row, number in enumerate(self._rows["id"]) if number in gone} if gone else set()

    def _read(self, row: int) -> bytes:
        self._spool.seek(self._rows["start"][row])
        return self._spool.read(self._rows["size"][row])

    def _where(self, row: int) -> str:
        return Piece(self._names[self._rows["file"][row]], self._rows["line"][row], b"").where


def owner_of(subject: Reference | None) -> str:
    """The name under which a subject's lines are gathered; empty for what is no patient."""
    if subject is None or is_other(subject):
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
    return f"{canonical(identifier.system)}|{identifier.value}"
