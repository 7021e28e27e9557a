"""The three files of derived concepts: the concepts, and the products and ICD-10-CM codes that only they need."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fhirtrial.terminology.concepts import Code, Concept
from fhirtrial.terminology.derive import derived_rows
from fhirtrial.terminology.derive_drugs import brands, ingredients, words_of
from fhirtrial.terminology.derive_ideas import Idea, read
from fhirtrial.terminology.generate_products import product_rows
from fhirtrial.terminology.index import Prefixes, key_of
from fhirtrial.terminology.systems import URIS, comparable

_ICD10CM, _RXNORM = URIS["icd10cm"], URIS["rxnorm"]
Rows = list[list[str]]


def derive(concepts: Mapping[str, Concept], tables: Path, routes: Mapping[str, Mapping[str, Any]]) -> tuple[Rows, Rows]:
    """The derived concepts, and the products that have a derived drug in them."""
    rxnorm, codes = read(tables, "rxnorm_ingredients.csv"), read(tables, "codes_rxnorm.csv")
    sold, snomed = read(tables, "rxnorm_products.csv"), read(tables, "snomed_gps_2020-09.csv")
    drugs = ingredients(concepts.values(), rxnorm, snomed)
    # Until they are named, derived drugs go by their source.
    unnamed = [Concept(name=d.source, kind=d.kind, label=d.label, codes=tuple(d.codes.values())) for d in drugs]
    products = product_rows([*concepts.values(), *unnamed], sold, rxnorm, codes, routes)
    by_source = {drug.source: drug for drug in drugs}
    texts = (("icd10cm_2026-04.csv", "display"), ("mondo_labels.csv", "label"), ("snomed_gps_2020-09.csv", "fsn"))
    plain = words_of(row[column] for name, column in texts for row in read(tables, name))
    single = [c for c in (*concepts.values(), *unnamed) if c.kind == "medication" and not c.members]
    coded = [(c.name, [code.code for code in c.codes if code.system == _RXNORM]) for c in single]
    owners = {own[0]: name for name, own in coded if len(own) == 1}
    for brand, owner in sorted(brands(products, sold, owners, plain).items()):
        if owner not in by_source:
            by_source[owner] = Idea(f"RXNORM:{brand}", "medication", [concepts[owner].label])
        by_source[owner].primary.append(brand)
    rows = derived_rows(concepts.values(), tables, by_source.values())
    names = {row[3]: row[0] for row in rows if row[1]}
    return rows, list(_named(products, names))


def _named(products: Sequence[list[str]], names: Mapping[str, str]) -> Iterator[list[str]]:
    for code, mixture, *rest in products:
        drugs = mixture.split("|")
        if any(drug in names for drug in drugs):
            held = sorted(names.get(drug, drug) for drug in drugs if drug in names or ":" not in drug)
            yield [code, "|".join(held), *rest]


def icd10cm_below(rows: Rows, shipped: Collection[str], tables: Path) -> Iterator[list[str]]:
    """The codes below those that derived concepts declare, beyond the shipped ones."""
    listed = (text.split(" ", 2) for row in rows for text in row[6].split("|") if text.startswith("icd10cm "))
    declared = [Code(_ICD10CM, code, display) for _, code, display in listed]
    prefixes, own = Prefixes.of(declared), {key_of(code)[1] for code in declared}
    by_head: dict[str, list[str]] = {}
    for text in prefixes.codes.get(_ICD10CM, ()):
        by_head.setdefault(text[:3], []).append(text)
    blocks = prefixes.blocks.get(_ICD10CM, ())
    for row in read(tables, "icd10cm_2026-04.csv"):
        text = comparable(_ICD10CM, row["code"])
        if len(text) < 3 or "-" in text or text in own or row["code"] in shipped:
            continue
        if text.startswith(tuple(by_head.get(text[:3], ()))) or any(a <= text[:3] <= b for a, b in blocks):
            yield [row["code"], row["display"]]
