"""One unit of what a cache is made of → its parts on disk: files read together, or patients joined of single resources.

A unit depends on nothing outside it, so that it gives the same bytes in any process and in any order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple, TypeAlias

import msgspec

from fhirtrial.errors import PatientError, Problem
from fhirtrial.patients import stored
from fhirtrial.patients.chunk import Chunk
from fhirtrial.patients.document import Limits
from fhirtrial.patients.export import Everyone, Export, Gathered
from fhirtrial.patients.facts import FLOOR, Facts
from fhirtrial.patients.manifest import File, Unit
from fhirtrial.patients.person import Terms
from fhirtrial.patients.read import deletions, head_of, is_single
from fhirtrial.patients.sources import pieces_of_file
from fhirtrial.patients.subject import BORN_LATER
from fhirtrial.version import VERSION

Chunked: TypeAlias = tuple[Facts, list[str]]
"""Facts, and where each of their patients was read."""
_LOT = 64 * 2**20
"""Bytes of lines that are joined together at most, beside one patient's."""


@dataclass(frozen=True)
class How:
    """Where parts are kept, and how what is in them is read."""

    folder: Path
    terms: Terms
    chunk: int
    limits: Limits

    @cached_property
    def said(self) -> str:
        """All that parts depend on beside what is read, and the day."""
        terms = self.terms
        return repr((VERSION, sorted(terms.loaded), terms.partial, terms.since, self.chunk, self.limits))

    def chunked(self) -> Chunk:
        return Chunk(self.chunk, self.terms, self.limits, once=False)


class Lot(NamedTuple):
    """Patients, each with lines and their places, that are joined into one unit."""

    unit: Unit
    patients: list[tuple[str, list[bytes], list[str]]]


class Read(NamedTuple):
    """A unit when it was read, how many patients are in it, and why it could not be written."""

    unit: Unit
    patients: int
    failure: Problem | None


class Keeper:
    """Writes chunks as parts; the first failure is told, and ends writing."""

    def __init__(self, how: How) -> None:
        self.failure: Problem | None = None
        self._how = how

    def keep(self, unit: Unit, chunks: Iterable[Chunk]) -> Iterator[Chunked]:
        for chunk in chunks:
            places = chunk.places
            facts = chunk.take()
            births = (patient.birth[0] for patient in facts.patients if patient.birth is not None)
            unit.youngest = max(unit.youngest, *births, FLOOR)
            unit.late |= any(problem.got == BORN_LATER for problem in facts.problems)
            unit.problems |= bool(facts.problems)
            problem = self._write(unit, facts, places)
            yield (replace(facts, problems=(*facts.problems, problem)) if problem is not None else facts), places

    def read(self, unit: Unit, chunks: Iterable[Chunk]) -> Read:
        patients = sum(len(facts.patients) for facts, _ in self.keep(unit, chunks))
        return Read(unit, patients, self.failure)

    def unwritten(self, error: OSError) -> Problem:
        got = f"the cache cannot be written ({error.strerror or type(error).__name__})"
        todo = "make room, or give another folder; facts are read without it"
        self.failure = Problem(str(self._how.folder), "", got, todo)
        return self.failure

    def _write(self, unit: Unit, facts: Facts, places: list[str]) -> Problem | None:
        read = [(file.name, file.span, file.digest) for file in unit.files], len(unit.parts), self._how.terms.today
        made = stored.schema(), self._how.said, read, unit.digest, unit.placed, facts.problems
        name = blake2b(repr(made).encode(), digest_size=16).hexdigest()
        unit.parts.append(name)
        if self.failure is not None:
            return None
        try:
            self._how.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            stored.write(facts, places, self._how.folder / name)
        except OSError as error:
            return self.unwritten(error)
        return None


def read_files(how: How, unit: Unit) -> Read:
    """Reads what is in the files of a unit beside single resources, in any process."""
    return Keeper(how).read(unit, bundles(how, unit))


