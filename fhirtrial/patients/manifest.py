"""What a cache of facts says of itself: which files gave which parts; nouns, and how they are read back."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from fhirtrial.patients.facts import FLOOR
from fhirtrial.patients.sources import WHOLE, Span

MANIFEST = "manifest.json"
BEGUN = "begun.ndjson"


class File(Struct):
    """One file, or lines of one, as it was read: `size` and time are the whole file's, `digest` is of what was read.

    `single`: it holds resources by themselves; `losses`: pieces that could not be read.
    """

    name: str
    span: Span = WHOLE
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


def parts_of(cache: Path) -> list[Path]:
    """The chunks in a cache, for `stored.read`, in the order of their sources."""
    manifest = manifest_of(cache)
    units = [*manifest.units, *([manifest.joined] if manifest.joined is not None else [])]
    return [cache / part for unit in units for part in unit.parts]


def is_cache(folder: Path) -> bool:
    return (folder / MANIFEST).is_file() and manifest_of(folder).schema != ""


def manifest_of(folder: Path) -> Manifest:
    try:
        return msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError):
        return Manifest()


def begun(folder: Path, header: bytes) -> list[Unit] | None:
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
