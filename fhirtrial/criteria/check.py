"""The linter behind `fhirtrial check`: what a reviewer should look at before a trial's criteria are trusted.

It reads one record and changes nothing. An error is something that cannot be right or that keeps the trial from ever
having an eligible patient; a warning wants a person's eye; an info explains what matching will do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, Protocol

from fhirtrial.criteria.contradictions import Literal as Requirement
from fhirtrial.criteria.contradictions import clash, flaws, required
from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.english import sentence
from fhirtrial.criteria.lower import atoms, lower
from fhirtrial.criteria.tree import (
    Age,
    Atom,
    Attestation,
    Change,
    ClassificationCriteria,
    DataAvailability,
    Defect,
    Encounter,
    Expected,
    Measurement,
    Medication,
    Node,
    NotComputable,
    OtherExperiencer,
    Residue,
    Sex,
    TreatmentState,
)
from fhirtrial.terminology import Terminology, units

Level = Literal["error", "warning", "info"]
Share = Literal["exact", "with residue", "attestation", "not computable"]


@dataclass(frozen=True)
class Finding:
    """One thing to look at: `criterion` is "" for the whole trial, `path` counts children in the lowered tree."""

    level: Level
    trial: str
    criterion: str
    path: str
    what: str
    todo: str


@dataclass(frozen=True)
class Coverage:
    """How many items of the source are computed from records, and how far; fields and defects are not counted."""

    exact: int
    with_residue: int
    attestation: int
    not_computable: int

    @property
    def items(self) -> int:
        return self.exact + self.with_residue + self.attestation + self.not_computable


class Flagged(Protocol):
    """A defect of a source document, as records list them."""

    @property
    def code(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def criterion(self) -> str | None: ...
    @property
    def explained_by(self) -> str | None: ...


class Noted(Protocol):
    """A note on how a record was made."""

    @property
    def code(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def text(self) -> str: ...


class Checked(Protocol):
    """What of a trial record is looked at; records are made of criteria, so this room cannot import them."""

    @property
    def id(self) -> str: ...
    @property
    def criteria(self) -> Sequence[Criterion]: ...
    @property
    def defects(self) -> Sequence[Flagged]: ...
    @property
    def notes(self) -> Sequence[Noted]: ...


def check(record: Checked, terminology: Terminology) -> tuple[Finding, ...]:
    """Everything found, in the order of the criteria, what concerns the whole trial last."""
    found = [f for c in record.criteria for f in _criterion(record.id, c, terminology)]
    found += _between(record.id, [c for c in record.criteria if c.kind != "defect"])
    found += _source(record)
    return tuple(found)


def share(tree: Node) -> Share:
    """Which part of an item is computed from records; the one definition that commands, scorer and documents use.

    exact: records decide all of it · not computable: nothing was encoded, a person decides all of it · attestation:
    nothing but what people state, beside age and sex · with residue: records decide some of it and a person the rest.
    An exact item can still be asked of a person, where its concept has no code in any system.
    """
    every = atoms(tree)
    left_out = [isinstance(a, Residue | NotComputable | Defect) for a in every]
    computed = [a for a, left in zip(every, left_out, strict=True) if not left and not is_question(a)]
    if len(computed) == len(every):
        return "exact"
    if all(left_out):
        return "not computable"
    if not computed or (not any(left_out) and all(isinstance(a, Age | Sex) for a in computed)):
        return "attestation"
    return "with residue"


def coverage(criteria: Sequence[Criterion]) -> Coverage:
    """How many inclusions and exclusions have each `share`."""
    shares = [share(c.tree) for c in criteria if c.id.startswith(("inc-", "exc-"))]
    return Coverage(*(shares.count(name) for name in ("exact", "with residue", "attestation", "not computable")))


def concepts_of(atom: Atom) -> tuple[str, ...]:
    """Every concept that the atom names, in the order of its fields."""
    single = ("concept", "over", "indication", "modality", "finding", "condition", "target")
    named = [getattr(atom, field, None) for field in single]
    named += (*getattr(atom, "also", ()), *getattr(atom, "unless", ()))
    if isinstance(atom, Encounter):
        named.append(atom.reason)
    if isinstance(atom, Medication) and atom.dose:
        named.append(atom.dose.equivalent)
    return tuple(dict.fromkeys(name for name in named if name is not None))


def is_question(atom: Atom) -> bool:
    """Whether only a person can answer the atom, whatever codes there are."""
    match atom:
        case Residue() | NotComputable() | Attestation() | ClassificationCriteria() | TreatmentState() | Expected():
            return True
        case DataAvailability(concept=None) | OtherExperiencer(condition=None):
            return True
        case _:
            return False


def _criterion(trial: str, criterion: Criterion, terminology: Terminology) -> Iterator[Finding]:
    def finding(level: Level, what: str, todo: str, path: str = "") -> Finding:
        return Finding(level, trial, criterion.id, path, what, todo)

    lowered = lower(criterion.tree)
    for path, what in flaws(lowered):
        yield finding("error", what, "correct the tree: a member is wrong, missing or doubled", path)
    for name in dict.fromkeys(n for a in atoms(lowered) for n in concepts_of(a)):
        if name not in terminology.concepts:
            yield finding("error", f"no concept {name!r}", "define it in terminology, or name one that exists")
        elif not terminology.hits(name):
            yield finding("info", f"concept {name!r} has no code", "give the site's codes, or expect to be asked")
    for unit in dict.fromkeys(a.unit for a in atoms(lowered) if isinstance(a, Measurement | Change) and a.unit):
        if not units.known(unit):
            yield finding("error", f"{unit!r} is no UCUM unit", "write the unit in UCUM: nothing can be compared in it")
    if criterion.kind == "defect" or criterion.id in {"age", "sex"}:
        return
    if criterion.review is None:
        yield finding("warning", "nobody has reviewed the tree", "review it: unreviewed trees never write candidates")
    for atom in dict.fromkeys(atoms(lowered)):
        if isinstance(atom, NotComputable):
            yield finding("warning", f"not computable ({atom.reason}): {atom.text}", "encode it, or expect to be asked")
        elif isinstance(atom, Residue):
            yield finding("info", f"left to a person ({atom.reason}): {atom.text}", "encode it, or expect to be asked")
    for reason in criterion.defects:
        yield finding("info", f"the source is flawed here: {reason}", "compare the tree with the source")


def _between(trial: str, criteria: Sequence[Criterion]) -> Iterator[Finding]:
    """Requirements of two criteria that nobody can meet together, and ages that field and text state differently."""
    told = [(c, r) for c in criteria for r in dict.fromkeys(required(lower(c.tree), holds=c.kind == "inclusion"))]
    for (a, one), (b, other) in combinations(told, 2):
        if a.id == b.id:
            continue
        if clash(one, other):
            what = f"{_words(one)} cannot hold together with {b.id}: {_words(other)}"
            yield Finding("error", trial, a.id, "", what, "correct one of the two: nobody can be eligible")
        elif "age" in {a.id, b.id} and isinstance(one.atom, Age) and isinstance(other.atom, Age) and one != other:
            item = b if a.id == "age" else a
            what = f"{a.id} says {_words(one)}, {b.id} says {_words(other)}"
            yield Finding("warning", trial, item.id, "", what, "ask which is meant: both are applied")


def _words(requirement: Requirement) -> str:
    return sentence(requirement.atom) if requirement.holds else f"not ({sentence(requirement.atom)})"


def _source(record: Checked) -> Iterator[Finding]:
    blocking = {c.tree.code for c in record.criteria if isinstance(c.tree, Defect)}
    for defect in record.defects:
        where = defect.criterion or ""
        if defect.explained_by is not None:
            what = f"{defect.code}: {defect.text}; explained by {defect.explained_by}"
            yield Finding("info", record.id, where, "", what, "compare with the registry")
        elif defect.code in blocking:
            todo = "get what is missing: until then nobody can be eligible"
            yield Finding("error", record.id, where, "", f"{defect.code}: {defect.text}", todo)
        else:
            todo = "compare with the registry"
            yield Finding("warning", record.id, where, "", f"{defect.code}: {defect.text}", todo)
    for note in record.notes:
        if note.code in {"text-changed", "review-dropped", "unmatched"}:
            what = f"{note.code} at {note.path}: {note.text}"
            yield Finding("warning", record.id, "", note.path, what, "review the tree against the text as it is now")
