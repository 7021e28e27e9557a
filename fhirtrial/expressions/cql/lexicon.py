"""Terminology's tables of words and codes as lists, for a library that holds them whole; the files are the source."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from fhirtrial.terminology.systems import URIS


class Entry(NamedTuple):
    """Keys of the codes, and whole texts in lower case, that say the same."""

    keys: tuple[str, ...]
    texts: tuple[str, ...]


@cache
def readings() -> Mapping[str, Entry]:
    """Qualitative results: what is positive, negative, equivocal, elevated, decreased, normal, abnormal."""
    return {reading: _entry(entry) for reading, entry in _table("qualitative.toml").items()}


@cache
def severities() -> Mapping[str, Entry]:
    return {severity: _entry(entry) for severity, entry in _table("severity.toml").items()}


def _entry(entry: Mapping[str, Any]) -> Entry:
    keys = [f"{URIS[s]}|{code}" for s in ("interpretation", "snomed", "loinc") for code in entry.get(s, ())]
    return Entry(tuple(keys), tuple(entry["texts"]))


def _table(name: str) -> dict[str, Any]:
    return tomllib.loads((files("fhirtrial.terminology") / "data" / name).read_text(encoding="utf-8"))
