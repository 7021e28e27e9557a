"""Concepts derived from open tables (see `derive`), read line by line as they are asked for, behind the written ones.

A written concept always comes first: a derived one only has the names that no written one has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

from fhirtrial.terminology.concepts import Code, Concept
from fhirtrial.terminology.systems import URIS
from fhirtrial.terminology.tables import lines

FILE = "derived.tsv.gz"
HEAD = "name kind sensitive source label synonyms codes members"
NOTE = "Derived from {}; its codes are never taken to be all."


@dataclass(frozen=True, slots=True)
class Names:
    """A concept's names; `further` are those that a written concept gets beside its own."""

    concept: str
    kind: str
    names: tuple[str, ...]

    @property
    def further(self) -> bool:
        return not self.kind


@cache
def _table() -> tuple[dict[str, str], tuple[str, ...]]:
    """Each derived concept's line, and the lines that only add names to a written one."""
    table: dict[str, str] = {}
    further: list[str] = []
    for line in lines(FILE):
        name, _, rest = line.partition("\t")
        if rest[0] == "\t":
            further.append(line)
        else:
            table[name] = line
    return table, tuple(further)


def every_name() -> Iterator[Names]:
    """The names of all, without making concepts of them."""
    table, further = _table()
    for line in (*table.values(), *further):
        name, kind, _, _, label, synonyms, _ = line.split("\t", 6)
        said = (*([label] if label else ()), *(synonyms.split("|") if synonyms else ()))
        yield Names(name, kind, said)


@lru_cache(maxsize=4096)
def derived(name: str) -> Concept:
    _, kind, sensitive, source, label, synonyms, codes, members = _table()[0][name].split("\t")
    return Concept(
        name=name,
        kind=kind,
        label=label,
        synonyms=tuple(synonyms.split("|")) if synonyms else (),
        codes=tuple(_code(text) for text in codes.split("|")) if codes else (),
        members=tuple(members.split("|")) if members else (),
        open=True,
        sensitive=bool(sensitive),
        note=NOTE.format(source),
        source=source,
    )


def _code(text: str) -> Code:
    system, code, display = text.split(" ", 2)
    return Code(URIS[system], code, display)


@dataclass(frozen=True, slots=True, eq=False)
class Library(Mapping[str, Concept]):
    """The written concepts and, behind them, the derived ones; those are read when a name is not among the first."""

    written: Mapping[str, Concept]

    def __getitem__(self, name: str) -> Concept:
        found = self.written.get(name)
        return derived(name) if found is None else found

    def __contains__(self, name: object) -> bool:
        return name in self.written or name in _table()[0]

    def __iter__(self) -> Iterator[str]:
        yield from self.written
        yield from _table()[0]

    def __len__(self) -> int:
        return len(self.written) + len(_table()[0])
