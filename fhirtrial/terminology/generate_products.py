"""RxNorm product names → ingredient concepts, strength and route group; only what a name states is taken from it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from fhirtrial.terminology.concepts import Concept
from fhirtrial.terminology.index import SUBSTANCES
from fhirtrial.terminology.systems import URIS

_PREFIX = re.compile(r"^(?:\d[\d.]* (?:ML|HR|ACTUAT|MG|UNT|DAY) )+")
_STRENGTH = re.compile(r"(\d[\d.]*) (MG|MCG|G|UNT|MEQ|MMOL)(?:/(ML|MG|HR|ACTUAT))?(?= |$)")
_PACK = "{"
_UCUM = {"MG": "mg", "MCG": "ug", "G": "g", "UNT": "[IU]", "MEQ": "meq", "MMOL": "mmol", "ML": "mL", "HR": "h"}


def product_rows(
    concepts: Iterable[Concept],
    products: Iterable[Mapping[str, str]],
    ingredients: Iterable[Mapping[str, str]],
    codes: Iterable[Mapping[str, str]],
    routes: Mapping[str, Mapping[str, Any]],
) -> list[list[str]]:
    owner = _owners(concepts)
    names: dict[str, str] = {}
    found: dict[str, set[str]] = {}
    for row in products:
        if row["ingredient_rxcui"] in owner:
            names[row["code"]] = row["display"]
            found.setdefault(row["code"], set()).update(owner[row["ingredient_rxcui"]])
    named = {row["code"]: row["display"] for row in (*codes, *ingredients)}
    # Salts, biosimilars and mixtures have codes of their own; products the table misses are known by name.
    stems = {named[code].lower(): own for code, own in owner.items() if code in named}
    for code, display in named.items():
        if code in owner or code in found:
            continue
        own = {name for part in _parts(display) for stem in _stems(part) for name in stems.get(stem, ())}
        if own:
            names[code] = display
            found[code] = own
    return [
        [code, "|".join(sorted(found[code])), *_strength(names[code]), _route(names[code], routes), names[code]]
        for code in sorted(names, key=int)
    ]


def _owners(concepts: Iterable[Concept]) -> dict[str, set[str]]:
    """Ingredient code → the concepts that hold it; a class leaves to its members what they hold themselves."""
    substances = {c.name: c for c in concepts if c.kind in SUBSTANCES}
    holds = {name: {code.code for code in c.codes if code.system == URIS["rxnorm"]} for name, c in substances.items()}
    owner: dict[str, set[str]] = {}
    for name, codes in holds.items():
        for code in codes.difference(*(holds[member] for member in _below(substances, name))):
            owner.setdefault(code, set()).add(name)
    return owner


def _below(substances: Mapping[str, Concept], name: str) -> set[str]:
    return {n for member in substances[name].members for n in (member, *_below(substances, member))}


def _parts(display: str) -> list[str]:
    return [_PREFIX.sub("", part).lower() for part in display.strip("{} ").split(" / ")]


def _stems(part: str) -> list[str]:
    """The names that the part may begin with: itself, and all that ends before a space or a hyphen."""
    return [part, *(part[:end] for end, letter in enumerate(part) if letter in " -")]


def _strength(display: str) -> list[str]:
    name = _PREFIX.sub("", display)
    stated = _STRENGTH.findall(name)
    if display.startswith(_PACK) or " / " in name or len(stated) != 1:
        return ["", ""]
    value, unit, per = stated[0]
    below = {"": "", "MG": "/mg", "ACTUAT": ""}.get(per, f"/{_UCUM.get(per, '')}")
    return [f"{float(value):.12g}", _UCUM[unit] + below]


def _route(display: str, routes: Mapping[str, Mapping[str, Any]]) -> str:
    form = display.split(" [", maxsplit=1)[0]
    return next((name for name, group in routes.items() if any(word in form for word in group.get("forms", ()))), "")
