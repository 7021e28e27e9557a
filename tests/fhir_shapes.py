"""What `fhir.resources` says against resources; the same content is judged once in a process."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import import_module

import orjson
from pydantic import ValidationError

from fhirtrial.plugins import Resource

__all__ = ["faults"]

MODELS = {"R4": "fhir.resources.R4B", "R5": "fhir.resources"}


def faults(resources: Iterable[Resource], fhir: str = "R4") -> dict[str, str]:
    """By type and id, of those alone that do not have the shape of their type, entries and contained ones too."""
    told = {f"{r['resourceType']}/{r.get('id')}": _fault(r["resourceType"], orjson.dumps(r), fhir) for r in resources}
    return {name: fault for name, fault in told.items() if fault}


@cache
def _fault(kind: str, content: bytes, fhir: str) -> str:
    model = getattr(import_module(f"{MODELS[fhir]}.{kind.lower()}"), kind)
    try:
        model.model_validate(orjson.loads(content))
    except ValidationError as error:
        return str(error)
    return ""
