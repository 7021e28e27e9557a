"""Terminology: the concepts and every question about them; immutable, so a site's codes make a new one.

A question about a concept that does not exist is an error, never an empty answer.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType

from fhirtrial.errors import ConfigError
from fhirtrial.terminology import tables
from fhirtrial.terminology.concepts import Code, Concept
from fhirtrial.terminology.derived import Names
from fhirtrial.terminology.forms import Form, further_names, surface_forms, written_of
from fhirtrial.terminology.index import Index, Key, Prefixes, beginnings, build, key_of
from fhirtrial.terminology.names import Pattern, pattern, plain
from fhirtrial.terminology.routes import within
from fhirtrial.terminology.systems import URIS, canonical, comparable

_ICD10CM = URIS["icd10cm"]


@dataclass(frozen=True, eq=False)
class Terminology:
    concepts: Mapping[str, Concept]
    local: Mapping[str, tuple[Code, ...]] = field(default_factory=dict)

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self.concepts))

    @cached_property
    def hash(self) -> str:
        """sha256 over all data files and the site's codes."""
        digest = hashlib.sha256()
        for path in _data_files(files("fhirtrial.terminology") / "data"):
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
        site = {name: sorted([c.system, c.code] for c in codes) for name, codes in self.local.items()}
        digest.update(json.dumps(site, sort_keys=True).encode())
        return digest.hexdigest()

    def concept(self, name: str) -> Concept:
        try:
            return self.concepts[name]
        except KeyError:
            near = difflib.get_close_matches(name, self.names, n=3, cutoff=0.5)
            todo = f"did you mean {' or '.join(near)}?" if near else "add it to a file in terminology/data/concepts"
            raise ConfigError(f"concept {name!r}", "no such concept", todo) from None

    def is_hit(self, name: str, system: str, code: str, route: str | None = None) -> bool:
        """Whether the code means the concept; `route` (a route group) settles a class of drugs by certain routes."""
        index, key = self._index(name), _key(system, code)
        if key in index.routed:
            return route is not None and within(route, index.routed[key])
        return key in index.codes or index.prefixes.match(key)

    def is_coarse(self, name: str, system: str, code: str, route: str | None = None) -> bool:
        """Whether the code may or may not mean the concept: declared coarse, or an ancestor of a declared code."""
        index, key = self._index(name), _key(system, code)
        if key in index.routed:
            return route is None
        if key in index.codes or index.prefixes.match(key):
            return False
        return key in index.coarse or index.coarse_prefixes.match(key) or index.prefixes.ancestor(key)

    def is_history(self, name: str, system: str, code: str) -> bool:
        """Whether the code says that the concept was once so (ICD-10-CM Z85, "history of")."""
        return self._listed(name, "history", _key(system, code))

    def is_denial(self, name: str, system: str, code: str) -> bool:
        """Whether the code says that the concept is not so ("Not pregnant", "No known allergy")."""
        return self._listed(name, "denials", _key(system, code))

    def is_complete(self, name: str, system: str) -> bool:
        """Whether the concept's codes in the system are exhaustive; so is a class of such members that is not open.

        A class with codes of its own there says by itself whether they, too, are all.
        """
        concept, uri = self.concept(name), canonical(system)
        if uri in concept.complete:
            return True
        if concept.open or not concept.members or any(code.system == uri for code in concept.codes):
            return False
        return all(self.is_complete(member, uri) for member in concept.members)

    def hits(self, name: str) -> frozenset[tuple[str, str]]:
        """Every code known to mean the concept, as (system URI, code); ICD codes outside the tables need `is_hit`."""
        if name not in self._hits:
            self._hits[name] = frozenset((code.system, code.code) for code in self.value_set(name))
        return self._hits[name]

    def value_set(self, name: str) -> tuple[Code, ...]:
        """`hits` with displays, sorted; ICD-10-CM in full depth, ICD-10 and ATC as declared."""
        if name not in self._value_sets:
            index = self._index(name)
            deep = any(self.concept(member).source for member in self.members(name))
            below = (code for ends in index.prefixes.ranges(_ICD10CM) for code in tables.descendants(*ends, deep=deep))
            found = {key_of(code): code for code in below}
            self._value_sets[name] = tuple(sorted((found | index.codes).values()))
        return self._value_sets[name]

    def beginnings(self, name: str) -> frozenset[Key]:
        """How a code must begin (`index.beginning`) to say anything of the concept."""
        concepts = [self.concept(member) for member in self.members(name)]
        listed = [code for c in concepts for code in (*c.codes, *c.history, *c.denials)]
        return beginnings(self._index(name), listed)

    def mentions(self, name: str, text: str) -> bool:
        """Whether a text names the concept or one of its members; whether it affirms it is for the reader."""
        found = self._pattern(name)
        return found is not None and found.search(plain(text)) is not None

    @cached_property
    def _surface_forms(self) -> tuple[Form, ...]:
        return surface_forms(self.concepts, self.members)

    @cached_property
    def _hits(self) -> dict[str, frozenset[tuple[str, str]]]:
        return {}

    def surface_forms(self) -> tuple[Form, ...]:
        """Every name by which text says a concept, for a matcher: (plain form, concept, whether case counts), sorted.

        A form whose case does not count is in lower case. A shared name is the concept's that it labels, else the
        member's before its class; what still stands for several is for the matcher to decide by context. Narrower
        names are left out: who asks for knee osteoarthritis does not ask for any osteoarthritis.
        """
        return self._surface_forms

    def further_names(self) -> Iterator[Names]:
        """Names that stand in no written concept: those of derived ones, and what tables add to a written one."""
        return further_names(self.concepts)

    @property
    def written(self) -> Mapping[str, Concept]:
        """The concepts that people wrote, which come before derived ones."""
        return written_of(self.concepts)

    def with_local(self, codes: Mapping[str, Mapping[str, Sequence[str]]]) -> Terminology:
        """A terminology that also holds a site's own codes: concept → system → codes."""
        if not codes:
            return self  # with the indexes it has built so far
        local = dict(self.local)
        for name, systems in codes.items():
            self.concept(name)
            own = [Code(canonical(s), c, "") for s, listed in sorted(systems.items()) for c in listed]
            local[name] = tuple(sorted({*local.get(name, ()), *own}))
        return replace(self, local=MappingProxyType(local))

    def members(self, name: str) -> tuple[str, ...]:
        """The concept and everything under it, itself first."""
        found = {name: None}
        for member in self.concept(name).members:
            found |= dict.fromkeys(self.members(member))
        return tuple(found)

    @cached_property
    def _indexes(self) -> dict[str, Index]:
        return {}

    @cached_property
    def _value_sets(self) -> dict[str, tuple[Code, ...]]:
        return {}

    @cached_property
    def _patterns(self) -> dict[str, Pattern | None]:
        return {}

    def _index(self, name: str) -> Index:
        if name not in self._indexes:
            self._indexes[name] = build(self.concept(name), self.local.get(name, ()), self._index)
        return self._indexes[name]

    def _pattern(self, name: str) -> Pattern | None:
        if name not in self._patterns:
            concepts = [self.concept(member) for member in self.members(name)]
            self._patterns[name] = pattern([text for c in concepts for text in (c.label, *c.synonyms)])
        return self._patterns[name]

    def _listed(self, name: str, block: str, key: tuple[str, str]) -> bool:
        codes: list[Code] = [c for member in self.members(name) for c in getattr(self.concept(member), block)]
        return any(key_of(code) == key for code in codes) or Prefixes.of(codes).match(key)


def _key(system: str, code: str) -> tuple[str, str]:
    uri = canonical(system)
    return uri, comparable(uri, code)


def _data_files(folder: Traversable) -> list[Traversable]:
    entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    return [file for e in entries for file in (_data_files(e) if e.is_dir() else [e])]
