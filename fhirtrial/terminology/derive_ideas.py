"""The ideas that the disease and SNOMED CT tables hold, each once: names, exact codes, the source it comes from.

Tables are joined by exact mappings and by equal names, never by likeness.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fhirtrial.terminology.concepts import Code
from fhirtrial.terminology.derive_names import Key, agrees, is_name, key, listed, significant, variants, words
from fhirtrial.terminology.systems import URIS

_SNOMED, _ICD10CM = URIS["snomed"], URIS["icd10cm"]
_TAG = re.compile(r"(.*) \(([a-z/ ]+)\)$")
_TITLES = "ABCDEFGHIJKLMNOPQR"  # chapters whose titles name illnesses: not injuries, causes and services
_LONGEST_ICD = 6
_ENDING = re.compile(r"\s*\[[^\]]*\]$")
_VAGUE = re.compile(r"\b(?:other|unspecified|elsewhere|not specified|in diseases|NOS|NEC)\b", re.IGNORECASE)

# Sources of a synonym that count by themselves: the label of an exact mapping, an inclusion term of a code it has.
_CONFIRMING = frozenset({"DOID", "ICD-10-CM"})


@dataclass(slots=True)
class Idea:
    """`primary` are the names of its codes and of the source it is named after, `said` who else calls it what.

    `doid` is its place in the Disease Ontology's hierarchy.
    """

    source: str
    kind: str
    primary: list[str] = field(default_factory=list)
    said: dict[str, set[str]] = field(default_factory=dict)
    codes: dict[tuple[str, str], Code] = field(default_factory=dict)
    doid: str = ""

    @property
    def label(self) -> str:
        return self.primary[0]

    @property
    def names(self) -> list[str]:
        """What else it is called: a primary name in other words, or a name that a table of its own confirms.

        Synonyms that only disease ontologies give are not taken: too many of them are a part or a cousin of it.
        """
        own = [significant(name) for name in self.primary]
        sources: dict[Key, set[str]] = {}
        for name, tables in self.said.items():
            sources.setdefault(key(name), set()).update(tables)
        return [
            name
            for name in self.said
            if significant(name) in own or (sources[key(name)] & _CONFIRMING and agrees(significant(name), own))
        ]

    def say(self, name: str, source: str) -> None:
        self.said.setdefault(name, set()).add(source)

    def add(self, code: Code) -> None:
        self.codes.setdefault((code.system, code.code), code)


def read(tables: Path, name: str) -> list[dict[str, str]]:
    with (tables / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def ideas(tables: Path) -> list[Idea]:
    """Diseases first, then what SNOMED CT and ICD-10-CM have beyond them."""
    named = {row["code"]: row["fsn"] for row in read(tables, "snomed_gps_2020-09.csv")}
    titles = {row["code"]: row["display"] for row in read(tables, "icd10cm_2026-04.csv")}
    found = list(_diseases(tables, named, titles))
    mapped = {code for idea in found for system, code in idea.codes if system == _SNOMED}
    by_name: dict[Key, Idea] = {}
    for idea in found:
        for name in (*idea.primary, *idea.names):
            by_name.setdefault(key(name), idea)
    for idea in (*_snomed(named, mapped), *_icd10cm(titles)):
        forms = [idea.label, *variants(idea.label)]
        same = next((by_name[k] for k in map(key, forms) if k in by_name), None)
        if same is not None and same.kind == idea.kind:
            same.primary += idea.primary
            for code in idea.codes.values():
                same.add(code)
            continue
        found.append(idea)
        for form in forms:
            by_name.setdefault(key(form), idea)
    return found


def _diseases(tables: Path, named: dict[str, str], titles: dict[str, str]) -> Iterator[Idea]:
    """MONDO with its exact mappings, the Disease Ontology's names, and what only the latter has."""
    found: dict[str, Idea] = {}
    for row in read(tables, "mondo_labels.csv"):
        if not row["label"].startswith("obsolete "):
            found[row["mondo_id"]] = Idea(row["mondo_id"], "condition", [row["label"]])
    exact = [row for row in read(tables, "mondo_xrefs.csv") if row["exact"] == "1" and row["mondo_id"] in found]
    holders: dict[str, set[str]] = {}
    for row in exact:
        holders.setdefault(row["xref"], set()).add(row["mondo_id"])
    coded = Counter(row["mondo_id"] for row in exact if row["xref"].startswith("SCTID:"))
    by_doid: dict[str, Idea] = {}
    for row in exact:
        system, _, code = row["xref"].partition(":")
        idea = found[row["mondo_id"]]
        if len(holders[row["xref"]]) > 1:
            continue  # one code, two diseases: it means neither for sure
        if system == "DOID":
            by_doid.setdefault(row["xref"], idea)
            idea.doid = idea.doid or row["xref"]
        elif system == "SCTID":
            idea.add(Code(_SNOMED, code, named.get(code, row["label"])))
            if (tag := _TAG.match(named.get(code, ""))) and tag[2] == "disorder":
                if coded[row["mondo_id"]] == 1:
                    idea.primary.append(tag[1])
                else:
                    idea.say(tag[1], "SNOMED CT")  # of several codes one may be narrower than the disease
        elif system == "ICD10CM" and code in titles and not _VAGUE.search(titles[code]):
            idea.add(Code(_ICD10CM, code, titles[code]))
    for row in read(tables, "doid_hierarchy_2026-07.csv"):
        idea = by_doid.setdefault(row["doid"], Idea(row["doid"], "condition", [row["label"]], doid=row["doid"]))
        idea.say(row["label"], "DOID")
    for row in read(tables, "doid_synonyms.csv"):
        if row["scope"] == "EXACT" and row["doid"] in by_doid:
            # The 2016 edition marks SNOMED CT's tag and ICD's "not otherwise specified" in the synonym itself.
            name = tag[1] if (tag := _TAG.match(row["synonym"])) else row["synonym"]
            by_doid[row["doid"]].say(name, row["source"])
    _also_included(by_doid.values(), tables)
    own = {id(idea) for idea in found.values()}
    yield from found.values()
    yield from (idea for idea in by_doid.values() if id(idea) not in own and idea.primary)


