"""Drugs that no written concept holds: RxNorm ingredients, and the brand names that mean all there is of one.

A brand that is sold for one route of an ingredient with several says less than the ingredient, and is no name of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from fhirtrial.terminology.concepts import Code, Concept
from fhirtrial.terminology.derive_ideas import Idea
from fhirtrial.terminology.derive_names import is_name, key, listed, words
from fhirtrial.terminology.systems import URIS

_RXNORM, _SNOMED = URIS["rxnorm"], URIS["snomed"]
_BRAND = re.compile(r"\[([^\]]+)\]")
_MADE_OF = re.compile(r"Product containing (?:only )?(.+) \(medicinal product\)|(.+) \(substance\)")
_SHORTEST = 5
Row = Mapping[str, str]


def ingredients(concepts: Iterable[Concept], rxnorm: Iterable[Row], snomed: Iterable[Row]) -> list[Idea]:
    """Those that no written drug has for its own; what only stands among the codes of a class is named here."""
    own = ([code.code for code in c.codes if code.system == _RXNORM] for c in concepts)
    known = {codes[0] for codes in own if len(codes) == 1}
    never = re.compile(rf"\b(?:{'|'.join(listed(words()['substances']))})s?\b", re.IGNORECASE)
    measured = {key(name) for name in listed(words()["analytes"])}
    found: dict[str, Idea] = {}
    for row in rxnorm:
        code, name = row["code"], row["display"]
        if (
            row["tty"] == "IN"
            and code not in known
            and key(name) not in measured
            and not never.search(name)
            and is_name(name)
        ):
            found.setdefault(name.lower(), Idea(f"RXNORM:{code}", "medication", [name]))
            found[name.lower()].add(Code(_RXNORM, code, name))
    for row in snomed:
        made_of = _MADE_OF.fullmatch(row["fsn"])
        idea = found.get((made_of[1] or made_of[2]).lower()) if made_of else None
        if idea is not None:
            idea.add(Code(_SNOMED, row["code"], row["fsn"]))
    return list(found.values())


def brands(
    products: Sequence[Sequence[str]], rxnorm: Iterable[Row], owners: Mapping[str, str], plain: frozenset[str]
) -> dict[str, str]:
    """Brand → the one concept that it means; `products` as their table has them, `owners` by ingredient code."""
    of_brand: dict[str, set[str]] = {}
    for row in rxnorm:
        if row["tty"] == "BN" and _is_brand(row["display"], plain):
            of_brand.setdefault(row["display"], set()).add(row["ingredient_rxcui"])
    routes: dict[str, set[str]] = {}
    sold: dict[str, tuple[set[str], set[str]]] = {}
    single = set(owners.values())
    for _, mixture, _, _, route, display in products:
        names = [name for name in mixture.split("|") if name in single] or [mixture]
        if len(names) == 1 and " / " not in display:
            routes.setdefault(names[0], set()).add(route)
        for brand in _BRAND.findall(display):
            held, ways = sold.setdefault(brand, (set(), set()))
            held.update(names if " / " not in display else [mixture, ""])
            ways.add(route)
    found = {}
    for brand, codes in of_brand.items():
        held, ways = sold.get(brand, (set(), set()))
        owner = owners.get(min(codes), "") if len(codes) == 1 else ""
        if owner and held == {owner} and routes.get(owner, set()) - {""} <= ways:
            found[brand] = owner
    return found


def _is_brand(name: str, plain: frozenset[str]) -> bool:
    return len(name) >= _SHORTEST and name.isalpha() and name[1:].islower() and name.lower() not in plain


def words_of(texts: Iterable[str]) -> frozenset[str]:
    """The words that source names are made of: a brand that is one of them would be found where it is not meant."""
    return frozenset(word for text in texts for word in _split(text))


def _split(text: str) -> Iterator[str]:
    yield from re.findall(r"[a-z]+", text.lower())
