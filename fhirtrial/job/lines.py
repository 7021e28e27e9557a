"""Matches as lines: NDJSON to a file or to standard output, Parquet where pyarrow is installed."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import orjson

from fhirtrial.errors import ConfigError
from fhirtrial.matching.arrow import batch_of
from fhirtrial.matching.next_best import Next
from fhirtrial.matching.result import Match

MOST_WITH_EVIDENCE = 10_000
"""Pairs up to which evidence is the default; above it lines say the verdict only."""
ROWS = 4096
"""Rows of one batch in a Parquet file."""


def write_matches(matches: Iterable[Match], output: Path | None, detail: str | None) -> str:
    """Writes every match and returns what a person should be told, or ""."""
    chosen, matches, told = _chosen(matches, detail)
    lines = (match.to_json(chosen) for match in matches)
    if output is not None and output.suffix == ".parquet":
        _parquet(lines, output)
    elif output is None:
        try:
            _ndjson(lines, sys.stdout.buffer)
        except BrokenPipeError:
            # the reader has what it wanted; the interpreter must not try to flush the rest
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    else:
        _to_file(lines, output)
    return told


def write_next(ranked: Mapping[str, Sequence[Next]], by: str, output: Path) -> None:
    """A line per patient or trial, with every item in its order."""
    _to_file(({by: about, "next": [one.to_json() for one in items]} for about, items in ranked.items()), output)


def _chosen(matches: Iterable[Match], detail: str | None) -> tuple[str, Iterable[Match], str]:
    if detail is not None:
        return detail, matches, ""
    stream = iter(matches)
    first = list(itertools.islice(stream, MOST_WITH_EVIDENCE + 1))
    if len(first) <= MOST_WITH_EVIDENCE:
        return "evidence", first, ""
    told = f"more than {MOST_WITH_EVIDENCE:,} pairs: lines say the verdict only (--detail evidence says more)"
    return "verdict", itertools.chain(first, stream), told


def _to_file(lines: Iterable[dict[str, Any]], output: Path) -> None:
    """What names patients is readable by its owner alone."""
    try:
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise ConfigError(str(output), f"cannot be written ({error.strerror})", "name a writable file") from error
    with os.fdopen(descriptor, "wb") as file:
        _ndjson(lines, file)


def _ndjson(lines: Iterable[dict[str, Any]], file: IO[bytes]) -> None:
    for line in lines:
        file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
    file.flush()


def _parquet(lines: Iterator[dict[str, Any]], output: Path) -> None:
    """Batch by batch, so that memory does not grow with the number of matches."""
    first = batch_of(list(itertools.islice(lines, ROWS)))
    import pyarrow.parquet as pq

    with pq.ParquetWriter(output, first.schema) as writer:
        output.chmod(0o600)
        batch = first
        while batch.num_rows:
            writer.write_batch(batch)
            batch = batch_of(list(itertools.islice(lines, ROWS)))
