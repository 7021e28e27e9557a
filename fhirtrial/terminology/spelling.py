"""The other spellings of a name: American and British, with and without the possessive s, irregular plurals.

Rules are data (`spelling.toml`); applied when the concepts are generated, so that nothing is spelled at run time.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection
from functools import cache
from importlib.resources import files

from fhirtrial.terminology.names import is_abbreviation

_POSSESSIVE = re.compile(r"['’]s\b")


@cache
def _rules() -> tuple[list[tuple[str, str, bool]], dict[str, str]]:
    path = files("fhirtrial.terminology") / "data" / "spelling.toml"
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    return [(a.removeprefix("^"), b, a.startswith("^")) for a, b in table["parts"]], table["plurals"]


def american(name: str) -> str:
    for us, gb, start in _rules()[0]:
        name = _replace(name, gb, us, start=start)
    return name


def british(name: str) -> str:
    name = american(name)
    for us, gb, start in _rules()[0]:
        # A part that another rule has spelled already is left alone: `anaemia` holds `emia`.
        if gb not in name.lower():
            name = _replace(name, us, gb, start=start)
    return name


def other_spellings(names: Collection[str]) -> tuple[str, ...]:
    """Spellings of the names that are not among them, in the order of the names; abbreviations have none."""
    known = {name.lower() for name in names}
    found: dict[str, str] = {}
    for name in names:
        if is_abbreviation(name):
            continue
        bare = [name, *(_POSSESSIVE.sub(s, name) for s in ("", "s"))] if _POSSESSIVE.search(name) else [name]
        for spelled in (way for text in bare for way in (text, american(text), british(text))):
            for form in (spelled, _plural(spelled)):
                if form and form.lower() not in known:
                    found.setdefault(form.lower(), form)
    return tuple(found.values())


def _plural(name: str) -> str:
    head, gap, last = name.rpartition(" ")
    plural = _rules()[1].get(last.lower())
    return f"{head}{gap}{plural}" if plural and plural != f"{last.lower()}s" else ""


def _replace(name: str, old: str, new: str, *, start: bool) -> str:
    if old not in name.lower():
        return name
    before = r"(?<![^\W_])" if start else ""
    return re.sub(before + old, lambda m: new.capitalize() if m[0][0].isupper() else new, name, flags=re.IGNORECASE)
