"""Transaction Bundles from files: one JSON Bundle, NDJSON with a Bundle a line, `.gz` of these, or a folder of them."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from fhirtrial.errors import InputError

# One Bundle, decompressed: a small .gz must not fill the memory.
LARGEST_BUNDLE = 512 * 1024 * 1024
SUFFIXES = (".json", ".ndjson", ".json.gz", ".ndjson.gz")


def read_bundle_file(
    path: Path, on_error: Callable[[InputError], None] | None = None, *, largest: int = LARGEST_BUNDLE
) -> Iterator[dict[str, Any]]:
    """Bundles in the order of file names and lines. What cannot be read goes to `on_error` and the rest goes on;
    without `on_error` the first such thing raises.
    """
    report = on_error or _raise
    files = [path]
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.is_file() and file.name.lower().endswith(SUFFIXES))
        if not files:
            report(InputError(str(path), "no .json, .ndjson or .gz file in this folder", "name a folder of Bundles"))
    for file in files:
        try:
            yield from _bundles(file, report, largest)
        except FileNotFoundError:
            report(InputError(str(file), "does not exist", "name a file or folder of transaction Bundles"))
        except (OSError, EOFError, zlib.error) as error:
            report(InputError(str(file), f"cannot be read ({type(error).__name__})", "check the file"))


def _raise(error: InputError) -> None:
    raise error


def _bundles(file: Path, report: Callable[[InputError], None], largest: int) -> Iterator[dict[str, Any]]:
    name = file.name.lower()
    with file.open("rb") as stored, gzip.open(stored) if name.endswith(".gz") else stored as content:
        for where, text in _texts(content, str(file), largest, by_line=".ndjson" in name):
            if len(text) > largest:
                todo = "cut it into smaller Bundles"
                report(InputError(where, f"a Bundle above the limit of {largest} bytes", todo))
                continue
            try:
                bundle = orjson.loads(text)
            except orjson.JSONDecodeError as error:
                got = f"not JSON (line {error.lineno}, column {error.colno})"
                report(InputError(where, got, "write one Bundle per file, or per line of an .ndjson file"))
                continue
            if (
                isinstance(bundle, dict)
                and bundle.get("resourceType") == "Bundle"
                and bundle.get("type") == "transaction"
            ):
                yield bundle
            else:
                report(
                    InputError(where, f"{_kind(bundle)} instead of a transaction Bundle", "name transaction Bundles")
                )


def _texts(
    content: BinaryIO | gzip.GzipFile, where: str, largest: int, *, by_line: bool
) -> Iterator[tuple[str, bytes]]:
    """Never more than one byte above the limit at a time; the rest of too long a line is passed over."""
    if not by_line:
        yield where, content.read(largest + 1)
        return
    number = 0
    while line := content.readline(largest + 1):
        number += 1
        whole = line.endswith(b"\n") or len(line) <= largest
        if line.strip():
            yield f"{where}:{number}", line.rstrip(b"\n") if whole else line
        while not whole:
            rest = content.readline(largest + 1)
            whole = rest.endswith(b"\n") or len(rest) <= largest


def _kind(content: Any) -> str:
    """Resource type and Bundle type only where they are plain words."""
    if not isinstance(content, dict):
        return "no resource"
    words = (content.get("resourceType"), content.get("type") if content.get("resourceType") == "Bundle" else None)
    return " of type ".join(word for word in words if isinstance(word, str) and word.isalpha()) or "no resource"
