"""The dead-letter file: one NDJSON line per entry that the server refused, with the server's own words.

Only here do diagnostics go, since they may quote a patient's data; the file is 0600.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from fhirtrial.client.private_files import append, drop_torn_line, is_torn, locked
from fhirtrial.client.transactions import content_hash
from fhirtrial.errors import InputError

BEGINNING = b'{"id":"'


class DeadLetters:
    """An entry of the same content stands in the file once, however often it was tried."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.used = False
        self._known: set[str] | None = None

    def bury(self, identity: str, body: Any, status: int, outcome: Mapping[str, Any]) -> None:
        """Returns once the entry is on the disk."""
        self.used = True
        name = content_hash([identity, body])
        with locked(self.path, wait=True) as file:
            if self._known is None:
                self._known = known_ids(self.path)
                drop_torn_line(file)
            if name in self._known:
                return
            letter = {"id": name, "identity": identity, "status": status, "outcome": outcome, "entry": body}
            append(file, orjson.dumps(letter, option=orjson.OPT_APPEND_NEWLINE))
        self._known.add(name)


def known_ids(path: Path) -> set[str]:
    """The ids of whole lines. A torn last line was never relied on; a file with any other line is somebody else's."""
    found = set[str]()
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                found.add(orjson.loads(line)["id"])
            except (orjson.JSONDecodeError, KeyError, TypeError) as error:
                if not is_torn(line, BEGINNING):
                    got = f"line {number} is no dead letter"
                    raise InputError(str(path), got, "name another dead-letter file") from error
    return found
