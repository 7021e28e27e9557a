"""Named texts and dates as parts of Parameters; an empty one is none, as FHIR has no empty strings."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from fhirtrial_mappings.artifacts.primitives import string

# http://hl7.org/fhir/R4/datatypes.html#dateTime
_DATE_TIME = re.compile(r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d))?)?)?")


def text(name: str, value: str) -> list[dict[str, Any]]:
    """FHIR has no control characters either; nearly all texts have none."""
    found = value if value.isprintable() and value == value.strip() else string(value)
    return [{"name": name, "valueString": found}] if found else []


def date(name: str, value: str) -> list[dict[str, Any]]:
    """What is no date of FHIR (an interval) stands as a text."""
    return [{"name": name, "valueDateTime": value}] if _is_date(value) else text(name, value)


@lru_cache(maxsize=1 << 14)
def _is_date(value: str) -> bool:
    return _DATE_TIME.fullmatch(value) is not None
