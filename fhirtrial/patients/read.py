"""Any source of patients → chunks of facts; what cannot be read is a Problem, and the rest goes on."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO, TypeGuard

import msgspec
import orjson
from msgspec import Struct

from fhirtrial.errors import PatientError, Problem
from fhirtrial.patients.chunk import Chunk
from fhirtrial.patients.completeness import Loaded
from fhirtrial.patients.document import Limits
from fhirtrial.patients.export import Export, Head
from fhirtrial.patients.facts import FLOOR, Facts
from fhirtrial.patients.person import Terms
from fhirtrial.patients.resources import Request
from fhirtrial.patients.runs import Room
from fhirtrial.patients.salvage import UNREADABLE, lenient
from fhirtrial.patients.sources import Piece, files_in, pieces, pieces_of_file

_HEAD = msgspec.json.Decoder(Head)
_BUNDLE = re.compile(rb'\s*\{\s*"resourceType"\s*:\s*"Bundle"')
_DEFAULT = Limits()
_ROOM = Room()


def facts_of(
    bundle: Mapping[str, Any] | bytes,
    *,
    loaded: Loaded | None = None,
    record_start: date | None = None,
    partial: bool = False,
    on: date | None = None,
    limits: Limits = _DEFAULT,
    name: str = "Bundle",
) -> Facts:
    """The facts in one Bundle; PatientError where it is none, or holds no patient."""
    data = bundle if isinstance(bundle, bytes) else _encoded(bundle)
    chunk = Chunk(1, terms_of(loaded, record_start, partial, on), limits, once=True)
    chunk.read(data, name)
    if not chunk.table.patients:
        first, last = chunk.table.problems[0], chunk.table.problems[-1]
        got = last.got if first is last else f"{last.got} ({first.path}: {first.got})"
        raise PatientError(last.where, got, last.todo)
    return chunk.take()


def _encoded(bundle: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(bundle)
    except orjson.JSONEncodeError:  # integers beyond 64 bits, lone surrogates: their resource will be left out
        return json.dumps(bundle).encode()


def read_patients(
    source: Path | str | BinaryIO,
    *,
    loaded: Loaded | None = None,
    record_start: date | None = None,
    partial: bool | None = None,
    on: date | None = None,
    chunk: int = 512,
    limits: Limits = _DEFAULT,
    room: Room = _ROOM,
) -> Iterator[Facts]:
    """Chunks of patients from a Bundle, a folder, NDJSON of Bundles or of resources, gzip of these, or a stream.

    Bundles come in the order of files and lines, then patients joined from single resources in the order of their
    references. What a stream shows is `partial` unless the caller says otherwise; `-` is standard input. A birth after
    `on` is in the future; without it, after the day of the data. Single resources beyond the `room` in memory wait in
    temporary files.
    """
    if isinstance(source, str | Path) and str(source) != "-":
        files = files_in(Path(source))
        found = (piece for file in files for piece in pieces_of_file(file, limits))
        terms = terms_of(loaded, record_start, bool(partial), on)
        return _read(found, str(source), Chunk(chunk, terms, limits, once=True), room)
    stream = sys.stdin.buffer if isinstance(source, str | Path) else source
    terms = terms_of(loaded, record_start, partial is not False, on)
    return _read(pieces(stream, "-", limits, lines=False), "-", Chunk(chunk, terms, limits, once=False), room)


def terms_of(loaded: Loaded | None, record_start: date | None, partial: bool, on: date | None) -> Terms:
    return Terms(
        loaded=loaded or frozenset(),
        partial=partial,
        since=FLOOR if record_start is None else _day(record_start),
        today=None if on is None else _day(on),
    )


def _day(stated: date) -> int:
    return stated.toordinal() - date(1970, 1, 1).toordinal()


def _read(found: Iterable[Piece], name: str, chunk: Chunk, room: Room) -> Iterator[Facts]:
    with closing(Export(chunk.limits, room)) as export:
        for piece in found:
            try:
                if piece.error is not None:
                    raise piece.error
                head = head_of(piece.data)
                if is_single(head):
                    export.add(piece, head)
                elif not chunk.read_quickly(piece.data, piece.where):
                    if gone := deletions(piece.data):
                        export.delete(gone)
                    else:
                        chunk.read_carefully(piece.data, piece.where)
            except PatientError as error:
                chunk.table.problems.append(Problem(error.where, "", error.got, error.todo))
                export.lose()
            if chunk.full:
                yield chunk.take()
        for gathered in export.documents():
            chunk.join(gathered, replace(chunk.terms, visible=frozenset(export.visible)))
            if chunk.full:
                yield chunk.take()
        chunk.table.problems += export.problems
    if chunk.empty:
        chunk.table.problems.append(no_patient(name))
    if chunk.table.patients or chunk.table.problems:
        yield chunk.take()


def no_patient(source: str) -> Problem:
    return Problem(source, "", "no Patient", "send Patient resources with what belongs to them")


def is_single(head: Head | None) -> TypeGuard[Head]:
    """Whether a line is a resource by itself."""
    return head is not None and head.resource_type not in ("", "Bundle")


class _Deletion(Struct):
    request: Request
    resource: None = None


class _Deletions(Struct):
    entry: tuple[_Deletion, ...]


_DELETIONS = msgspec.json.Decoder(_Deletions)


def deletions(data: bytes) -> frozenset[str]:
    """What a Bundle of nothing but deletions takes back, as Type/id; bulk exports list in such what is no more.

    https://hl7.org/fhir/uv/bulkdata/export.html: `deleted` of the manifest.
    """
    if b'"DELETE"' not in data:
        return frozenset()
    try:
        entries = _DELETIONS.decode(data).entry
    except UNREADABLE:
        return frozenset()
    if any(entry.request.method != "DELETE" for entry in entries):
        return frozenset()
    gone = ("/".join(entry.request.url.split("?")[0].split("/")[-2:]) for entry in entries)
    return frozenset(name for name in gone if name)


def head_of(data: bytes) -> Head | None:
    """What kind of resource stands here and whose it is; None where it is no single resource."""
    if _BUNDLE.match(data):  # the ordinary case needs no decoding for it
        return None
    try:
        return _HEAD.decode(data)
    except UNREADABLE:
        parts = lenient(data, dict[str, msgspec.Raw]) or {}
        kind, name = (lenient(parts.get(key), str) or "" for key in ("resourceType", "id"))
        return Head(kind, name) if kind else None
