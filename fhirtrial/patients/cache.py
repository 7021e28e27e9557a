"""Facts of a file or folder, kept as Parquet: what did not change is not read again, and comes out as reading gives it.

Files of Bundles are kept in groups of neighbours by name, large ones in slices. Single resources (bulk exports) belong
together over all files: a change in one of these sorts the lines of all of these again, but only groups of patients
whose own lines, or what all share, changed are made into facts again. The manifest is replaced last and whole: a writer
killed at any moment leaves the cache as it was, and the next one goes on with what it had read.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import date
from pathlib import Path

import msgspec

from fhirtrial.errors import ConfigError, PatientError, Problem
from fhirtrial.patients import stored
from fhirtrial.patients.chunk import Chunk, Once
from fhirtrial.patients.completeness import Loaded
from fhirtrial.patients.document import Limits
from fhirtrial.patients.export import Export
from fhirtrial.patients.facts import Facts
from fhirtrial.patients.manifest import BEGUN, MANIFEST, File, Manifest, Unit, begun, manifest_of, parts_of
from fhirtrial.patients.read import no_patient, terms_of
from fhirtrial.patients.runs import Room
from fhirtrial.patients.slices import as_read, place, same, slices
from fhirtrial.patients.sources import files_in
from fhirtrial.patients.units import (
    Chunked,
    How,
    Keeper,
    Lot,
    Read,
    bundles,
    dead,
    gather,
    groups,
    joined,
    read_files,
    read_lot,
    unread,
)
from fhirtrial.processes import Work, each

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
    for facts, places in _Cache(How(cache, terms, chunk, limits), room).chunks(files_in(Path(source))):
        empty = empty and not facts.patients and not facts.problems
        yield once.checked(facts, places)
    if empty:
        yield replace(Chunk(1, terms, limits, once=False).take(), problems=(no_patient(str(source)),))


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
    processes: int = 1,
    seen: Callable[[int], None] = lambda _: None,
) -> None:
    """Brings the cache up to date, and reads nothing that did not change; `seen` hears how many patients were read.

    Any number of processes writes the same. ConfigError where it cannot be written, PatientError where nobody is in it.
    """
    stored.arrow()
    terms = terms_of(loaded, record_start, partial=False, on=on)
    failure = _Cache(How(cache, terms, chunk, limits), room).refresh(files_in(Path(source)), processes, seen)
    if failure is not None:
        raise ConfigError(failure.where, failure.got, "make room, or give another folder")
    if not parts_of(cache):
        nothing = no_patient(str(source))
        raise PatientError(nothing.where, nothing.got, nothing.todo)


def stored_patients(cache: Path) -> Iterator[Facts]:
    """The facts in a cache, without their sources; ConfigError where another version of the schema wrote them."""
    once = Once()
    for part in parts_of(cache):
        yield once.checked(*stored.read(part))


class _Cache:
    def __init__(self, how: How, room: Room) -> None:
        self._how = how
        self._room = room
        self._today = how.terms.today
        self._keeper = Keeper(how)
        before = manifest_of(how.folder)
        if (before.schema, before.terms) != (stored.schema(), how.said):
            before = Manifest()
        self._header = msgspec.json.encode([stored.schema(), how.said])
        noted = begun(how.folder, self._header)
        self._anew = noted is None
        self._units_before = [*before.units, *(unit for unit in noted or () if unit.files)]
        self._joined_before = before.joined
        joined_groups = before.joined.groups if before.joined is not None else []
        self._groups_before = [*joined_groups, *(unit for unit in noted or () if not unit.files)]
        self._after = Manifest(stored.schema(), how.said, [])

    def chunks(self, files: list[Path]) -> Iterator[Chunked]:
        """All patients, in the order of their sources."""
        for unit, stands in self._units(files):
            if stands:
                yield from self._stored(unit)
            else:
                yield from self._keeper.keep(unit, bundles(self._how, unit))
                self._note(unit)
        single = self._single()
        if self._after.joined is not None:
            yield from self._stored(self._after.joined)
        elif single:
            with self._export(single) as export:
                whole = Unit(single, [], self._today)
                for unit, lot in self._lots(export, whole):
                    if lot is None:
                        yield from self._stored(unit)
                    else:
                        yield from self._keeper.keep(unit, [joined(self._how, export.everyone, lot)])
                        self._note(unit)
                yield from self._end(export, whole)
        problem = self._finish() if self._keeper.failure is None else None
        if problem is not None:
            yield replace(self._how.chunked().take(), problems=(problem,)), []

    def refresh(self, files: list[Path], processes: int, seen: Callable[[int], None]) -> Problem | None:
        """Reads what has to be read anew, and tells why it could not be kept."""
        new = (unit for unit, stands in self._units(files) if not stands)
        for unit, read in each(Work(read_files, self._how), new, processes, ahead=1):
            what = f"read {len(unit.files)} files from this one on"
            seen(self._take(unit, read or dead(self._how, unit, unit.files[0].name, what)))
            if self._keeper.failure is not None:
                return self._keeper.failure
        single = self._single()
        if single and self._after.joined is None:
            with self._export(single) as export:
                self._join(export, Unit(single, [], self._today), processes, seen)
        return self._keeper.failure or self._finish()

    def _join(self, export: Export, whole: Unit, processes: int, seen: Callable[[int], None]) -> None:
        new = (lot for _, lot in self._lots(export, whole) if lot is not None)
        for lot, read in each(Work(read_lot, (self._how, export.everyone)), new, processes, ahead=1):
            what = f"joined the lines of {len(lot.patients)} patients from this one on"
            seen(self._take(lot.unit, read or dead(self._how, lot.unit, lot.patients[0][0], what)))
            if read is None:
                whole.files = unread(whole.files)
            if self._keeper.failure is not None:
                return
        for _ in self._end(export, whole):
            pass

    def _units(self, files: list[Path]) -> Iterator[tuple[Unit, bool]]:
        """What is read together, and whether it stands as it was read before."""
        known = {place(unit.files): unit for unit in self._units_before}
        for now in slices(files, self._units_before):
            unit = known.get(place(now))
            stands = unit is not None and self._usable(unit) and same(unit.files, now)
            if unit is not None and stands:
                unit.files = [as_read(old, new) for old, new in zip(unit.files, now, strict=True)]
            else:
                unit = Unit(now, [], self._today)
            self._after.units.append(unit)
            yield unit, stands

    def _single(self) -> list[File]:
        """Files with single resources, and those that could not be read; what was joined of these may stand."""
        files = [file for unit in self._after.units for file in unit.files if file.single or file.losses]
        before = self._joined_before
        if before is not None and self._usable(before) and same(before.files, files):
            before.files = files
            self._after.joined = before
        return files if any(file.single for file in files) else []

    @contextmanager
    def _export(self, files: list[File]) -> Iterator[Export]:
        with closing(Export(self._how.limits, self._room)) as export:
            gather(export, files, self._how.limits)
            yield export

    def _lots(self, export: Export, whole: Unit) -> Iterator[tuple[Unit, Lot | None]]:
        """Patients in groups, and those of a group that does not stand as it was joined before."""
        known = {group.digest: group for group in self._groups_before if group.digest and self._usable(group)}
        now = [group for _, group in groups(export, self._how.chunk) if group is not None] if known else []
        patients = []
        for gathered, group in groups(export, self._how.chunk):
            expected = now[len(whole.groups)] if known else None
            old = known.get(expected.digest) if expected is not None else None
            if old is not None and expected is not None and old.problems and old.placed != expected.placed:
                old = None
            if old is None:
                patients.append((gathered.document.name, gathered.lines, gathered.places))
            if group is not None:
                group.today = self._today
                whole.groups.append(old or group)
                yield whole.groups[-1], Lot(group, patients) if old is None else None
                patients = []

    def _end(self, export: Export, whole: Unit) -> Iterator[Chunked]:
        """What could not be joined, as a group of its own; then all is joined."""
        chunk = self._how.chunked()
        chunk.table.problems += export.problems
        if chunk.table.problems:
            whole.groups.append(Unit([], [], self._today))
            yield from self._keeper.keep(whole.groups[-1], [chunk])
        whole.parts = [part for group in whole.groups for part in group.parts]
        self._after.joined = whole
        self._keeper.failure = self._keeper.failure or export.failed

    def _usable(self, unit: Unit) -> bool:
        return unit.serves(self._today) and all(stored.is_there(self._how.folder / part) for part in unit.parts)

    def _take(self, unit: Unit, read: Read) -> int:
        """The unit becomes what was made of it; gives how many patients are in it."""
        for name in unit.__struct_fields__:
            setattr(unit, name, getattr(read.unit, name))
        self._keeper.failure = read.failure
        self._note(unit)
        return read.patients

    def _note(self, unit: Unit) -> None:
        """Remembers what was read, for a run that is killed before there is a manifest."""
        if self._keeper.failure is not None:
            return
        lines = [*([self._header] if self._anew else []), b"", msgspec.json.encode(unit), b""]
        flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if self._anew else os.O_APPEND)
        with suppress(OSError):  # what cannot be noted is read again; a full disk will be told of a chunk
            self._how.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(self._how.folder / BEGUN, flags, 0o600), "wb") as file:
                file.write(b"\n".join(lines))
            self._anew = False

    def _stored(self, unit: Unit) -> Iterator[Chunked]:
        for part in unit.parts:
            facts, places = stored.read(self._how.folder / part)
            yield facts, list(places)

    def _finish(self) -> Problem | None:
        """Only a cache that is whole takes the place of what was there; what that one alone used is removed."""
        text = msgspec.json.encode(self._after)
        folder = self._how.folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            stored.replace(folder / MANIFEST, lambda file: file.write(text))
            (folder / BEGUN).unlink(missing_ok=True)
        except OSError as error:
            return self._keeper.unwritten(error)
        units = [*self._after.units, *([self._after.joined] if self._after.joined is not None else [])]
        kept = {part for unit in units for part in unit.parts}
        for path in folder.glob("*.parquet*"):
            if path.name.split(".")[0] not in kept:
                path.unlink(missing_ok=True)
        return None
