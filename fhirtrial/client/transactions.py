"""Entries cut into transactions: no tie is ever cut, and what is mentioned goes before what mentions it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson

from fhirtrial.client.entries import Entry
from fhirtrial.client.graph import components, knots, links


@dataclass(frozen=True)
class Transaction:
    """Entries that the server takes all or none of. The id is the hash of the content: a restart knows it again."""

    entries: tuple[Entry, ...]

    @cached_property
    def bundle(self) -> dict[str, Any]:
        entries = [dict(entry.body) for entry in self.entries]
        return {"resourceType": "Bundle", "type": "transaction", "entry": entries}

    @cached_property
    def id(self) -> str:
        return content_hash(self.bundle)

    @cached_property
    def contents(self) -> tuple[tuple[str, bytes], ...]:
        """Each identity with the hash of what goes to it."""
        return tuple((entry.identity, bytes.fromhex(content_hash(entry.body))) for entry in self.entries)

    @property
    def guarded(self) -> bool:
        """Whether an entry holds only for the version that was read before."""
        return any(entry.version_read is not None for entry in self.entries)


def content_hash(content: Any) -> str:
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


def cut(entries: Sequence[Entry], most: int) -> list[Transaction]:
    """Transactions of at most `most` entries, to be sent in this order. Only entries tied together may be more.

    Cutting one of the results again gives it back.
    """
    found = links(entries)
    units: list[list[int]] = []
    for component in components(found.both):
        units += [component] if len(component) <= most else _ordered_units(component, found.ties, found.mentions)
    transactions, batch = list[Transaction](), list[int]()
    for unit in units:
        if batch and len(batch) + len(unit) > most:
            transactions.append(_transaction(entries, batch))
            batch = []
        batch += unit
    return [*transactions, _transaction(entries, batch)] if batch else transactions


def _ordered_units(
    component: Sequence[int], ties: Sequence[frozenset[int]], mentions: Sequence[frozenset[int]]
) -> list[list[int]]:
    """A component too large for one transaction: its tied groups, each after all that it mentions."""
    local = {place: number for number, place in enumerate(component)}
    groups = components([frozenset(local[other] for other in ties[place]) for place in component])
    group_of = {number: name for name, group in enumerate(groups) for number in group}
    needs = [
        frozenset(group_of[local[other]] for number in group for other in mentions[component[number]]) - {name}
        for name, group in enumerate(groups)
    ]
    return [sorted(component[number] for name in knot for number in groups[name]) for knot in knots(needs)]


def _transaction(entries: Sequence[Entry], places: Iterable[int]) -> Transaction:
    return Transaction(tuple(entries[place] for place in sorted(places)))


class Bisection:
    """A refused transaction seen as knots, each after all it refers to, to find the entries that the server refuses.

    A part is a range of knots plus all that these are tied to; sending some entries again is harmless.
    """

    def __init__(self, transaction: Transaction) -> None:
        self.entries = transaction.entries
        found = links(self.entries)
        self.knots = knots(found.both)
        knot_of = {place: name for name, knot in enumerate(self.knots) for place in knot}
        self.tied: list[frozenset[int]] = []
        for name, knot in enumerate(self.knots):
            direct = {knot_of[other] for place in knot for other in found.ties[place]} - {name}
            self.tied.append(frozenset(direct).union(*(self.tied[other] for other in direct)))

    def part(self, wanted: Iterable[int]) -> Transaction:
        names = set[int]()
        for name in wanted:
            names |= {name, *self.tied[name]}
        return _transaction(self.entries, (place for name in names for place in self.knots[name]))

    def entries_of(self, wanted: Iterable[int]) -> tuple[Entry, ...]:
        """Those that are wanted themselves, without what they are tied to."""
        return tuple(self.entries[place] for name in wanted for place in self.knots[name])
