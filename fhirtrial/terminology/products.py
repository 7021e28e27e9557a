"""RxNorm products, read from their table line by line as they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

from fhirtrial.terminology.concepts import Code
from fhirtrial.terminology.systems import URIS
from fhirtrial.terminology.tables import lines

# Products of written drugs; and those of derived ones, mixtures of both among them.
_WRITTEN, _DERIVED = "products.tsv.gz", "products_derived.tsv.gz"


@dataclass(frozen=True, slots=True)
class Product:
    """A drug name: `strength` per dose unit or volume, None for mixtures and packs; `route` "" where unstated."""

    code: Code
    ingredients: tuple[str, ...]
    strength: tuple[float, str] | None
    route: str


@cache
def _table(name: str) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Each code's line, and the codes of each ingredient concept."""
    table: dict[str, str] = {}
    containing: dict[str, list[str]] = {}
    for line in lines(name):
        code, ingredients, _ = line.split("\t", 2)
        table[code] = line
        for ingredient in ingredients.split("|"):
            containing.setdefault(ingredient, []).append(code)
    return table, containing


@lru_cache(maxsize=8192)
def product(code: str) -> Product | None:
    """The product of an RxNorm code."""
    code = code.strip()
    line = _table(_WRITTEN)[0].get(code) or _table(_DERIVED)[0].get(code)
    return None if line is None else _product(line)


def _product(line: str) -> Product:
    code, ingredients, value, unit, route, display = line.split("\t")
    strength = (float(value), unit) if value else None
    return Product(Code(URIS["rxnorm"], code, display), tuple(ingredients.split("|")), strength, route)


def products_of(name: str, *, derived: bool = False) -> tuple[Product, ...]:
    """The products that contain the drug of a concept, of a derived one if so."""
    table, containing = _table(_DERIVED if derived else _WRITTEN)
    return tuple(_product(table[code]) for code in containing.get(name, ()))
