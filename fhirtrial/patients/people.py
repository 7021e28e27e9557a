"""The Patient resources of a source as they stand, for a caller who wants them written to the server, too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from fhirtrial.patients.document import Limits
from fhirtrial.patients.sources import files_in, pieces_of_file

_DEFAULT = Limits()


def patient_resources(source: Path | str, limits: Limits = _DEFAULT) -> Iterator[dict[str, Any]]:
    """Each Patient once, the first one with its id; what cannot be read is reported where facts are read."""
    seen: set[str] = set()
    for file in files_in(Path(source)):
        for piece in pieces_of_file(file, limits):
            if piece.error is not None:
                continue
            for resource in _resources(piece.data):
                if resource.get("resourceType") == "Patient" and resource.get("id") not in seen | {None}:
                    seen.add(resource["id"])
                    yield resource


def _resources(data: bytes) -> list[dict[str, Any]]:
    try:
        content = orjson.loads(data)
    except orjson.JSONDecodeError:
        return []
    if not isinstance(content, dict):
        return []
    if content.get("resourceType") != "Bundle":
        return [content]
    entries = content.get("entry")
    found = (e.get("resource") for e in entries if isinstance(e, dict)) if isinstance(entries, list) else ()
    return [r for r in found if isinstance(r, dict)]
