"""Where patients' data lies → documents and lines of JSON; compression and form are told from the content.

Nothing is held in memory but the document or line at hand, and none that is larger than the limit.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import msgspec
from msgspec import Raw

from fhirtrial.errors import PatientError
from fhirtrial.patients.document import Limits, too_large

SUFFIXES = (".json", ".ndjson", ".jsonl")
_GZIP = b"\x1f\x8b"
_AHEAD = 2**22
"""Bytes read at once: more than a Bundle usually has, since a line that spans several reads is copied twice."""


class Piece(NamedTuple):
    """One JSON document (line 0) or line, and where it stands; `error` instead of data for one that cannot be had."""

    name: str
    line: int
    data: bytes
    error: PatientError | None = None

    @property
    def where(self) -> str:
        return f"{self.name}:{self.line}" if self.line else self.name


class Span(NamedTuple):
    """Lines of a file: from the byte `start`, before which `line` lines stand, to `end`, -1 for the file's own end."""

    start: int = 0
    line: int = 0
    end: int = -1


WHOLE = Span()


def files_in(path: Path) -> list[Path]:
    """The file itself, or every FHIR JSON file of a folder, in the order of their names; others are passed over."""
    if path.is_file():
        return [path]
    if not path.exists():
        raise PatientError(str(path), "no such file or folder", "name a Bundle, a folder, NDJSON, or - for a stream")
    found = sorted(file for file in path.rglob("*") if _plain(file).endswith(SUFFIXES) and file.is_file())
    if not found:
        endings = ", ".join(SUFFIXES)
        raise PatientError(str(path), "a folder without FHIR JSON", f"put files here that end in {endings} (or .gz)")
    return found


def pieces_of_file(path: Path, limits: Limits, span: Span = WHOLE) -> Iterator[Piece]:
    """What is in a file, or in some lines of one `in_lines`."""
    name = str(path)
    try:
        with path.open("rb", buffering=_AHEAD) as file:
            lines = not _plain(path).endswith(".json")
            if span != WHOLE:
                file.seek(span.start)
                yield from _lines(file, name, limits, span)
            elif lines or path.stat().st_size <= limits.size or _may_be_more(file):
                yield from pieces(file, name, limits, lines=lines)
            else:
                yield Piece(name, 0, b"", too_large(name, limits))
    except OSError as error:
        got = f"cannot be read ({error.strerror or type(error).__name__})"
        yield Piece(name, 0, b"", PatientError(name, got, "check the file and its permissions"))


def in_lines(path: Path) -> bool:
    """Whether a file can be read from any line's beginning: it is called NDJSON, and is not compressed."""
    with path.open("rb") as file:
        return not _plain(path).endswith(".json") and file.read(len(_GZIP)) != _GZIP


def _may_be_more(file: BinaryIO) -> bool:
    """Whether a large file is compressed, or begins with a line that is a whole JSON value: it holds several."""
    head = file.read(2**20)
    file.seek(0)
    line, newline, _ = head.partition(b"\n")
    return head.startswith(_GZIP) or (bool(newline) and _is_json(line))


def pieces(stream: BinaryIO, name: str, limits: Limits, *, lines: bool) -> Iterator[Piece]:
    """One piece for a document, one per line for NDJSON; `lines` when the name says that it is NDJSON."""
    buffered = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(cast("io.RawIOBase", stream))
    if buffered.peek(2)[:2] == _GZIP:
        buffered = io.BufferedReader(gzip.GzipFile(fileobj=buffered))
    try:
        yield from _pieces(buffered, name, limits, lines)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        error = PatientError(name, "a gzip file that is cut short or damaged", "send it again; what follows is lost")
        yield Piece(name, 0, b"", error)
    except PatientError as error:
        yield Piece(name, 0, b"", error)


def _pieces(stream: io.BufferedReader, name: str, limits: Limits, lines: bool) -> Iterator[Piece]:
    first = stream.readline(limits.size + 1)
    second = stream.readline(limits.size + 1) if first.endswith(b"\n") else b""
    several = _is_json(first) and bool(second.strip())
    if lines or several or (_is_json(second) and second.lstrip().startswith(b"{")):
        yield from _lines(stream, name, limits, WHOLE, first, second)
        return
    data = b"".join((first, second, stream.read(max(0, limits.size + 1 - len(first) - len(second)))))
    if len(data) > limits.size:
        raise too_large(name, limits)
    if not data.strip():
        raise PatientError(name, "an empty file", "send a FHIR R4 or R5 Bundle, or remove the file")
    yield Piece(name, 0, data)


def _lines(stream: BinaryIO, name: str, limits: Limits, span: Span, *first: bytes) -> Iterator[Piece]:
    number, at = span.line, span.start
    ahead = [line for line in first if line]
    while not 0 <= span.end <= at and (line := ahead.pop(0) if ahead else stream.readline(limits.size + 1)):
        number += 1
        at += len(line)
        if len(line) > limits.size:
            rest = line
            while not rest.endswith(b"\n") and (rest := stream.readline(limits.size)):
                at += len(rest)
            yield Piece(name, number, b"", too_large(f"{name}:{number}", limits))
        elif not line.isspace():
            yield Piece(name, number, line)


def _is_json(line: bytes) -> bool:
    """Whether the line alone is a whole JSON value."""
    try:
        msgspec.json.decode(line, type=Raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _plain(path: Path) -> str:
    return path.name.lower().removesuffix(".gz")
