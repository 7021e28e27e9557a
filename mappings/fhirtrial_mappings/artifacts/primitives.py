"""Text and dates of a record as FHIR primitives; what is no such primitive is left out, never bent into one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from fhirtrial.plugins import Resource

_DATE = re.compile(r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?")
_SPACES = re.compile(r"[^\S\r\n\t ]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")


def string(text: str | None) -> str | None:
    """Text without characters that FHIR forbids; None for nothing."""
    return _CONTROL.sub("", _SPACES.sub(" ", text or "")).strip() or None


def date(text: str | None) -> str | None:
    """A FHIR date of any precision."""
    return text if text and _DATE.fullmatch(text) else None


def uri(text: str | None) -> str | None:
    url = (text or "").strip()
    return url if url and not re.search(r"\s", url) else None


def text(words: str | None) -> Resource | None:
    """A CodeableConcept of words alone."""
    found = string(words)
    return {"text": found} if found else None


def coded(system: str, code: str | None, words: str | None = None) -> Resource | None:
    """A CodeableConcept; without a code, of words alone."""
    if code is None:
        return text(words)
    return filled({"coding": [{"system": system, "code": code}], "text": string(words)})


def period(start: str | None, end: str | None) -> Resource | None:
    """A Period whose order is decided: two precisions are cut to the coarser; an end before its start is no period."""
    start, end = date(start), date(end)
    if start and end and (length := min(len(start), len(end))) and start[:length] >= end[:length]:
        if start[:length] > end[:length]:
            return None
        start, end = start[:length], end[:length]
    return filled({"start": start, "end": end}) or None


def filled(element: Resource) -> Resource:
    """The element without empty children, which FHIR JSON does not have."""
    return {key: value for key, value in element.items() if value not in (None, "", [], {}, ())}


def present(values: Iterable[Any]) -> list[Any]:
    return [v for v in values if v not in (None, "", [], {})]
