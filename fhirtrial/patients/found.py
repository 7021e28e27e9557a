"""One document skimmed: its resources with their places; a document that cannot be skimmed is UnusualError."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from fhirtrial.patients import resources as r4
from fhirtrial.patients.completeness import answers
from fhirtrial.patients.document import Document
from fhirtrial.patients.salvage import UNREADABLE
from fhirtrial.patients.skim import BUNDLE, RESOURCES


class UnusualError(Exception):
    """The document is for the careful reader."""


class Found(NamedTuple):
    """The resources of one document, their URLs, and where each stands; `included`: a search only included it."""

    resources: Sequence[Any]
    urls: Sequence[str]
    place: Callable[[int], tuple[str, str]]
    included: Callable[[int], bool] | None = None


def of_bundle(data: bytes, document: Document) -> Found:
    """What a Bundle holds; what it says of itself goes to `document`."""
    try:
        bundle = BUNDLE.decode(data)
    except UNREADABLE:
        raise UnusualError from None
    entries = bundle.entry
    searched = any([entry.search is not None for entry in entries])  # noqa: C419 - quicker than a generator
    values = {name: getattr(bundle, name) for name in bundle.__struct_fields__ if name != "entry"}
    whole = r4.Bundle(**values)
    if bundle.type == "searchset":
        whole.entry = tuple(r4.Entry(search=entry.search) for entry in entries)
    document.head(whole, document.name, "")
    if bundle.type == "history" or document.doubtful or document.problems:
        raise UnusualError

    def included(i: int) -> bool:
        search = entries[i].search
        return (
            search is not None and search.mode == "include" and not answers(whole, type(entries[i].resource).__name__)
        )

    return Found(
        [entry.resource for entry in entries],
        [entry.full_url for entry in entries],
        lambda i: (document.name, f"entry[{i}].resource"),
        included if searched else None,
    )


def of_lines(lines: Sequence[bytes], places: Sequence[str]) -> Found:
    """Single resources that belong together."""
    try:
        resources = RESOURCES.decode(b"[" + b",".join(lines) + b"]")
    except UNREADABLE:
        raise UnusualError from None
    if len(resources) != len(lines):
        raise UnusualError
    return Found(resources, [""] * len(lines), lambda i: (places[i], ""))
