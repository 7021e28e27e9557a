"""The Chia corpus (BRAT stand-off) line by line: gold entities, relations and OR groups; knows the format, no score."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fhirtrial.criteria.criterion import Kind

DOMAINS = {
    "Condition": "condition",
    "Drug": "medication",
    "Measurement": "lab",
    "Procedure": "procedure",
}
ENTITIES = {*DOMAINS, "Person", "Observation", "Device", "Visit"}
NOT_QUERYABLE = {
    "Non-query-able",
    "Post-eligibility",
    "Non-representable",
    "Informed_consent",
    "Undefined_semantics",
    "Subjective_judgement",
    "Pregnancy_considerations",
    "Context_Error",
    "Competing_trial",
    "Not_a_criteria",
    "Parsing_Error",
    "Grammar_Error",
}


@dataclass(frozen=True)
class Entity:
    """`start` and `end` count in the line; `spans` are its parts."""

    id: str
    label: str
    spans: tuple[tuple[int, int], ...]
    text: str

    def overlaps(self, start: int, end: int) -> bool:
        return any(a < end and start < b for a, b in self.spans)


@dataclass(frozen=True)
class Line:
    trial: str
    kind: Kind
    text: str
    entities: dict[str, Entity]
    relations: tuple[tuple[str, str, str], ...]
    groups: tuple[tuple[str, ...], ...]

    def labelled(self, *labels: str) -> list[Entity]:
        return [e for e in self.entities.values() if e.label in labels]

    def related(self, name: str) -> list[tuple[Entity, Entity]]:
        return [
            (self.entities[a], self.entities[b])
            for relation, a, b in self.relations
            if relation == name and a in self.entities and b in self.entities
        ]


@dataclass
class _Document:
    entities: list[tuple[str, str, list[tuple[int, int]], str]] = field(default_factory=list)
    relations: list[tuple[str, str, str]] = field(default_factory=list)
    groups: list[tuple[str, ...]] = field(default_factory=list)


def read_chia(folder: Path) -> Iterator[Line]:
    """Every line that holds anything, in the order of the files' names."""
    for path in sorted(folder.glob("*.txt")):
        kind: Kind = "inclusion" if path.stem.endswith("inc") else "exclusion"
        with path.open(encoding="utf-8", newline="") as file:
            text = file.read()
        document = _annotations(path.with_suffix(".ann"))
        for match in re.finditer(r"[^\r\n]+", text):
            if match.group().strip():
                yield _line(path.stem.split("_")[0], kind, match.group(), match.start(), match.end(), document)


def _annotations(path: Path) -> _Document:
    document = _Document()
    for row in path.read_text(encoding="utf-8").splitlines():
        if row.startswith("T"):
            name, middle, text = (*row.split("\t"), "")[:3]
            label, _, spans = middle.partition(" ")
            places = [(int(a), int(b)) for a, b in (s.split() for s in spans.split(";"))]
            document.entities.append((name, label, places, text))
        elif row.startswith("R"):
            relation, first, second = row.split("\t")[1].split()[:3]
            document.relations.append((relation, first.split(":")[1], second.split(":")[1]))
        elif row.startswith("*"):
            _, members = row.split("\t", 1)
            if members.split()[0] == "OR":
                document.groups.append(tuple(members.split()[1:]))
    return document


def _line(trial: str, kind: Kind, text: str, start: int, end: int, document: _Document) -> Line:
    entities = {
        name: Entity(name, label, tuple((max(a, start) - start, min(b, end) - start) for a, b in places), words)
        for name, label, places, words in document.entities
        if any(a < end and start < b for a, b in places)
    }
    return Line(
        trial,
        kind,
        text,
        entities,
        tuple(r for r in document.relations if r[1] in entities and r[2] in entities),
        tuple(g for g in document.groups if len([m for m in g if m in entities]) > 1),
    )
