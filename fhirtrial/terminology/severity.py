"""How severe a recorded severity is: mild 1, moderate 2, severe 3; 0 where the record does not say."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any

from fhirtrial.terminology.systems import canonical


@cache
def _table() -> tuple[dict[tuple[str, str], int], dict[str, int]]:
    path = files("fhirtrial.terminology") / "data" / "severity.toml"
    entries: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    codes = {(canonical("snomed"), code): e["rank"] for e in entries.values() for code in e["snomed"]}
    return codes, {text: e["rank"] for e in entries.values() for text in e["texts"]}


def lexicon() -> dict[int, tuple[frozenset[tuple[str, str]], frozenset[str]]]:
    """For each rank the codes, as (system URI, code), and the whole texts in lower case that say it."""
    codes, texts = _table()
    return {
        rank: (
            frozenset(key for key, said in codes.items() if said == rank),
            frozenset(text for text, said in texts.items() if said == rank),
        )
        for rank in sorted({*codes.values(), *texts.values()})
    }


def severity_rank(codings: Iterable[tuple[str, str]], words: Iterable[str]) -> int:
    """The rank of a Condition.severity, by code, else by one of its texts."""
    codes, texts = _table()
    ranks = [codes[key] for key in ((canonical(s), c) for s, c in codings) if key in codes]
    ranks = ranks or [texts[word.strip().lower()] for word in words if word.strip().lower() in texts]
    return max(ranks, default=0)
