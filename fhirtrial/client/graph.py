"""Which entries refer to which. A *tie* holds only inside one transaction; a *mention* only asks for an order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from fhirtrial.client.entries import Entry, conditional_identity


class Links(NamedTuple):
    """Per entry, the places of entries it refers to. Ties: to a placeholder. Mentions: to an id or a condition."""

    ties: tuple[frozenset[int], ...]
    mentions: tuple[frozenset[int], ...]

    @property
    def both(self) -> tuple[frozenset[int], ...]:
        return tuple(tie | mention for tie, mention in zip(self.ties, self.mentions, strict=True))


def links(entries: Sequence[Entry]) -> Links:
    by_url = {url: place for place, entry in enumerate(entries) for url in (entry.full_url, *entry.aliases) if url}
    by_identity = {entry.identity: place for place, entry in enumerate(entries)}
    ties, mentions = [], []
    for place, entry in enumerate(entries):
        found = entry.strings
        tied, mentioned = set[int](), set[int]()
        for text in found.placeholders | found.references:
            target = by_url.get(text)
            if target is not None and entries[target].conditional:
                tied.add(target)
            else:
                name = conditional_identity(text) if "?" in text else text.partition("/_history/")[0]
                target = by_identity.get(name or "") if target is None else target
                if target is not None:
                    mentioned.add(target)
        ties.append(frozenset(tied - {place}))
        mentions.append(frozenset(mentioned - tied - {place}))
    return Links(tuple(ties), tuple(mentions))


def components(neighbours: Sequence[frozenset[int]]) -> list[list[int]]:
    """Sets connected in either direction, in the order of their first members."""
    parent = list(range(len(neighbours)))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    for place, others in enumerate(neighbours):
        for other in others:
            one, two = sorted((root(place), root(other)))
            parent[two] = one
    groups: dict[int, list[int]] = {}
    for place in range(len(neighbours)):
        groups.setdefault(root(place), []).append(place)
    return list(groups.values())


def knots(needs: Sequence[frozenset[int]]) -> list[list[int]]:
    """Circles (and single places) such that each comes after all it needs: Tarjan's algorithm, without recursion."""
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    open_places, is_open = list[int](), set[int]()
    found: list[list[int]] = []
    for start in range(len(needs)):
        if start in index:
            continue
        path = [(start, iter(sorted(needs[start])))]
        while path:
            place, others = path[-1]
            if place not in index:
                index[place] = low[place] = len(index)
                open_places.append(place)
                is_open.add(place)
            for other in others:
                if other not in index:
                    path.append((other, iter(sorted(needs[other]))))
                    break
                if other in is_open:
                    low[place] = min(low[place], index[other])
            else:
                path.pop()
                if path:
                    before = path[-1][0]
                    low[before] = min(low[before], low[place])
                if low[place] == index[place]:
                    circle = _tail(open_places, place)
                    del open_places[len(open_places) - len(circle) :]
                    is_open.difference_update(circle)
                    found.append(sorted(circle))
    return found


def _tail(places: list[int], first: int) -> list[int]:
    """What follows `first` on the stack, looked for from the end: circles are short, the stack may not be."""
    length = next(back for back in range(1, len(places) + 1) if places[-back] == first)
    return places[-length:]
