"""One concept's codes after everything that follows from its declaration: members, named codes, products, routes.

Built once per concept; a question about a code is then a look-up, and about an ICD or ATC code a prefix test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from fhirtrial.terminology import tables
from fhirtrial.terminology.concepts import Code, Concept
from fhirtrial.terminology.products import products_of
from fhirtrial.terminology.routes import atc_route, within
from fhirtrial.terminology.systems import CEILING, HIERARCHICAL, URIS, comparable

Key = tuple[str, str]
_ATC = URIS["atc"]
# Kinds of concept whose ingredient codes stand for products.
SUBSTANCES = frozenset({"medication", "allergen"})
_BLOCK = 7  # an ICD block is written A00-A09


@dataclass(slots=True)
class Prefixes:
    """Codes that stand for all codes below them, by system; a block stands for the categories between its ends."""

    codes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    blocks: dict[str, tuple[Key, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, codes: Iterable[Code]) -> Prefixes:
        self = cls()
        for code in codes:
            text = comparable(code.system, code.code)
            if code.system not in HIERARCHICAL:
                continue
            if len(text) == _BLOCK and text[3] == "-":
                self.blocks[code.system] = (*self.blocks.get(code.system, ()), (text[:3], text[4:]))
            else:
                self.codes[code.system] = (*self.codes.get(code.system, ()), text)
        return self

    def match(self, key: Key) -> bool:
        system, code = key
        if code.startswith(self.codes.get(system, ())):
            return True
        return any(low <= code[:3] <= high for low, high in self.blocks.get(system, ()))

    def ranges(self, system: str) -> list[Key]:
        """The first and last code of each family that the codes and blocks of a system stand for."""
        return [*((code, code) for code in self.codes.get(system, ())), *self.blocks.get(system, ())]

    def ancestor(self, key: Key) -> bool:
        """Whether the code is above one of these, at or below the system's ceiling."""
        system, code = key
        return len(code) >= CEILING.get(system, 99) and any(p.startswith(code) for p in self.codes.get(system, ()))


@dataclass(slots=True)
class Index:
    """`codes` mean the concept; `routed` mean it if the drug went by one of the routes; `coarse` may mean it."""

    codes: dict[Key, Code] = field(default_factory=dict)
    possible: dict[Key, frozenset[str]] = field(default_factory=dict)
    routed: dict[Key, frozenset[str]] = field(default_factory=dict)
    coarse: dict[Key, Code] = field(default_factory=dict)
    prefixes: Prefixes = field(default_factory=Prefixes)
    coarse_prefixes: Prefixes = field(default_factory=Prefixes)


def key_of(code: Code) -> Key:
    return code.system, comparable(code.system, code.code)


def beginning(system: str, code: str) -> Key:
    """What codes that have to do with one another share: the first letter in a hierarchy, else the whole code."""
    text = comparable(system, code)
    return system, text[:1] if system in HIERARCHICAL else text


def beginnings(index: Index, listed: Iterable[Code]) -> frozenset[Key]:
    """The beginnings of all codes that can say anything of a concept, `listed` ones besides its index's."""
    found = {beginning(*key) for key in (*index.codes, *index.routed, *index.coarse)}
    for code in listed:
        found.add(beginning(code.system, code.code))
    prefixes = (index.prefixes, index.coarse_prefixes, Prefixes.of(listed))
    for system, ends in (block for some in prefixes for block in some.blocks.items()):
        found |= {(system, chr(letter)) for low, high in ends for letter in range(ord(low[0]), ord(high[0]) + 1)}
    return frozenset(found)


def build(concept: Concept, local: tuple[Code, ...], index_of: Callable[[str], Index]) -> Index:
    index = Index()
    for name in concept.members:
        member = index_of(name)
        index.codes |= member.codes
        index.possible |= member.possible
        index.routed |= member.routed
        index.coarse |= member.coarse
    for code in (*concept.codes, *tables.named().get(concept.name, ()), *local):
        index.codes[key_of(code)] = code
    if concept.kind in SUBSTANCES:
        _add_products(concept, index)
    if concept.routes:
        _limit(index, concept.routes)
    for code in concept.coarse:
        index.coarse[key_of(code)] = code
    for name in concept.coarse_members:
        index.coarse |= index_of(name).codes
    for key in index.codes:
        index.coarse.pop(key, None)
    index.prefixes = Prefixes.of(index.codes.values())
    index.coarse_prefixes = Prefixes.of(index.coarse.values())
    return index


def _add_products(concept: Concept, index: Index) -> None:
    # A drug with routes of its own is only what goes those ways, so its ingredient code means them.
    forms = products_of(concept.name, derived=bool(concept.source))
    products = [p for p in forms if not (concept.routes and p.route) or within(p.route, concept.routes)]
    stated = frozenset(p.route for p in products if p.route)
    for code in concept.codes:
        index.possible[key_of(code)] = frozenset((atc_route(code.code),)) if code.system == _ATC else stated
    for product in products:
        key = key_of(product.code)
        index.codes[key] = product.code
        index.possible[key] = frozenset((product.route,)) if product.route else stated


def _limit(index: Index, routes: frozenset[str]) -> None:
    """A class of drugs by certain routes: other products leave it, codes that do not say the route depend on it."""
    for key, possible in index.possible.items():
        if key in index.codes and not all(within(route, routes) for route in possible):
            code = index.codes.pop(key)
            if any(within(route, routes) for route in possible):
                index.routed[key] = routes
                index.coarse[key] = code