def _also_included(found: Iterable[Idea], tables: Path) -> None:
    """ICD-10-CM lists what a code is called, too: it agrees with a synonym of a disease that has the code."""
    included: dict[str, set[Key]] = {}
    for row in read(tables, "icd10cm_inclusion_terms.csv"):
        included.setdefault(row["code"], set()).add(key(row["term"]))
    for idea in found:
        listed_too = {k for system, code in idea.codes if system == _ICD10CM for k in included.get(code, ())}
        for name in idea.said if listed_too else ():
            if key(name) in listed_too:
                idea.say(name, "ICD-10-CM")


def _snomed(named: dict[str, str], mapped: set[str]) -> Iterator[Idea]:
    ends = re.compile(rf"(?:{'|'.join(listed(words()['findings']))})$", re.IGNORECASE)
    asked = re.compile("|".join(listed(words()["procedures"])), re.IGNORECASE)
    shown = re.compile("|".join(listed(words()["imaging"])), re.IGNORECASE)
    done = re.compile(rf"\b(?:{'|'.join(listed(words()['activities']))})s?\b", re.IGNORECASE)
    for code, display in named.items():
        tag = _TAG.match(display)
        if tag is None or code in mapped:
            continue
        name, kind = tag[1], ""
        if tag[2] == "disorder" or (tag[2] == "finding" and ends.search(name)):
            kind = "condition"
        elif tag[2] in {"procedure", "regime/therapy"} and not done.search(name):
            kind = "imaging" if shown.search(name) else "procedure" if asked.search(name) else ""
        if kind:
            yield Idea(f"SCTID:{code}", kind, [name], {}, {(_SNOMED, code): Code(_SNOMED, code, display)})


def _icd10cm(titles: dict[str, str]) -> Iterator[Idea]:
    for code, title in titles.items():
        name = _ENDING.sub("", title)
        if code[0] in _TITLES and "-" not in code and 3 <= len(code) <= _LONGEST_ICD and is_name(name):
            yield Idea(f"ICD10CM:{code}", "condition", [name], {}, {(_ICD10CM, code): Code(_ICD10CM, code, title)})
