"""Facts of a file or folder, kept as Parquet: what did not change is not read again, and comes out as reading gives it.

Files of Bundles are kept in groups of neighbours by name. Single resources (bulk exports) belong together over all
files: a change in one of these sorts the lines of all of these again, but only groups of patients whose own lines, or
what all share, changed are made into facts again. The manifest is replaced last and whole: a writer killed at any
moment leaves the cache as it was, and the next one goes on with what it had read of Bundles.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from datetime import date
from hashlib import blake2b
from pathlib import Path

import msgspec

from fhirtrial.errors import ConfigError, PatientError, Problem
from fhirtrial.patients import stored
from fhirtrial.patients.chunk import Chunk, Once
from fhirtrial.patients.completeness import Loaded
from fhirtrial.patients.document import Limits
from fhirtrial.patients.export import Export, Gathered
from fhirtrial.patients.facts import FLOOR, Facts
from fhirtrial.patients.manifest import BEGUN, MANIFEST, File, Manifest, Unit, begun, manifest_of, parts_of
from fhirtrial.patients.person import Terms
from fhirtrial.patients.read import deletions, head_of, is_single, terms_of
from fhirtrial.patients.runs import Room
from fhirtrial.patients.sources import files_in, pieces_of_file
from fhirtrial.patients.subject import BORN_LATER
from fhirtrial.version import VERSION

_NEIGHBOURS = 256
_DEFAULT = Limits()
_ROOM = Room()


def cached_patients(
    source: Path | str,
    cache: Path,
    *,
    loaded: Loaded | None = None,
    record_start: date | None = None,
    partial: bool | None = None,
    on: date | None = None,
    chunk: int = 512,
    limits: Limits = _DEFAULT,
    room: Room = _ROOM,
) -> Iterator[Facts]:
    """What `read_patients` gives for a file or folder, through the Parquet files in `cache`, brought up to date first.

    A cache that another version or other terms made is made anew. One that cannot be written is named, and the rest
    is done without it.
    """
    stored.arrow()
    terms = terms_of(loaded, record_start, bool(partial), on)
    once, empty = Once(), True
    for facts, places in _Cache(cache, terms, chunk, limits, room).chunks(files_in(Path(source))):
        patients, problems = once.check(list(facts.patients), list(places))
        empty = empty and not patients and not facts.problems
        yield replace(facts, patients=tuple(patients), problems=(*facts.problems, *problems))
    if empty:
        yield replace(Chunk(1, terms, limits, once=False).take(), problems=(_no_patient(source),))


def refresh(
    source: Path | str,
    cache: Path,
    *,
    loaded: Loaded | None = None,
    record_start: date | None = None,
    on: date | None = None,
    chunk: int = 512,
    limits: Limits = _DEFAULT,
    room: Room = _ROOM,
    seen: Callable[[int], None] = lambda _: None,
) -> None:
    """Brings the cache up to date, and reads nothing that did not change; `seen` hears how many patients were read.

    ConfigError where it cannot be written, PatientError where nobody is in it.
    """
    stored.arrow()
    terms = terms_of(loaded, record_start, partial=False, on=on)
    keeper = _Cache(cache, terms, chunk, limits, room)
    for facts, _ in keeper.chunks(files_in(Path(source)), again=False):
        if keeper.failure is not None:
            break
        seen(len(facts.patients))
    if keeper.failure is not None:
        raise ConfigError(keeper.failure.where, keeper.failure.got, "make room, or give another folder")
    if not parts_of(cache):
        nothing = _no_patient(source)
        raise PatientError(nothing.where, nothing.got, nothing.todo)


def stored_patients(cache: Path) -> Iterator[Facts]:
    """The facts in a cache, without their sources; ConfigError where another version of the schema wrote them."""
    once = Once()
    for part in parts_of(cache):
        facts, places = stored.read(part)
        patients, problems = once.check(list(facts.patients), list(places))
        yield replace(facts, patients=tuple(patients), problems=(*facts.problems, *problems))


def _no_patient(source: Path | str) -> Problem:
    return Problem(str(source), "", "no Patient", "send Patient resources with what belongs to them")


class _Cache:
    def __init__(self, folder: Path, terms: Terms, chunk: int, limits: Limits, room: Room) -> None:
        self._folder = folder
        self._terms = terms
        self._chunk = chunk
        self._limits = limits
        self._room = room
        self.failure: Problem | None = None
        self._again = True
        before = manifest_of(folder)
        said = repr((VERSION, sorted(terms.loaded), terms.partial, terms.since, chunk, limits))
        if (before.schema, before.terms) != (stored.schema(), said):
            before = Manifest()
        self._header = msgspec.json.encode([stored.schema(), said])
        self._noted = begun(folder, self._header)
        self._before = before
        self._after = Manifest(stored.schema(), said, [])

    def chunks(self, files: list[Path], *, again: bool = True) -> Iterator[tuple[Facts, Iterable[str]]]:
        """All of them, or, if not `again`, those that had to be read anew."""
        self._again = again
        units = [*self._before.units, *(self._noted or ())]
        known = {tuple(file.name for file in unit.files): unit for unit in units}
        for group in _neighbours(files):
            unit = known.get(tuple(map(str, group)))
            now = _as_they_are(group, unit)
            if unit is None or not self._stands(unit, now):
                unit = Unit(now, [], self._terms.today)
                yield from self._keep(unit, self._bundles(unit))
                self._note(unit)
            else:
                unit.files = [_joined(old, new) for old, new in zip(unit.files, now, strict=True)]
                yield from self._read(unit)
            self._after.units.append(unit)
        yield from self._single()
        problem = self._finish() if self.failure is None else None
        if problem is not None:
            nothing = Chunk(1, self._terms, self._limits, once=False).take()
            yield replace(nothing, problems=(problem,)), ()

    def _stands(self, unit: Unit, files: list[File]) -> bool:
        return self._usable(unit) and _same(unit.files, files)

    def _single(self) -> Iterator[tuple[Facts, Iterable[str]]]:
        files = [file for unit in self._after.units for file in unit.files if file.single or file.losses]
        if any(file.single for file in files):
            before = self._before.joined
            if before is not None and self._stands(before, files):
                self._after.joined = before
                yield from self._read(before)
            else:
                yield from self._join(Unit(files, [], self._terms.today), before.groups if before is not None else [])

    def _bundles(self, unit: Unit) -> Iterator[Chunk]:
        """Chunks of the Bundles in some files; single resources are only noticed."""
        chunk = Chunk(self._chunk, self._terms, self._limits, once=False)
        for file in unit.files:
            for piece in pieces_of_file(Path(file.name), self._limits):
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

    def _join(self, unit: Unit, before: list[Unit]) -> Iterator[tuple[Facts, Iterable[str]]]:
        """The patients that single resources are joined to, in groups; those that did not change come from `before`."""
        chunk = Chunk(self._chunk, self._terms, self._limits, once=False)
        with closing(Export(self._limits, self._room)) as export:
            self._gather(export, unit.files)
            known = {group.digest: group for group in before if group.digest and self._usable(group)}
            now = [group for _, group in _groups(export, self._chunk) if group is not None] if known else []
            terms = replace(self._terms, visible=frozenset(export.visible))
            for gathered, group in _groups(export, self._chunk):
                old = known.get(now[len(unit.groups)].digest) if known else None
                if old is not None and old.problems and old.placed != now[len(unit.groups)].placed:
                    old = None
                if gathered is not None and old is None:
                    chunk.join(gathered, terms)
                if group is not None:
                    group.today = self._terms.today
                    unit.groups.append(old or group)
                    yield from self._read(old) if old is not None else self._keep(unit.groups[-1], [chunk])
            chunk.table.problems += export.problems
            if chunk.table.problems:
                unit.groups.append(Unit([], [], self._terms.today))
                yield from self._keep(unit.groups[-1], [chunk])
            unit.parts = [part for group in unit.groups for part in group.parts]
            self._after.joined = unit
            self.failure = self.failure or export.failed

    def _gather(self, export: Export, files: list[File]) -> None:
        for file in files:
            for _ in range(file.losses):
                export.lose()
            for piece in pieces_of_file(Path(file.name), self._limits):
                head = head_of(piece.data) if piece.error is None else None
                try:
                    if is_single(head):
                        export.add(piece, head)
                    elif gone := deletions(piece.data):
                        export.delete(gone)
                except PatientError as error:
                    export.problems.append(error.problem)
                    export.lose()

    def _usable(self, unit: Unit) -> bool:
        return unit.serves(self._terms.today) and all(stored.is_there(self._folder / part) for part in unit.parts)

    def _keep(self, unit: Unit, chunks: Iterable[Chunk]) -> Iterator[tuple[Facts, Iterable[str]]]:
        for chunk in chunks:
            places = chunk.places
            facts = chunk.take()
            births = (patient.birth[0] for patient in facts.patients if patient.birth is not None)
            unit.youngest = max(unit.youngest, *births, FLOOR)
            unit.late |= any(problem.got == BORN_LATER for problem in facts.problems)
            unit.problems |= bool(facts.problems)
            problem = self._write(unit, facts, places)
            yield (replace(facts, problems=(*facts.problems, problem)) if problem is not None else facts), places

    def _write(self, unit: Unit, facts: Facts, places: list[str]) -> Problem | None:
        """Writes one chunk; the first failure is told, and ends writing."""
        read = [(file.name, file.digest) for file in unit.files], len(unit.parts), self._terms.today
        made = self._after.schema, self._after.terms, read, unit.digest, unit.placed
        name = blake2b(repr(made).encode(), digest_size=16).hexdigest()
        unit.parts.append(name)
        if self.failure is not None:
            return None
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            stored.write(facts, places, self._folder / name)
        except OSError as error:
            return self._unwritten(error)
        return None

    def _note(self, unit: Unit) -> None:
        """Remembers what was read, for a run that is killed before there is a manifest."""
        if self.failure is not None:
            return
        fresh = self._noted is None
        lines = [*([self._header] if fresh else []), b"", msgspec.json.encode(unit), b""]
        flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if fresh else os.O_APPEND)
        with suppress(OSError):  # what cannot be noted is read again; a full disk will be told of a chunk
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(self._folder / BEGUN, flags, 0o600), "wb") as file:
                file.write(b"\n".join(lines))
            self._noted = self._noted or []

    def _unwritten(self, error: OSError) -> Problem:
        got = f"the cache cannot be written ({error.strerror or type(error).__name__})"
        todo = "make room, or give another folder; facts are read without it"
        self.failure = Problem(str(self._folder), "", got, todo)
        return self.failure

    def _read(self, unit: Unit) -> Iterator[tuple[Facts, Iterable[str]]]:
        for part in unit.parts if self._again else ():
            yield stored.read(self._folder / part)

    def _finish(self) -> Problem | None:
        """Only a cache that is whole takes the place of what was there; what that one alone used is removed."""
        text = msgspec.json.encode(self._after)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            stored.replace(self._folder / MANIFEST, lambda file: file.write(text))
            (self._folder / BEGUN).unlink(missing_ok=True)
        except OSError as error:
            return self._unwritten(error)
        units = [*self._after.units, *([self._after.joined] if self._after.joined is not None else [])]
        kept = {part for unit in units for part in unit.parts}
        for path in self._folder.glob("*.parquet*"):
            if path.name.split(".")[0] not in kept:
                path.unlink(missing_ok=True)
        return None


def _neighbours(files: list[Path]) -> Iterator[list[Path]]:
    """Groups of files by name, cut where a name says so: a new file changes its own group only."""
    group: list[Path] = []
    for file in files:
        group.append(file)
        if blake2b(file.name.encode(), digest_size=1).digest() == b"\0" or len(group) == 2 * _NEIGHBOURS:
            yield group
            group = []
    if group:
        yield group


def _groups(export: Export, size: int) -> Iterator[tuple[Gathered | None, Unit | None]]:
    """Patients in their order, and with the last of a group (or after all) what the group is known by.

    Names cut the groups, so that a new patient changes one of them, mostly; none has more than `size` patients.
    """
    count, lines, places = 0, blake2b(export.context, digest_size=20), blake2b(digest_size=20)
    for gathered in export.documents():
        name, count = gathered.document.name.encode(), count + 1
        for line in (name, *gathered.lines):
            lines.update(b"%d:" % len(line))
            lines.update(line)
        places.update(repr(gathered.places).encode())
        number = int.from_bytes(blake2b(name, digest_size=8).digest(), "little")
        if count < size and (4 * count < size or number % max(1, size // 2)):
            yield gathered, None
            continue
        yield gathered, Unit([], [], digest=lines.hexdigest(), placed=places.hexdigest())
        count, lines, places = 0, blake2b(export.context, digest_size=20), blake2b(digest_size=20)
    if count:
        yield None, Unit([], [], digest=lines.hexdigest(), placed=places.hexdigest())


def _as_they_are(files: list[Path], unit: Unit | None) -> list[File]:
    """The files now; one with the size and time it had is not opened."""
    before: dict[str, File] = {file.name: file for file in unit.files} if unit is not None else {}
    found = []
    for path in files:
        old = before.get(str(path))
        try:
            stat = path.stat()
            same = old is not None and (old.size, old.changed) == (stat.st_size, stat.st_mtime_ns)
            digest = old.digest if old is not None and same else _digest(path)
            found.append(File(str(path), stat.st_size, stat.st_mtime_ns, digest))
        except OSError:  # its reading will say so, and it is tried again
            found.append(File(str(path)))
    return found


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        hashed = blake2b(digest_size=20)
        while block := file.read(2**20):
            hashed.update(block)
    return hashed.hexdigest()


def _same(old: list[File], new: list[File]) -> bool:
    return [(file.name, file.digest) for file in old] == [(file.name, file.digest) for file in new] and all(
        file.digest for file in new
    )


def _joined(old: File, new: File) -> File:
    """The file as it is now, with what was noticed when it was read."""
    return msgspec.structs.replace(new, single=old.single, losses=old.losses)
