"""Reads the concept files into one Terminology, once; a file out of shape is an error that names file and concept.

A `codes` block is one code a line: system, code, `(B)` if that is its grade, display.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from fhirtrial.errors import ConfigError
from fhirtrial.terminology.concepts import Code, Concept
from fhirtrial.terminology.lookup import Terminology
from fhirtrial.terminology.systems import URIS, canonical

DATA = files("fhirtrial.terminology") / "data"
# One file a domain; the domain is the kind of its concepts.
KINDS = {
    "allergens": "allergen",
    "conditions": "condition",
    "imaging": "imaging",
    "labs": "lab",
    "medications": "medication",
    "procedures": "procedure",
    "scores": "score",
    "vaccines": "vaccine",
    "vitals": "vital",
}
_LISTS = ("synonyms", "members", "coarse_members")
_BLOCKS = ("codes", "coarse", "history", "denials")
_PLAIN = ("label", "sensitive", "recency", "unit", "molar_mass", "note")
# For the table generator and for readers.
_UNREAD = ("named", "source")
_KEYS = frozenset((*_LISTS, *_BLOCKS, *_PLAIN, *_UNREAD, "complete", "routes", "ordinals"))


@cache
def load() -> Terminology:
    """The shipped terminology; read when first asked for, then shared, as it never changes."""
    return Terminology(dict(read_concepts()))


def read_concepts() -> Iterator[tuple[str, Concept]]:
    seen: dict[str, str] = {}
    for path in concept_files():
        for name, entry in tomllib.loads(path.read_text(encoding="utf-8")).items():
            where = f"{path.name}: {name}"
            if name in seen:
                raise ConfigError(where, f"defined in {seen[name]} too", "keep one of the two")
            seen[name] = path.name
            yield name, _concept(where, name, KINDS[path.name.split(".")[0].split("-")[0]], entry)


def concept_files() -> list[Traversable]:
    return sorted((p for p in (DATA / "concepts").iterdir() if p.name.endswith(".toml")), key=lambda p: p.name)


def _concept(where: str, name: str, kind: str, entry: dict[str, Any]) -> Concept:
    if unknown := entry.keys() - _KEYS:
        raise ConfigError(where, f"unknown keys {sorted(unknown)}", f"use only {sorted(_KEYS)}")
    if "label" not in entry:
        raise ConfigError(where, "no label", "give the concept its plain name")
    fields: dict[str, Any] = {key: entry[key] for key in _PLAIN if key in entry}
    fields |= {key: tuple(entry[key]) for key in _LISTS if key in entry}
    fields |= {key: read_codes(where, entry[key]) for key in _BLOCKS if key in entry}
    return Concept(
        name=name,
        kind=kind,
        complete=frozenset(URIS[key] for key in entry.get("complete", ())),
        routes=frozenset(entry.get("routes", ())),
        ordinals={_answer(key): rank for key, rank in entry.get("ordinals", {}).items()},
        **fields,
    )


def read_codes(where: str, block: str) -> tuple[Code, ...]:
    return tuple(_code(where, line) for line in block.splitlines() if line.strip())


def _code(where: str, line: str) -> Code:
    parts = line.split(None, 2)
    if len(parts) != 3 or parts[0] not in URIS:
        raise ConfigError(
            where, f"code line {line.strip()!r}", f"write: system code display, system one of {list(URIS)}"
        )
    key, code, display = parts
    grade = "B" if display.startswith("(B) ") else "A"
    return Code(URIS[key], code, display.removeprefix("(B) ").strip(), grade)


def _answer(key: str) -> tuple[str, str] | str:
    system, _, code = key.partition("|")
    return (canonical(system), code) if code else key.lower()
