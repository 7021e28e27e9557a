"""A trial's results in a folder, as transaction Bundles that grow on the disk and not in memory.

`<trial>.bundle.json`, and from `MOST_ENTRIES` on `<trial>.2.bundle.json` and so forth; each can be posted by itself.
What is not finished ends in `.part`, and nothing reads it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import orjson

from fhirtrial.errors import ConfigError
from fhirtrial.job.publish import entry
from fhirtrial.plugins import Draft, Resource

MOST_ENTRIES = 1000
HEAD = b'{\n  "resourceType": "Bundle",\n  "type": "transaction",\n  "entry": [\n    '
BETWEEN = b",\n    "
TAIL = b"\n  ]\n}\n"


class Growing:
    """One trial's Bundles; patients are in them, so that their owner alone can read them."""

    def __init__(self, folder: Path, name: str, base: str) -> None:
        self._folder, self._name, self._base = folder, name, base
        self._number = 0
        self._inside: set[tuple[str, str]] = set()

    def add(self, drafts: Sequence[Draft], *, together: bool = False) -> None:
        """Drafts that belong in one Bundle; with `together` in the one that is open."""
        if not drafts:
            return
        if not self._number or (not together and self._inside and len(self._inside) + len(drafts) > MOST_ENTRIES):
            self._next()
        with _writing(self._part), self._open(os.O_APPEND) as file:
            for draft in drafts:
                if draft.identity not in self._inside:
                    file.write(BETWEEN if self._inside else HEAD)
                    file.write(_indented(entry(draft, self._base)))
                    self._inside.add(draft.identity)

    def finish(self) -> list[Path]:
        """The Bundles, under their names; those of an earlier, longer run are gone."""
        if self._number:
            self._close()
        written = [self._path(number) for number in range(1, self._number + 1)]
        number = self._number + 1
        while self._path(number).exists():
            self._path(number).unlink()
            number += 1
        return written

    def _next(self) -> None:
        if self._number:
            self._close()
        self._number += 1
        self._inside = set()
        with _writing(self._part):
            self._folder.mkdir(parents=True, exist_ok=True)
            self._open(os.O_TRUNC).close()

    def _close(self) -> None:
        with _writing(self._part):
            with self._open(os.O_APPEND) as file:
                file.write(TAIL)
            self._part.replace(self._path(self._number))

    def _open(self, flag: int) -> BinaryIO:
        return os.fdopen(os.open(self._part, os.O_WRONLY | os.O_CREAT | flag, 0o600), "wb")

    def _path(self, number: int) -> Path:
        return self._folder / f"{self._name}{'' if number == 1 else f'.{number}'}.bundle.json"

    @property
    def _part(self) -> Path:
        return self._path(self._number).with_suffix(".part")


def write_json(path: Path, content: Resource) -> Path:
    with _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    return path


def _indented(found: Resource) -> bytes:
    return orjson.dumps(found, option=orjson.OPT_INDENT_2).replace(b"\n", b"\n    ")


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        todo = "name a folder you can write to, with room on its disk"
        raise ConfigError(str(path), f"cannot be written ({error.strerror})", todo) from error
