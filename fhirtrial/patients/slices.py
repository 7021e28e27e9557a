"""Files → what is read together: neighbours by name, or some lines of one large file; each with a digest of its bytes.

The cuts follow from the files alone, so that any number of processes reads, and writes, the same; and from names and
places in a file rather than from counts, so that a new file or line changes few of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from os import stat_result
from pathlib import Path

import msgspec

from fhirtrial.patients.manifest import File, Unit
from fhirtrial.patients.sources import Span, in_lines

_NEIGHBOURS = 256
_LEAST, _MOST = 16 * 2**20, 128 * 2**20
"""Bytes that are read together: up to the most of small files; a sixteenth of a large one, within both."""
_BLOCK = 2**20


def slices(files: Iterable[Path], before: Iterable[Unit]) -> Iterator[list[File]]:
    """All files as they are now; one with the size and time that it had `before` is not opened."""
    known: dict[str, dict[Span, File]] = {}
    for file in (file for unit in before for file in unit.files):
        known.setdefault(file.name, {})[file.span] = file
    for group in neighbours(files):
        together, size = list[File](), 0
        for path in group:
            for file in _as_it_is(path, known.get(str(path), {})):
                if together and (file.span.start or size + file.size > _MOST):
                    yield together
                    together, size = [], 0
                together.append(file)
                size += file.size
        yield together


def place(files: Iterable[File]) -> tuple[tuple[str, int], ...]:
    """By which files, and where in them, something that is read together is known again."""
    return tuple((file.name, file.span.start) for file in files)


def same(old: list[File], new: list[File]) -> bool:
    return [(file.name, file.span, file.digest) for file in old] == [
        (file.name, file.span, file.digest) for file in new
    ] and all(file.digest for file in new)


def as_read(old: File, new: File) -> File:
    """The file as it is now, with what was noticed when it was read."""
    return msgspec.structs.replace(new, single=old.single, losses=old.losses)


def neighbours(files: Iterable[Path]) -> Iterator[list[Path]]:
    """Groups of files by name, cut where a name says so: a new file changes its own group only."""
    group: list[Path] = []
    for file in files:
        group.append(file)
        if blake2b(file.name.encode(), digest_size=1).digest() == b"\0" or len(group) == 2 * _NEIGHBOURS:
            yield group
            group = []
    if group:
        yield group


def _as_it_is(path: Path, before: dict[Span, File]) -> Iterator[File]:
    at = Span()
    try:
        stat = path.stat()
        if (old := _unchanged(stat, before)) is not None:
            yield from old
            return
        for span, digest in _digests(path, stat.st_size):
            yield File(str(path), span, stat.st_size, stat.st_mtime_ns, digest)
            at = Span(span.end, span.line)
    except OSError:  # its reading will say so, and it is tried again
        yield File(str(path), at)


def _unchanged(stat: stat_result, before: dict[Span, File]) -> list[File] | None:
    """What was known of a file, if that is all of it and of the file that is there now."""
    at, found = 0, list[File]()
    for span, file in sorted(before.items()):
        if span.start != at or not file.digest or (file.size, file.changed) != (stat.st_size, stat.st_mtime_ns):
            return None
        found.append(file)
        at = span.end
    return found if at == -1 else None


def _digests(path: Path, size: int) -> Iterator[tuple[Span, str]]:
    """The lines of a large file in slices, anything else as a whole; in one pass over the bytes."""
    step = min(max(size // 16, _LEAST), _MOST)
    step = step if size > step and in_lines(path) else size + 1
    start, line, lines, at, hashed = 0, 0, 0, 0, blake2b(digest_size=20)
    with path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK):
            while (cut := block.find(b"\n", max(0, start + step - 1 - at)) + 1) and size - at - cut >= step // 2:
                hashed.update(memoryview(block)[:cut])
                lines += block.count(b"\n", 0, cut)
                at += cut
                yield Span(start, line, at), hashed.hexdigest()
                start, line, block, hashed = at, lines, block[cut:], blake2b(digest_size=20)
            hashed.update(block)
            lines += block.count(b"\n")
            at += len(block)
    yield Span(start, line), hashed.hexdigest()
