"""Facts of a file or folder, kept as Parquet: what did not change is not read again, and comes out as reading gives it.

Files of Bundles are kept in groups of neighbours by name. Single resources (bulk exports) belong together over all
files, so that a change in one of these reads all of these again. The manifest is replaced last and whole: a writer
killed at any moment leaves the cache as it was, and the next one goes on with what it had read of Bundles.
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
from msgspec import Struct

from fhirtrial.errors import ConfigError, PatientError, Problem
from fhirtrial.patients import stored
from fhirtrial.patients.chunk import Chunk, Once
from fhirtrial.patients.completeness import Loaded
from fhirtrial.patients.document import Limits
from fhirtrial.patients.export import Export
from fhirtrial.patients.facts import FLOOR, Facts
from fhirtrial.patients.person import Terms
from fhirtrial.patients.read import deletions, head_of, is_single, terms_of
from fhirtrial.patients.sources import files_in, pieces_of_file
from fhirtrial.patients.subject import BORN_LATER
from fhirtrial.version import VERSION

_MANIFEST = "manifest.json"
_BEGUN = "begun.ndjson"
_NEIGHBOURS = 256
_DEFAULT = Limits()


class File(Struct):
    """One file as it was read; `single`: it holds resources by themselves; `losses`: pieces that could not be read."""

    name: str
    size: int = -1
    changed: int = -1
    digest: str = ""
    single: bool = False
    losses: int = 0


class Unit(Struct):
    """Files that are read together, and the chunks of facts they gave.

    `today` was the last possible birth; `youngest` is the last one met, and `late` whether one came after it.
    """

    files: list[File]
    parts: list[str]
    today: int | None = None
    youngest: int = FLOOR
    late: bool = False

    def serves(self, today: int | None) -> bool:
        """Whether reading at another day would give the same."""
        return self.today == today or (not self.late and today is not None and self.youngest <= today)


class Manifest(Struct):
    schema: str = ""
    terms: str = ""
    units: list[Unit] = []
    joined: Unit | None = None


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
) -> Iterator[Facts]:
    """What `read_patients` gives for a file or folder, through the Parquet files in `cache`, brought up to date first.

    A cache that another version or other terms made is made anew. One that cannot be written is named, and the rest
    is done without it.
    """
    stored.arrow()
    terms = terms_of(loaded, record_start, bool(partial), on)
    once, empty = Once(), True
    for facts, places in _Cache(cache, terms, chunk, limits).chunks(files_in(Path(source))):
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
    seen: Callable[[int], None] = lambda _: None,
) -> None:
    """Brings the cache up to date, and reads nothing that did not change; `seen` hears how many patients were read.

    ConfigError where it cannot be written, PatientError where nobody is in it.
    """
    stored.arrow()
    terms = terms_of(loaded, record_start, partial=False, on=on)
    keeper = _Cache(cache, terms, chunk, limits)
    for facts, _ in keeper.chunks(files_in(Path(source)), again=False):
        if keeper.failure is not None:
            raise ConfigError(keeper.failure.where, keeper.failure.got, "make room, or give another folder")
        seen(len(facts.patients))
    if not parts_of(cache):
        nothing = _no_patient(source)
        raise PatientError(nothing.where, nothing.got, nothing.todo)


def parts_of(cache: Path) -> list[Path]:
    """The chunks in a cache, for `stored.read`, in the order of their sources."""
    manifest = _manifest(cache)
    units = [*manifest.units, *([manifest.joined] if manifest.joined is not None else [])]
    return [cache / part for unit in units for part in unit.parts]


def stored_patients(cache: Path) -> Iterator[Facts]:
    """The facts in a cache, without their sources; ConfigError where another version of the schema wrote them."""
    once = Once()
    for part in parts_of(cache):
        facts, places = stored.read(part)
        patients, problems = once.check(list(facts.patients), list(places))
        yield replace(facts, patients=tuple(patients), problems=(*facts.problems, *problems))


def is_cache(folder: Path) -> bool:
    return (folder / _MANIFEST).is_file() and _manifest(folder).schema != ""


def _no_patient(source: Path | str) -> Problem:
    return Problem(str(source), "", "no Patient", "send Patient resources with what belongs to them")


class _Cache:
    def __init__(self, folder: Path, terms: Terms, chunk: int, limits: Limits) -> None:
        self._folder = folder
        self._terms = terms
        self._chunk = chunk
        self._limits = limits
        self.failure: Problem | None = None
        self._again = True
        before = _manifest(folder)
        said = repr((VERSION, sorted(terms.loaded), terms.partial, terms.since, chunk, limits))
        if (before.schema, before.terms) != (stored.schema(), said):
            before = Manifest()
        self._header = msgspec.json.encode([stored.schema(), said])
        self._noted = _begun(folder, self._header)
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
        whole = all(stored.is_there(self._folder / part) for part in unit.parts)
        return whole and unit.serves(self._terms.today) and _same(unit.files, files)

    def _single(self) -> Iterator[tuple[Facts, Iterable[str]]]:
        files = [file for unit in self._after.units for file in unit.files if file.single or file.losses]
        if any(file.single for file in files):
            unit = self._before.joined
            if unit is None or not self._stands(unit, files):
                unit = Unit(files, [], self._terms.today)
                yield from self._keep(unit, self._resources(files))
            else:
                yield from self._read(unit)
            self._after.joined = unit

    def _bundles(self, unit: Unit) -> Iterator[Chunk]:
        """Chunks of the Bundles in some files; single resources are only noticed."""
        chunk = Chunk(self._chunk, self._terms, self._limits, once=False)
        for file in unit.files:
            for piece in pieces_of_file(Path(file.name), self._limits):
                try:
                    if piece.error is not None:
                        raise piece.error
                    if is_single(head_of(piece.data)) or deletions(piece.data):
                        file.single = True
                    else:
                        chunk.read(piece.data, piece.where)
                except PatientError as error:
                    chunk.table.problems.append(Problem(error.where, "", error.got, error.todo))
                    file.losses += 1
                if chunk.full:
                    yield chunk
        if chunk.table.patients or chunk.table.problems:
            yield chunk

    def _resources(self, files: list[File]) -> Iterator[Chunk]:
        """Chunks of the patients that single resources are joined to."""
        chunk = Chunk(self._chunk, self._terms, self._limits, once=False)
        with closing(Export(self._limits)) as export:
            for file in files:
                for _ in range(file.losses):
                    export.lose()
                for piece in pieces_of_file(Path(file.name), self._limits):
                    head = head_of(piece.data) if piece.error is None else None
                    if is_single(head):
                        export.add(piece, head)
                    elif gone := deletions(piece.data):
                        export.delete(gone)
            for gathered in export.documents():
                chunk.join(gathered, replace(self._terms, visible=frozenset(export.visible)))
                if chunk.full:
                    yield chunk
            chunk.table.problems += export.problems
        if chunk.table.patients or chunk.table.problems:
            yield chunk

    def _keep(self, unit: Unit, chunks: Iterator[Chunk]) -> Iterator[tuple[Facts, Iterable[str]]]:
        for chunk in chunks:
            places = chunk.places
            facts = chunk.take()
            births = (patient.birth[0] for patient in facts.patients if patient.birth is not None)
            unit.youngest = max(unit.youngest, *births, FLOOR)
            unit.late |= any(problem.got == BORN_LATER for problem in facts.problems)
            problem = self._write(unit, facts, places)
            yield (replace(facts, problems=(*facts.problems, problem)) if problem is not None else facts), places

    def _write(self, unit: Unit, facts: Facts, places: list[str]) -> Problem | None:
        """Writes one chunk; the first failure is told, and ends writing."""
        read = [(file.name, file.digest) for file in unit.files], len(unit.parts), self._terms.today
        made = self._after.schema, self._after.terms, read
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
            with os.fdopen(os.open(self._folder / _BEGUN, flags, 0o600), "wb") as file:
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
            stored.replace(self._folder / _MANIFEST, lambda file: file.write(text))
            (self._folder / _BEGUN).unlink(missing_ok=True)
        except OSError as error:
            return self._unwritten(error)
        units = [*self._after.units, *([self._after.joined] if self._after.joined is not None else [])]
        kept = {part for unit in units for part in unit.parts}
        for path in self._folder.glob("*.parquet*"):
            if path.name.split(".")[0] not in kept:
                path.unlink(missing_ok=True)
        return None


def _manifest(folder: Path) -> Manifest:
    try:
        return msgspec.json.decode((folder / _MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError):
        return Manifest()


def _begun(folder: Path, header: bytes) -> list[Unit] | None:
    """What a killed run had read on the same terms, None without one; a line that it did not finish says nothing."""
    try:
        first, *lines = (folder / _BEGUN).read_bytes().splitlines()
    except (OSError, ValueError):
        return None
    units = []
    for line in lines if first == header else ():
        with suppress(msgspec.DecodeError):
            units.append(msgspec.json.decode(line, type=Unit))
    return units if first == header else None


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
