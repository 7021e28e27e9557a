"""Facts as Parquet files, one chunk each, with the version of their schema; pyarrow is an extra.

Beside the columns stands one file of words: patients, vocabulary and problems. Only the owner can read either.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from fhirtrial.errors import ConfigError, Problem
from fhirtrial.patients.facts import DTYPES, ENUMS, CodeSet, Facts, Patient, ReferenceRange, Restored, Vocabulary

if TYPE_CHECKING:
    import pyarrow as pa

_VERSION = 2
_KEY = b"fhirtrial.facts"


class Words(msgspec.Struct, array_like=True):
    """Everything of a chunk that is no column."""

    patients: tuple[Patient, ...]
    problems: tuple[Problem, ...]
    codes: list[CodeSet]
    strings: list[str]
    ranges: list[tuple[ReferenceRange, ...]]


_WORDS = msgspec.msgpack.Decoder(Words)


def schema() -> str:
    """What stored facts mean: it changes with every column and every code in one."""
    said = [_VERSION, dict(DTYPES), {name: [str(one) for one in kind] for name, kind in ENUMS.items()}]  # type: ignore[attr-defined]
    return f"{_VERSION}-{sha256(repr(said).encode()).hexdigest()[:12]}"


def arrow() -> Any:
    """The library with its Parquet part, which only the cache needs."""
    try:
        import pyarrow as pa
        import pyarrow.parquet
    except ImportError as error:
        raise ConfigError("--cache", "needs pyarrow", "pip install 'fhirtrial[parquet]'") from error
    return pa


def write(facts: Facts, places: Sequence[str], stem: Path) -> None:
    """Writes `<stem>.facts.parquet` and `<stem>.words.parquet`, whole or not at all."""
    pa = arrow()
    words = Words(
        facts.patients,
        facts.problems,
        facts.vocabulary.codes.values,
        facts.vocabulary.strings.values,
        facts.vocabulary.ranges.values,
    )
    names = pa.list_(pa.string())
    packed = pa.table(
        {
            "words": pa.array([msgspec.msgpack.encode(words)], pa.large_binary()),
            "references": pa.array([[patient.reference for patient in facts.patients]], names),
            "places": pa.array([list(places)], names),
        }
    )
    _save(packed, stem.with_name(stem.name + ".words.parquet"))
    _save(pa.table(dict(facts.columns)), stem.with_name(stem.name + ".facts.parquet"))


def read(stem: Path) -> tuple[Facts, tuple[str, ...]]:
    """One chunk as it was written, and where each of its patients was read; ConfigError for another schema."""
    said = _load(stem.with_name(stem.name + ".words.parquet"), ["words", "places"])
    words = _WORDS.decode(said["words"][0].as_buffer())
    table = _load(stem.with_name(stem.name + ".facts.parquet"))
    columns = {name: table[name].to_numpy().astype(dtype, copy=False) for name, dtype in DTYPES.items()}
    vocabulary = Vocabulary()
    vocabulary.codes = Restored(words.codes)
    vocabulary.strings = Restored(words.strings)
    vocabulary.ranges = Restored(words.ranges)
    return Facts(words.patients, columns, vocabulary, words.problems), tuple(said["places"][0].as_py())


def people(stem: Path) -> tuple[list[str], list[str]]:
    """The references of a chunk's patients, and where each was read, without anything else of it."""
    said = _load(stem.with_name(stem.name + ".words.parquet"), ["references", "places"])
    return said["references"][0].as_py(), said["places"][0].as_py()


def is_there(stem: Path) -> bool:
    return all(stem.with_name(f"{stem.name}.{kind}.parquet").is_file() for kind in ("facts", "words"))


def _save(table: pa.Table, path: Path) -> None:
    import pyarrow.parquet as pq

    table = table.replace_schema_metadata({_KEY: schema().encode()})
    replace(path, lambda file: pq.write_table(table, file, compression="zstd"))


def _load(path: Path, columns: list[str] | None = None) -> pa.Table:
    arrow()
    import pyarrow.parquet as pq

    todo = "remove the cache folder; it is made again from the sources"
    try:
        table = pq.read_table(path, columns=columns)
    except (OSError, ValueError) as error:  # Arrow's own errors are among these
        raise ConfigError(str(path), "a part of the cache that cannot be read", todo) from error
    found = (table.schema.metadata or {}).get(_KEY, b"").decode()
    if found != schema():
        got = f"facts of schema {found or 'unknown'}, and this software reads {schema()}"
        raise ConfigError(str(path), got, todo)
    return table


def replace(path: Path, write_to: Any) -> None:
    """Writes a file that only its owner can read, on the disk before it takes its name."""
    temporary = path.with_name(path.name + ".part")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            write_to(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
