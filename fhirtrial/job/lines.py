"""Matches as lines: NDJSON to a file or to standard output, Parquet where pyarrow is installed."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import orjson

from fhirtrial.errors import ConfigError
from fhirtrial.matching.result import Match

MOST_WITH_EVIDENCE = 10_000
"""Pairs up to which evidence is the default; above it lines say the verdict only (DESIGN §14)."""


def write_matches(matches: Iterable[Match], output: Path | None, detail: str | None) -> str:
    """Writes every match and returns what a person should be told, or ""."""
    chosen, matches, told = _chosen(matches, detail)
    lines = (match.to_json(chosen) for match in matches)
    if output is not None and output.suffix == ".parquet":
        _parquet(lines, output)
    elif output is None:
        _ndjson(lines, sys.stdout.buffer)
    else:
        # patients' evidence: readable by its owner alone
        try:
            descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        except OSError as error:
            raise ConfigError(str(output), f"cannot be written ({error.strerror})", "name a writable file") from error
        with os.fdopen(descriptor, "wb") as file:
            _ndjson(lines, file)
    return told


def _chosen(matches: Iterable[Match], detail: str | None) -> tuple[str, Iterable[Match], str]:
    if detail is not None:
        return detail, matches, ""
    stream = iter(matches)
    first = list(itertools.islice(stream, MOST_WITH_EVIDENCE + 1))
    if len(first) <= MOST_WITH_EVIDENCE:
        return "evidence", first, ""
    told = f"more than {MOST_WITH_EVIDENCE:,} pairs: lines say the verdict only (--detail evidence says more)"
    return "verdict", itertools.chain(first, stream), told


def _ndjson(lines: Iterator[dict[str, Any]], file: IO[bytes]) -> None:
    for line in lines:
        file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
    file.flush()


def _parquet(lines: Iterator[dict[str, Any]], output: Path) -> None:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ConfigError(str(output), "needs pyarrow", "pip install 'fhirtrial[parquet]'") from error
    rows = [{k: _cell(v) for k, v in line.items()} for line in lines]
    pq.write_table(pa.Table.from_pylist(rows), output)
    output.chmod(0o600)


def _cell(value: object) -> object:
    """Nested values travel as JSON text, so that a column has one type."""
    return orjson.dumps(value).decode() if isinstance(value, dict | list) else value
