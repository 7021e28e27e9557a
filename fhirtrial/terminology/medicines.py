"""What is known of a drug beyond its codes: products with strength and route, half-lives, prednisone equivalents.

Every number comes from a data file that names its source; an unknown number is None, never a default.
"""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from fhirtrial.terminology.products import Product, product, products_of
from fhirtrial.terminology.routes import RouteGroup, atc_route, route_group, routes, within

__all__ = [
    "Product",
    "RouteGroup",
    "atc_route",
    "half_life_hours",
    "prednisone_factor",
    "prednisone_factors",
    "product",
    "products_of",
    "route_group",
    "routes",
    "within",
]

_DATA = files("fhirtrial.terminology") / "data"


@cache
def _half_lives() -> dict[str, tuple[float, float]]:
    entries: dict[str, Any] = tomllib.loads((_DATA / "half_lives.toml").read_text(encoding="utf-8"))
    return {name: (float(entry["low"]), float(entry["high"])) for name, entry in entries.items()}


def half_life_hours(concept: str) -> tuple[float, float] | None:
    """The range of terminal elimination half-lives that the cited source states, in hours."""
    return _half_lives().get(concept)


@cache
def prednisone_factors() -> Mapping[str, float]:
    """Milligrams of prednisone that one milligram of each glucocorticoid equals, by mouth or vein."""
    text = (_DATA / "prednisone_equivalents.csv").read_text(encoding="utf-8")
    return {row["concept"]: 5 / float(row["mg_equal_to_prednisone_5mg"]) for row in csv.DictReader(text.splitlines())}


def prednisone_factor(concept: str) -> float | None:
    return prednisone_factors().get(concept)