def read_lot(given: tuple[How, Everyone], lot: Lot) -> Read:
    """Joins a lot of patients, in any process."""
    how, everyone = given
    return Keeper(how).read(lot.unit, [joined(how, everyone, lot)])


def bundles(how: How, unit: Unit) -> Iterator[Chunk]:
    """Chunks of the Bundles in some files; single resources are only noticed."""
    chunk = how.chunked()
    for file in unit.files:
        for piece in pieces_of_file(Path(file.name), how.limits, file.span):
            try:
                if piece.error is not None:
                    raise piece.error
                if is_single(head_of(piece.data)):
                    file.single = True
                elif not chunk.read_quickly(piece.data, piece.where):
                    if deletions(piece.data):
                        file.single = True
                    else:
                        chunk.read_carefully(piece.data, piece.where)
            except PatientError as error:
                chunk.table.problems.append(Problem(error.where, "", error.got, error.todo))
                file.losses += 1
            if chunk.full:
                yield chunk
    if chunk.table.patients or chunk.table.problems:
        yield chunk


def gather(export: Export, files: Iterable[File], limits: Limits) -> None:
    """The single resources in some files."""
    for file in files:
        for _ in range(file.losses):
            export.lose()
        for piece in pieces_of_file(Path(file.name), limits, file.span):
            head = head_of(piece.data) if piece.error is None else None
            try:
                if is_single(head):
                    export.add(piece, head)
                elif gone := deletions(piece.data):
                    export.delete(gone)
            except PatientError as error:
                export.problems.append(error.problem)
                export.lose()


def joined(how: How, everyone: Everyone, lot: Lot) -> Chunk:
    """One chunk of the patients of a lot."""
    chunk = how.chunked()
    terms = replace(how.terms, visible=everyone.visible)
    for name, lines, places in lot.patients:
        chunk.join(Gathered(everyone.document(name), lines, places), terms)
    return chunk


def groups(export: Export, size: int) -> Iterator[tuple[Gathered, Unit | None]]:
    """Patients in their order, and with the last of a group what the group is known by.

    Names cut the groups, so that a new patient changes one of them, mostly; none has more than `size` patients.
    """
    count, held = 0, 0
    lines, places = blake2b(export.context, digest_size=20), blake2b(digest_size=20)
    for gathered, last in _with_last(export.documents()):
        name, count = gathered.document.name.encode(), count + 1
        for line in (name, *gathered.lines):
            lines.update(b"%d:" % len(line))
            lines.update(line)
            held += len(line)
        places.update(repr(gathered.places).encode())
        number = int.from_bytes(blake2b(name, digest_size=8).digest(), "little")
        cut = 4 * count >= size and not number % max(1, size // 2)
        if not (last or cut or count >= size or held >= _LOT):
            yield gathered, None
            continue
        yield gathered, Unit([], [], digest=lines.hexdigest(), placed=places.hexdigest())
        count, held = 0, 0
        lines, places = blake2b(export.context, digest_size=20), blake2b(digest_size=20)


def _with_last(found: Iterator[Gathered]) -> Iterator[tuple[Gathered, bool]]:
    waiting = next(found, None)
    while waiting is not None:
        following = next(found, None)
        yield waiting, following is None
        waiting = following


def dead(how: How, unit: Unit, where: str, what: str) -> Read:
    """In place of a unit at which a process died twice: a part that says so; nothing takes it for what was read."""
    todo = "run again with more memory or fewer --processes: only what is missing is read"
    chunk = how.chunked()
    chunk.table.problems.append(Problem(where, "", f"a process died twice while it {what} (out of memory?)", todo))
    return Keeper(how).read(Unit(unread(unit.files), [], unit.today), [chunk])


def unread(files: Iterable[File]) -> list[File]:
    """The files as nobody knows them: they are read again, and until then what is in them is missing."""
    return [msgspec.structs.replace(file, digest="", losses=1) for file in files]
