"""What a cache of facts says of its sources: which files were read together, and as what they were found."""

from __future__ import annotations

from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

import msgspec
from msgspec import Struct

from fhirtrial.patients.facts import FLOOR

MANIFEST = "manifest.json"
BEGUN = "begun.ndjson"


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

    `today` was the last possible birth; `youngest` is the last one met, and `late` whether one came after it. Joined
    patients have no files of their own but a `digest` of their lines and of where these stood (`placed`, which matters
    where a problem names it).
    """

    files: list[File]
    parts: list[str]
    today: int | None = None
    youngest: int = FLOOR
    late: bool = False
    digest: str = ""
    placed: str = ""
    problems: bool = False
    groups: list[Unit] = []

    def serves(self, today: int | None) -> bool:
        """Whether reading at another day would give the same."""
        if self.groups:
            return all(group.serves(today) for group in self.groups)
        return self.today == today or (not self.late and today is not None and self.youngest <= today)


class Manifest(Struct):
    schema: str = ""
    terms: str = ""
    units: list[Unit] = []
    joined: Unit | None = None


def manifest_in(folder: Path) -> Manifest:
    try:
        return msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError):
        return Manifest()


def begun_in(folder: Path, header: bytes) -> list[Unit] | None:
    """What a killed run had read on the same terms, None without one; a line that it did not finish says nothing."""
    try:
        first, *lines = (folder / BEGUN).read_bytes().splitlines()
    except (OSError, ValueError):
        return None
    units = []
    for line in lines if first == header else ():
        with suppress(msgspec.DecodeError):
            units.append(msgspec.json.decode(line, type=Unit))
    return units if first == header else None


def as_they_are(files: list[Path], unit: Unit | None) -> list[File]:
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


def same(old: list[File], new: list[File]) -> bool:
    return [(file.name, file.digest) for file in old] == [(file.name, file.digest) for file in new] and all(
        file.digest for file in new
    )


def noticed(old: File, new: File) -> File:
    """The file as it is now, with what was noticed when it was read."""
    return msgspec.structs.replace(new, single=old.single, losses=old.losses)
