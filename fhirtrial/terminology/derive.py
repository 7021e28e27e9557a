"""Derives concepts from openly licensed tables for the names that no written concept has; same in, same out.

A name belongs to a written concept before any other, to what it labels before what it is a synonym of, and to nobody
where it stays shared. No derived concept is complete.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fhirtrial.terminology.concepts import Concept
from fhirtrial.terminology.derive_ideas import Idea, ideas, read
from fhirtrial.terminology.derive_names import (
    Key,
    initials,
    is_name,
    key,
    listed,
    significant,
    unqualified,
    variants,
    words,
)
from fhirtrial.terminology.spelling import other_spellings
from fhirtrial.terminology.systems import KEYS, URIS

_SLUG = re.compile(r"[^a-z0-9]+")


@dataclass(slots=True)
class Derived:
    """One line to be: an idea with the names it keeps; with `written`, further names of that written concept."""

    idea: Idea
    name: str = ""
    written: str = ""
    kept: list[str] = field(default_factory=list)
    members: list[str] = field(default_factory=list)


def derived_rows(concepts: Iterable[Concept], tables: Path, drugs: Iterable[Idea]) -> list[list[str]]:
    """name, kind, sensitive, source, label, synonyms, codes, members; a row without kind only adds names."""
    library = {concept.name: concept for concept in concepts}
    owned, ours = _owned(library.values()), _labelled(library.values())
    found = [Derived(idea) for idea in (*ideas(tables), *drugs)]
    for entry in found:
        entry.written = _written(entry.idea, ours, library)
    _share_out(found, owned)
    hierarchy = _hierarchy(tables)
    kept = _coded([e for e in found if e.kept or e.written], hierarchy)
    _name(kept, set(library))
    _add_members(kept, hierarchy)
    sensitive = _Sensitive.of(tables)
    return sorted(_rows(kept, sensitive))


def _owned(library: Iterable[Concept]) -> set[Key]:
    """Every name of a written concept; one that names a part of it only may be a concept of its own."""
    owned: set[Key] = set()
    for concept in library:
        less = {key(name) for name in concept.narrower}
        names = (concept.label, *concept.synonyms, concept.name.replace("-", " "))
        owned |= {k for name in names for k in (key(name), key(name.lower())) if key(name) not in less}
    return owned


def _labelled(library: Iterable[Concept]) -> dict[Key, str]:
    """What labels one written concept."""
    ours: dict[Key, set[str]] = {}
    for concept in library:
        ours.setdefault(key(concept.label), set()).add(concept.name)
    return {k: min(names) for k, names in ours.items() if len(names) == 1}


def _written(idea: Idea, ours: Mapping[Key, str], library: Mapping[str, Concept]) -> str:
    """The written concept that the idea's first name, or a form of it, labels."""
    owners = (ours.get(key(form), "") for form in (idea.label, *variants(idea.label)))
    return next((owner for owner in owners if owner and library[owner].kind == idea.kind), "")


def _share_out(found: list[Derived], owned: set[Key]) -> None:
    """Gives each name to one idea: the first names first, then synonyms, then forms that say the same."""
    taken = set(owned)
    for names in (lambda idea: idea.primary, lambda idea: idea.names, _forms):
        asked: dict[Key, dict[int, tuple[Derived, str]]] = {}
        for entry in found:
            for name in names(entry.idea):
                if entry.written and not _same(name, entry.idea):
                    continue
                if is_name(name) or initials(name, entry.idea.primary):
                    asked.setdefault(key(name), {}).setdefault(id(entry), (entry, name))
        for name_key, askers in asked.items():
            if name_key not in taken and len(askers) == 1:
                entry, name = next(iter(askers.values()))
                if (rest := unqualified(name)) is None or key(rest) not in taken:
                    entry.kept.append(name)
        taken |= asked.keys()


def _same(name: str, idea: Idea) -> bool:
    """Whether a name is the label in other words or, of a drug, a brand: all that a written concept is given."""
    if idea.kind == "medication":
        return True
    own = {significant(form) for form in (idea.label, *variants(idea.label))}
    return significant(name) in own


