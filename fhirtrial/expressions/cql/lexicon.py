"""Terminology's words and codes for results and severities as keys and texts, for a library that holds them whole."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from fhirtrial.expressions.cql.names import key
from fhirtrial.terminology import qualitative, severity


class Entry(NamedTuple):
    """Keys of the codes, and whole texts in lower case, that say the same."""

    keys: tuple[str, ...]
    texts: tuple[str, ...]


@cache
def readings() -> Mapping[str, Entry]:
    """Qualitative results: what is positive, negative, equivocal, elevated, decreased, normal, abnormal."""
    return {reading: _entry(*said) for reading, said in qualitative.lexicon().items()}


@cache
def severities() -> Mapping[int, Entry]:
    """Mild 1, moderate 2, severe 3."""
    return {rank: _entry(*said) for rank, said in severity.lexicon().items()}


def _entry(codes: frozenset[tuple[str, str]], texts: frozenset[str]) -> Entry:
    return Entry(tuple(sorted(key(system, code) for system, code in codes)), tuple(sorted(texts)))
