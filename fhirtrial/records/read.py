"""Files → TrialRecords: the format is told from the content, and a document that cannot be read costs only itself.

A registry document is read first, which gives its items their own words, and then each item gets its tree: the
reviewed one that fits, else the parser's. A normalized record keeps the trees it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from fhirtrial.criteria.text.parse import parse
from fhirtrial.errors import ConfigError, Problem, RecordError
from fhirtrial.records.api_v2 import is_study, record_from_study
from fhirtrial.records.pages.page import record_from_page
from fhirtrial.records.record import TrialRecord, record_from_json
from fhirtrial.records.reviewed import join_reviewed
from fhirtrial.terminology import Terminology, load

MAX_BYTES = 64 * 1024 * 1024
_SUFFIXES = frozenset({".json", ".txt"})


@dataclass(frozen=True)
class ReadResult:
    records: tuple[TrialRecord, ...]
    failures: tuple[Problem, ...]


@dataclass(frozen=True)
class _Unencoded:
    """A record made of a registry document just now: its items still are nothing but their words."""

    record: TrialRecord


def read_trials(
    source: Path | str,
    terminology: Terminology | None = None,
    *,
    reviewed: Iterable[TrialRecord] = (),
    max_bytes: int = MAX_BYTES,
) -> ReadResult:
    """Records of a file, or of a folder's `.json` and `.txt` files in the order of their names.

    JSON is an API v2 study, a page or list of studies, or a normalized record; anything else is a registry page as
    plain text. Criteria are encoded with `terminology`, the shipped one by default, unless a reviewed tree fits.
    ConfigError when `source` does not exist; every other trouble is a failure of one document. A trial that is read
    twice stays as it was read first.
    """
    path = Path(source)
    if not path.exists():
        raise ConfigError(str(source), "no such file or folder", "name a registry document or a folder of them")
    files = _files(path)
    if not files:
        empty = Problem(path.name, "", "no .json or .txt file", "name a folder of registry documents")
        return ReadResult((), (empty,))
    found: dict[str, TrialRecord | _Unencoded] = {}
    first_seen: dict[str, str] = {}
    failures: list[Problem] = []
    for file in files:
        for outcome in _read_file(file, max_bytes):
            if isinstance(outcome, Problem):
                failures.append(outcome)
                continue
            name = outcome.record.id if isinstance(outcome, _Unencoded) else outcome.id
            if name in found:
                says = f"{name} was already read from {first_seen[name]}"
                failures.append(Problem(file.name, "", says, "keep one document per trial"))
            else:
                found[name], first_seen[name] = outcome, file.name
    return ReadResult(_with_trees(found.values(), terminology, tuple(reviewed)), tuple(failures))


def _with_trees(
    found: Iterable[TrialRecord | _Unencoded], terminology: Terminology | None, reviewed: tuple[TrialRecord, ...]
) -> tuple[TrialRecord, ...]:
    kept = [f for f in found if isinstance(f, TrialRecord)]
    fresh = [f.record for f in found if isinstance(f, _Unencoded)]
    done = {r.id: r for r in join_reviewed(kept, reviewed)}
    if fresh:
        encode = partial(_encoded, terminology=terminology or load())
        done |= {r.id: r for r in join_reviewed(fresh, reviewed, encode)}
    return tuple(done[f.id if isinstance(f, TrialRecord) else f.record.id] for f in found)


def _encoded(record: TrialRecord, terminology: Terminology) -> TrialRecord:
    title = " ".join(t for t in (record.brief_title, record.official_title) if t)
    return record.model_copy(update={"criteria": parse(record.criteria, terminology, title)})


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(f for f in path.iterdir() if f.is_file() and f.suffix.lower() in _SUFFIXES and f.name[0] != ".")


def _read_file(file: Path, max_bytes: int) -> Iterator[TrialRecord | _Unencoded | Problem]:
    try:
        size = file.stat().st_size
        if size > max_bytes:
            yield Problem(file.name, "", f"{size:,} bytes, more than {max_bytes:,}", "split it or raise the limit")
            return
        content = file.read_bytes()
    except OSError as error:
        yield Problem(file.name, "", f"cannot be read ({error.strerror})", "check the file and its permissions")
        return
    text = content.removeprefix(b"\xef\xbb\xbf").strip()
    if not text:
        yield Problem(file.name, "", "empty", "give a registry document")
    elif text[:1] == b"{" or file.suffix.lower() == ".json":
        yield from _read_json(text, file.name)
    else:
        yield _read_page(text, file.name)


def _read_json(content: bytes, name: str) -> Iterator[TrialRecord | _Unencoded | Problem]:
    try:
        data = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        yield Problem(name, "", f"no JSON ({error})", "give the registry's JSON as it was sent")
        return
    if isinstance(data, dict) and isinstance(data.get("studies"), list):
        yield from _read_studies(data["studies"], name, "studies")
    elif isinstance(data, list):
        yield from _read_studies(data, name, "")
    else:
        yield _read_one(data, name, "")


def _read_studies(studies: list[Any], name: str, path: str) -> Iterator[TrialRecord | _Unencoded | Problem]:
    if not studies:
        yield Problem(name, path, "no studies in it", "give a page that holds studies")
    for place, study in enumerate(studies):
        yield _read_one(study, name, f"{path}[{place}]")


def _read_one(data: object, name: str, path: str) -> TrialRecord | _Unencoded | Problem:
    try:
        if isinstance(data, dict) and is_study(data):
            return _Unencoded(record_from_study(data, name, path))
        if isinstance(data, dict) and "schema_version" in data:
            return record_from_json(data, path)
    except RecordError as error:
        return Problem(name, error.where.removeprefix(" at "), error.got, error.todo)
    return Problem(name, path, _what(data), "give an API v2 study, a page of studies or a normalized record")


def _read_page(content: bytes, name: str) -> _Unencoded | Problem:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        return Problem(name, f"byte {error.start}", "not UTF-8 text", "save the page as UTF-8")
    if "\x00" in text:
        return Problem(name, "", "not text", "save the page as plain text")
    try:
        return _Unencoded(record_from_page(text, name, ""))
    except RecordError as error:
        return Problem(name, error.where, error.got, error.todo)


def _what(data: object) -> str:
    if not isinstance(data, dict):
        return f"a JSON {type(data).__name__}, not a study"
    if isinstance(data.get("resourceType"), str):
        return f"a FHIR {data['resourceType'][:40]}, not a study"
    if "protocolSection" in data:
        return "protocolSection is no object"
    return "JSON without a protocolSection, not a study"