def _forms(idea: Idea) -> list[str]:
    return [form for name in (*idea.primary, *idea.names) if is_name(name) for form in variants(name)]


def _hierarchy(tables: Path) -> dict[str, list[str]]:
    """The Disease Ontology's children of each disease."""
    rows = read(tables, "doid_hierarchy_2026-07.csv")
    ids = {row["label"]: row["doid"] for row in rows}
    below: dict[str, list[str]] = {}
    for row in rows:
        if row["parent_label"] in ids:
            below.setdefault(ids[row["parent_label"]], []).append(row["doid"])
    return below


def _coded(found: list[Derived], below: Mapping[str, list[str]]) -> list[Derived]:
    """Those that a code can mean: one of their own, or of what is below them."""
    coded = {e.idea.doid for e in found if e.idea.doid and (e.idea.codes or e.written)}
    return [e for e in found if e.written or e.idea.codes or any(d in coded for d in descendants(e.idea.doid, below))]


def descendants(top: str, below: Mapping[str, list[str]]) -> set[str]:
    found: set[str] = set()
    left = list(below.get(top, ()))
    while left:
        one = left.pop()
        if one not in found:
            found.add(one)
            left += below.get(one, ())
    return found


def _name(found: list[Derived], used: set[str]) -> None:
    for entry in found:
        if not entry.written:
            stem = "-".join(part for part in _SLUG.split(entry.kept[0].lower().replace("'s", "s")) if part)
            entry.name = stem if stem not in used else f"{stem}-{entry.idea.kind}"
            if entry.name in used:
                entry.name = f"{entry.name}-{_SLUG.sub('-', entry.idea.source.lower())}"
            used.add(entry.name)


def _add_members(found: list[Derived], below: Mapping[str, list[str]]) -> None:
    """A disease's nearest kept descendants; under a written one too, whose own members the hierarchy does not know."""
    by_doid = {e.idea.doid: e for e in found if e.idea.doid}

    def nearest(doid: str) -> Iterator[str]:
        for child in below.get(doid, ()):
            entry = by_doid.get(child)
            if entry is not None:
                yield entry.written or entry.name
            if entry is None or entry.written:
                yield from nearest(child)

    for entry in found:
        if not entry.written:
            entry.members = sorted(set(nearest(entry.idea.doid)) - {entry.name})


@dataclass(frozen=True, slots=True)
class _Sensitive:
    words: re.Pattern[str]
    codes: tuple[str, ...]
    doids: frozenset[str]

    @classmethod
    def of(cls, tables: Path) -> _Sensitive:
        rules = words()["sensitive"]
        parts = [re.escape(w).replace(r"\*", r"\w*") for w in listed(rules["words"])]
        below, ids = _hierarchy(tables), {r["label"]: r["doid"] for r in read(tables, "doid_hierarchy_2026-07.csv")}
        tops = [ids[label] for label in rules["doid"] if label in ids]
        under = frozenset(d for top in tops for d in (top, *descendants(top, below)))
        return cls(re.compile(rf"\b(?:{'|'.join(parts)})\b", re.IGNORECASE), tuple(rules["icd10cm"]), under)

    def holds(self, idea: Idea) -> bool:
        if idea.kind == "medication":
            return False
        coded = any(s == URIS["icd10cm"] and code.startswith(self.codes) for s, code in idea.codes)
        return coded or idea.doid in self.doids or any(self.words.search(n) for n in (*idea.primary, *idea.names))


def _rows(found: Iterable[Derived], sensitive: _Sensitive) -> Iterator[list[str]]:
    for entry in found:
        names = [*entry.kept, *(n for n in other_spellings(entry.kept) if not entry.written)]
        if entry.written:
            if names:
                yield [entry.written, "", "", entry.idea.source, "", "|".join(names), "", ""]
            continue
        label = names[0][0].upper() + names[0][1:]
        codes = [f"{KEYS[c.system]} {c.code} {c.display}" for _, c in sorted(entry.idea.codes.items())]
        mark = "1" if sensitive.holds(entry.idea) else ""
        columns = (label, "|".join(names[1:]), "|".join(codes), "|".join(entry.members))
        yield [entry.name, entry.idea.kind, mark, entry.idea.source, *columns]
