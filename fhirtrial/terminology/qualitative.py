"""Qualitative results through a closed lexicon of codes and whole texts; what it does not hold is undecided."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args

from fhirtrial.terminology.systems import URIS, canonical

Reading = Literal["positive", "negative", "equivocal", "elevated", "decreased", "normal", "abnormal"]

# A general reading beside a particular one of the same tenor adds nothing to it.
_IMPLIED: dict[Reading, frozenset[Reading]] = {
    "positive": frozenset(("abnormal", "elevated")),
    "elevated": frozenset(("abnormal",)),
    "decreased": frozenset(("abnormal",)),
    "negative": frozenset(("normal",)),
}
# What says yes and what says no to each question. A number above its own cut-off is a positive antibody, and so on.
SAYS = {
    "positive": ({"positive", "elevated"}, {"negative", "normal"}),
    "negative": ({"negative", "normal"}, {"positive", "elevated"}),
    "elevated": ({"elevated"}, {"normal", "decreased"}),
    "decreased": ({"decreased"}, {"normal", "elevated"}),
    "normal": ({"normal"}, {"abnormal", "elevated", "decreased"}),
    "abnormal": ({"abnormal", "elevated", "decreased"}, {"normal"}),
}


@cache
def _lexicon() -> tuple[dict[tuple[str, str], Reading], dict[str, Reading]]:
    path = files("fhirtrial.terminology") / "data" / "qualitative.toml"
    entries: dict[str, dict[str, Any]] = tomllib.loads(path.read_text(encoding="utf-8"))
    codes: dict[tuple[str, str], Reading] = {}
    texts: dict[str, Reading] = {}
    for reading in get_args(Reading):
        entry = entries[reading]
        texts |= dict.fromkeys(entry["texts"], reading)
        codes |= {
            (URIS[key], code): reading for key in ("interpretation", "snomed", "loinc") for code in entry.get(key, ())
        }
    return codes, texts


def lexicon() -> dict[Reading, tuple[frozenset[tuple[str, str]], frozenset[str]]]:
    """For each reading the codes, as (system URI, code), and the whole texts in lower case that say it."""
    by_code, by_text = _lexicon()
    return {
        reading: (
            frozenset(key for key, said in by_code.items() if said == reading),
            frozenset(text for text, said in by_text.items() if said == reading),
        )
        for reading in get_args(Reading)
    }


def read(codes: Iterable[tuple[str, str]], text: str | None) -> Reading | None:
    """What coded values say, else what the text says; codes that contradict one another are equivocal."""
    by_code, by_text = _lexicon()
    found = {by_code[key] for system, code in codes if (key := (canonical(system), code.strip())) in by_code}
    if not found:
        return by_text.get(" ".join((text or "").lower().split()))
    for reading, implied in _IMPLIED.items():
        if reading in found:
            found -= implied
    return found.pop() if len(found) == 1 else "equivocal"
