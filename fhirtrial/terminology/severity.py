"""How severe a recorded severity is: mild 1, moderate 2, severe 3; 0 where the record does not say."""

from __future__ import annotations

import tomllib
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


def severity_rank(codings: frozenset[tuple[str, str]], text: str) -> int:
    """The rank of a Condition.severity, by code, else by its whole text."""
    codes, texts = _table()
    ranks = [codes[key] for key in ((canonical(s), c) for s, c in codings) if key in codes]
    return max(ranks) if ranks else texts.get(text.strip().lower(), 0)
