"""Reads the concept files, which people write; a file out of shape is an error that names file and concept.

A `codes` block is one code a line: system, code, `(B)` if that is its grade, display. Only `generate` and tests read.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from importlib.resources.abc import Traversable
from typing import Any

from fhirtrial.errors import ConfigError
from fhirtrial.terminology.load import BLOCKS, DATA, LISTS, PLAIN
from fhirtrial.terminology.spelling import other_spellings
from fhirtrial.terminology.systems import URIS

# One file a domain (`conditions-heart.toml` is one of conditions); the domain is the kind of its concepts.
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
# For the table generator and for readers.
_UNREAD = ("named", "source")
_SAME = (*PLAIN, "narrower", "members", "coarse_members", "complete", "routes", "ordinals")
_KEYS = frozenset((*_SAME, *LISTS, *BLOCKS, *_UNREAD))


def concept_files() -> list[Traversable]:
    return sorted((p for p in (DATA / "concepts").iterdir() if p.name.endswith(".toml")), key=lambda p: p.name)


def written() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """File, name and entry of every concept as written."""
    seen: dict[str, str] = {}
    for path in concept_files():
        for name, entry in tomllib.loads(path.read_text(encoding="utf-8")).items():
            if name in seen:
                where = f"{path.name}: {name}"
                raise ConfigError(where, f"defined in {seen[name]} too", "keep one of the two")
            seen[name] = path.name
            yield path.name, name, entry


def entries() -> dict[str, dict[str, Any]]:
    """Every concept's entry as `load` wants it: checked, codes split, other spellings among the synonyms."""
    return {name: _entry(f"{file}: {name}", _kind(file), entry) for file, name, entry in written()}


def named_rules() -> dict[str, dict[str, str]]:
    return {name: entry["named"] for _, name, entry in written() if "named" in entry}


def _kind(file: str) -> str:
    domain = file.removesuffix(".toml").partition("-")[0]
    if domain not in KINDS:
        raise ConfigError(file, f"no such domain {domain!r}", f"name the file after one of {sorted(KINDS)}")
    return KINDS[domain]


def _entry(where: str, kind: str, entry: dict[str, Any]) -> dict[str, Any]:
    if unknown := entry.keys() - _KEYS:
        raise ConfigError(where, f"unknown keys {sorted(unknown)}", f"use only {sorted(_KEYS)}")
    if "label" not in entry:
        raise ConfigError(where, "no label", "give the concept its plain name")
    names = [entry["label"], *entry.get("synonyms", ())]
    narrow = [name for name in entry.get("narrower", ()) if name not in names]
    less = [*narrow, *(name for name in other_spellings(narrow) if name not in names)]
    if synonyms := [*names[1:], *other_spellings(names), *less]:
        entry = {**entry, "synonyms": list(dict.fromkeys(synonyms)), **({"narrower": less} if less else {})}
    kept = {key: entry[key] for key in (*_SAME, "synonyms") if key in entry}
    return {"kind": kind, **kept, **{key: read_codes(where, entry[key]) for key in BLOCKS if key in entry}}


def read_codes(where: str, block: str) -> list[list[str]]:
    return [_code(where, line) for line in block.splitlines() if line.strip()]


def _code(where: str, line: str) -> list[str]:
    parts = line.split(None, 2)
    if len(parts) != 3 or parts[0] not in URIS:
        raise ConfigError(
            where, f"code line {line.strip()!r}", f"write: system code display, system one of {list(URIS)}"
        )
    system, code, display = parts
    own = display.removeprefix("(B) ").strip()
    return [system, code, own, "B"] if display.startswith("(B) ") else [system, code, own]
