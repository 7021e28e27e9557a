"""Loads the shipped terminology, once, from the file that `generate` makes of the concept files.

`derived` stands behind it. Nothing is judged here: `source` reads and checks what people write, and a test holds
the two equal.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import orjson

from fhirtrial.terminology.concepts import Code, Concept
from fhirtrial.terminology.derived import Library
from fhirtrial.terminology.lookup import Terminology
from fhirtrial.terminology.systems import URIS, canonical

DATA = files("fhirtrial.terminology") / "data"
FILE = "concepts.json"
LISTS = ("synonyms", "members", "coarse_members")
BLOCKS = ("codes", "coarse", "history", "denials")
PLAIN = ("label", "open", "sensitive", "recency", "unit", "molar_mass", "note")


@cache
def load() -> Terminology:
    """The shipped terminology; read when first asked for, then shared, as it never changes."""
    entries: dict[str, dict[str, Any]] = orjson.loads((DATA / FILE).read_bytes())
    return Terminology(Library({name: concept(name, entry) for name, entry in entries.items()}))


def concept(name: str, entry: dict[str, Any]) -> Concept:
    """A concept from its entry: keys as in the concept files, `kind` beside them, codes as lists."""
    fields: dict[str, Any] = {key: entry[key] for key in PLAIN if key in entry}
    fields |= {key: tuple(entry[key]) for key in LISTS if key in entry}
    fields |= {
        key: tuple([Code(URIS[system], *rest) for system, *rest in entry[key]]) for key in BLOCKS if key in entry
    }
    return Concept(
        name=name,
        kind=entry["kind"],
        complete=frozenset([URIS[key] for key in entry.get("complete", ())]),
        narrower=frozenset(entry.get("narrower", ())),
        routes=frozenset(entry.get("routes", ())),
        ordinals={_answer(key): rank for key, rank in entry.get("ordinals", {}).items()},
        **fields,
    )


def _answer(key: str) -> tuple[str, str] | str:
    system, _, code = key.partition("|")
    return (canonical(system), code) if code else key.lower()
