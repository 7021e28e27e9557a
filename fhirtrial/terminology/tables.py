"""The generated tables (see `generate`), each read when first asked for."""

from __future__ import annotations

import gzip
from bisect import bisect_left
from functools import cache
from importlib.resources import files

from fhirtrial.terminology.concepts import Code
from fhirtrial.terminology.systems import URIS

_DATA = files("fhirtrial.terminology") / "data"
_LAST = "~"  # sorts behind every character of a code


def lines(name: str) -> list[str]:
    """The lines of a tab-separated table, gzipped or not, below its head line."""
    content = (_DATA / name).read_bytes()
    text = gzip.decompress(content) if name.endswith(".gz") else content
    return text.decode().split("\n")[1:-1]


def rows(name: str) -> list[list[str]]:
    return [line.split("\t") for line in lines(name)]


@cache
def named() -> dict[str, tuple[Code, ...]]:
    """SNOMED CT codes that a concept's `named` rule found in openly licensed tables."""
    found: dict[str, list[Code]] = {}
    for name, code, display in rows("snomed_named.tsv"):
        found.setdefault(name, []).append(Code(URIS["snomed"], code, display))
    return {name: tuple(codes) for name, codes in found.items()}


@cache
def _icd10cm(name: str) -> tuple[list[str], list[str]]:
    """The codes below declared ones in their comparable form, sorted, and their lines beside them."""
    found = sorted((line.split("\t", 1)[0].replace(".", ""), line) for line in lines(name))
    return [code for code, _ in found], [line for _, line in found]


def descendants(low: str, high: str, *, deep: bool = False) -> list[Code]:
    """ICD-10-CM codes from one comparable code to another, each with all that is below it.

    `deep` looks among the codes that only derived concepts declare, too.
    """
    found: list[Code] = []
    for name in ("icd10cm.tsv.gz", "icd10cm_derived.tsv.gz")[: 2 if deep else 1]:
        codes, entries = _icd10cm(name)
        below = entries[bisect_left(codes, low) : bisect_left(codes, high + _LAST)]
        found += [Code(URIS["icd10cm"], *line.split("\t")) for line in below]
    return found
