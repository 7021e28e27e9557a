"""RxNorm products, read from their table line by line as they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

from fhirtrial.terminology.concepts import Code
from fhirtrial.terminology.systems import URIS
from fhirtrial.terminology.tables import lines


@dataclass(frozen=True, slots=True)
class Product:
    """A drug name: `strength` per dose unit or volume, None for mixtures and packs; `route` "" where unstated."""

    code: Code
    ingredients: tuple[str, ...]
    strength: tuple[float, str] | None
    route: str


@cache
def _table() -> tuple[dict[str, str], dict[str, list[str]]]:
    """Each code's line, and the codes of each ingredient concept."""
    table: dict[str, str] = {}
    containing: dict[str, list[str]] = {}
    for line in lines("products.tsv.gz"):
        code, ingredients, _ = line.split("\t", 2)
        table[code] = line
        for name in ingredients.split("|"):
            containing.setdefault(name, []).append(code)
    return table, containing


@lru_cache(maxsize=8192)
def product(code: str) -> Product | None:
    """The product of an RxNorm code."""
    line = _table()[0].get(code.strip())
    if line is None:
        return None
    code, ingredients, value, unit, route, display = line.split("\t")
    strength = (float(value), unit) if value else None
    return Product(Code(URIS["rxnorm"], code, display), tuple(ingredients.split("|")), strength, route)


def products_of(name: str) -> tuple[Product, ...]:
    """The products that contain the drug of a concept."""
    found = (product(code) for code in _table()[1].get(name, ()))
    return tuple(entry for entry in found if entry is not None)
