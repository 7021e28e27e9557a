"""The file of what could not be sent: transaction Bundles as NDJSON, which `post` takes as input.

It holds what is unsent now: lines that a later run settles are taken out, and an empty file is removed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Set as AbstractSet
from pathlib import Path
from types import TracebackType
from typing import Self

import orjson

from fhirtrial.client.private_files import locked, replacing
from fhirtrial.client.transactions import Transaction, content_hash

IN_MEMORY = 1024 * 1024


class Unsent:
    """`keep` collects; `write` merges with what earlier runs left, older lines first."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._new: set[str] = set()
        self._draft = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115  # lives as long as this

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._draft.close()

    def keep(self, transaction: Transaction) -> None:
        if transaction.id not in self._new:
            self._new.add(transaction.id)
            self._draft.write(orjson.dumps(transaction.bundle, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE))

    def write(self, settled: AbstractSet[str]) -> None:
        """`settled` names, by hash of content, what has arrived or was refused in this run."""
        if not self._new and not (settled and self.path.is_file() and self.path.stat().st_size):
            return
        with locked(self.path, wait=True), self.path.open("rb") as before, replacing(self.path) as after:
            for line in before:
                if line.strip() and name_of(line) not in settled | self._new:
                    after.write(line.rstrip(b"\n") + b"\n")
            self._draft.seek(0)
            after.writelines(self._draft)
            empty = after.tell() == 0
        if empty:
            self._remove_if_empty()

    def _remove_if_empty(self) -> None:
        with locked(self.path, wait=True):
            if self.path.stat().st_size == 0:
                self.path.unlink()


def name_of(line: bytes) -> str | None:
    """None for a line that is no JSON: it is kept as it is, for a person to look at."""
    try:
        return content_hash(orjson.loads(line))
    except orjson.JSONDecodeError:
        return None
