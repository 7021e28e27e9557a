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
from typing import Any, BinaryIO

import msgspec
import orjson

from fhirtrial.errors import PatientError, Problem
from fhirtrial.patients.bundle import Result, Terms, facts_in
from fhirtrial.patients.completeness import Loaded
from fhirtrial.patients.document import Document, Limits
from fhirtrial.patients.export import Export, Head
from fhirtrial.patients.facts import FLOOR, Fact, Facts, Level, Patient, Vocabulary
from fhirtrial.patients.salvage import UNREADABLE, lenient
from fhirtrial.patients.sources import Piece, files_in, pieces, pieces_of_file

_HEAD = msgspec.json.Decoder(Head)
_BUNDLE = re.compile(rb'\s*\{\s*"resourceType"\s*:\s*"Bundle"')
_DEFAULT = Limits()


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
    document = Document(name)
    document.add(data, name, limits)
    vocabulary = Vocabulary()
    result = facts_in(document, vocabulary, 0, _terms(loaded, record_start, partial, on))
    if not result.patients:
        first, last = result.problems[0], result.problems[-1]
        got = last.got if first is last else f"{last.got} ({first.path}: {first.got})"
        raise PatientError(last.where, got, last.todo)
    return Facts.of(tuple(result.patients), result.rows, vocabulary, tuple(result.problems))


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
) -> Iterator[Facts]:
    """Chunks of patients from a Bundle, a folder, NDJSON of Bundles or of resources, gzip of these, or a stream.

    Bundles come in the order of files and lines, then patients joined from single resources in the order of their
    references. What a stream shows is `partial` unless the caller says otherwise; `-` is standard input. A birth after
    `on` is in the future; without it, after the day of the data.
    """
    if isinstance(source, str | Path) and str(source) != "-":
        files = files_in(Path(source))
        found = (piece for file in files for piece in pieces_of_file(file, limits))
        terms = _terms(loaded, record_start, bool(partial), on)
        return _read(found, str(source), terms, _Chunk(chunk, once=True), limits)
    stream = sys.stdin.buffer if isinstance(source, str | Path) else source
    terms = _terms(loaded, record_start, partial is not False, on)
    return _read(pieces(stream, "-", limits, lines=False), "-", terms, _Chunk(chunk, once=False), limits)


def _terms(loaded: Loaded | None, record_start: date | None, partial: bool, on: date | None) -> Terms:
    return Terms(
        loaded=loaded or frozenset(),
        partial=partial,
        since=FLOOR if record_start is None else _day(record_start),
        today=None if on is None else _day(on),
    )


def _day(stated: date) -> int:
    return stated.toordinal() - date(1970, 1, 1).toordinal()


def _read(found: Iterable[Piece], name: str, terms: Terms, chunk: _Chunk, limits: Limits) -> Iterator[Facts]:
    with closing(Export(limits)) as export:
        for piece in found:
            try:
                if piece.error is not None:
                    raise piece.error
                head = _head(piece.data)
                if head is not None and head.resource_type not in ("", "Bundle"):
                    export.add(piece, head)
                    continue
                document = Document(piece.where)
                document.add(piece.data, piece.where, limits)
            except PatientError as error:
                chunk.problems.append(Problem(error.where, "", error.got, error.todo))
                export.lose()
            else:
                yield from chunk.add(facts_in(document, chunk.vocabulary, len(chunk.patients), terms), piece.where)
        joined = replace(terms, visible=frozenset(export.visible))
        for document in export.documents():
            yield from chunk.add(facts_in(document, chunk.vocabulary, len(chunk.patients), joined), document.name)
        chunk.problems += export.problems
    if not chunk.patients and chunk.empty and not chunk.problems:
        chunk.problems.append(Problem(name, "", "no Patient", "send Patient resources with what belongs to them"))
    if chunk.patients or chunk.problems:
        yield chunk.take()


def _head(data: bytes) -> Head | None:
    """What kind of resource stands here and whose it is; None where it is no single resource."""
    if _BUNDLE.match(data):  # the ordinary case needs no decoding for it
        return None
    try:
        return _HEAD.decode(data)
    except UNREADABLE:
        parts = lenient(data, dict[str, msgspec.Raw]) or {}
        kind, name = (lenient(parts.get(key), str) or "" for key in ("resourceType", "id"))
        return Head(kind, name) if kind else None


class _Chunk:
    """Patients read so far; `once` when each patient is expected in one place only."""

    def __init__(self, size: int, *, once: bool) -> None:
        self._size = size
        self._seen: dict[str, str] | None = {} if once else None
        self.empty = True
        self._start()

    def _start(self) -> None:
        self.patients: list[Patient] = []
        self.rows: list[Fact] = []
        self.problems: list[Problem] = []
        self.vocabulary = Vocabulary()

    def add(self, result: Result, where: str) -> Iterator[Facts]:
        self.patients += [self._checked(patient, where) for patient in result.patients]
        self.rows += result.rows
        self.problems += result.problems
        if len(self.patients) >= self._size:
            yield self.take()

    def take(self) -> Facts:
        facts = Facts.of(tuple(self.patients), self.rows, self.vocabulary, tuple(self.problems))
        self.empty = False
        self._start()
        return facts

    def _checked(self, patient: Patient, where: str) -> Patient:
        """A patient who stands in two Bundles is read twice, and the second is complete in nothing."""
        if self._seen is None or self._seen.setdefault(patient.reference, where) == where:
            return patient
        got = f"the same patient as in {self._seen[patient.reference]}"
        todo = "send one Bundle for each patient; this one counts as partial"
        self.problems.append(Problem(f"{where}: {patient.reference}", "", got, todo))
        capped = {family: replace(one, level=min(one.level, Level.PARTIAL)) for family, one in patient.coverage.items()}
        return replace(patient, coverage=capped)
