"""What names nothing the terminology knows → who answers it: a judgement, a plan, a relative, an ability, a record.

Only whole items without any encoding change their kind, and keep all their words: they stay questions to a person.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Container
from importlib.resources import files
from typing import Any as Anything

from fhirtrial.criteria.lower import atoms
from fhirtrial.criteria.text.found import unsure
from fhirtrial.criteria.tree import (
    All,
    Allergy,
    Any,
    AtLeast,
    Attestation,
    DataAvailability,
    Def,
    Except,
    Expected,
    If,
    Node,
    Not,
    NotComputable,
    OtherExperiencer,
    Residue,
    TreatmentState,
)

_KINDS: list[dict[str, Anything]] = tomllib.loads(
    (files("fhirtrial.criteria.text") / "data" / "statements.toml").read_text(encoding="utf-8")
)["kinds"]
_EACH = tuple(
    (kind, re.compile(rf"(?<![^\W_])(?:{'|'.join(kind['words'])})(?![^\W_])", re.IGNORECASE)) for kind in _KINDS
)
_MODELS: dict[str, type[Attestation | OtherExperiencer | TreatmentState | Expected | DataAvailability]] = {
    "attestation": Attestation,
    "other": OtherExperiencer,
    "treatment-state": TreatmentState,
    "expected": Expected,
    "data": DataAvailability,
}
_ANY_DRUG = "drug-allergy"
_ALLERGY = re.compile(
    r"\b(?:allerg(?:y|ies|ic)|hyper-?sensitiv\w+|anaphyla\w+|intoleran\w+|sensitivity|sensitive)\b.*\b(?:to|of|against|with)\b",
    re.IGNORECASE,
)
_DENIED = re.compile(r"\b(?:no|not|without|family|relatives?)\b", re.IGNORECASE)
_OPEN_REASONS = frozenset({"not_encoded", "judgement"})
# "No planned surgery" denies a plan; "no more than" and "not only" deny nothing that follows.
_DENIAL = re.compile(
    r"(?:no|without|absence\s+of|not)\s+(?!(?:more|less|later|fewer|longer|only|limited|all|every)\b)", re.IGNORECASE
)
_JOINED = re.compile(r"\b(?:and|or|but|if|unless|except|than)\b|[,;:.(]", re.IGNORECASE)


def asked(node: Node, known: Container[str]) -> Node:
    """A tree without any encoding asks in the form that its words tell; `known` are the concepts' names."""
    if isinstance(node, NotComputable) and _ALLERGY.search(node.text) and _ANY_DRUG in known and not _is_joined(node):
        # "Hypersensitivity to the study drug": any drug allergy is evidence, which drug is meant a person knows.
        return unsure(Allergy(concept=_ANY_DRUG, mechanism="any"), Residue(text=node.text, reason=node.reason))
    left = (NotComputable, Residue)
    return _stated(node) if all(isinstance(a, left) for a in atoms(node)) else node


def _is_joined(item: NotComputable) -> bool:
    return item.reason != "not_encoded" or _DENIED.search(item.text) is not None


def _stated(node: Node) -> Node:
    match node:
        case NotComputable():
            return _statement(node)
        case All(nodes=nodes) | Any(nodes=nodes) | AtLeast(nodes=nodes):
            return node.model_copy(update={"nodes": tuple(_stated(n) for n in nodes)})
        case Not(node=inner):
            return Not(node=_stated(inner))
        case Def(term=term, body=body):
            return Def(term=term, body=_stated(body))
        case If(condition=condition, then=then):
            return If(condition=_stated(condition), then=_stated(then))
        case Except(base=base, unless=unless):
            return Except(base=_stated(base), unless=_stated(unless))
        case _:
            return node


def _statement(item: NotComputable) -> Node:
    if item.reason not in _OPEN_REASONS:
        return item
    kind = next((kind for kind, pattern in _EACH if pattern.search(item.text)), None)
    if kind is None:
        if item.reason != "judgement":
            return item
        kind = {"kind": "attestation", "topic": "judgement"}
    fields = {name: value for name, value in kind.items() if name != "words"}
    model = _MODELS[kind["kind"]]
    denial = _DENIAL.match(item.text)
    if denial is not None and not _JOINED.search(item.text) and _fits(kind, item.text[denial.end() :]):
        return Not(node=model.model_validate(fields | {"text": item.text[denial.end() :]}))
    return model.model_validate(fields | {"text": item.text})


def _fits(kind: dict[str, Anything], text: str) -> bool:
    """Whether the words that tell the kind stand behind the denial."""
    return any(entry is kind and pattern.search(text) for entry, pattern in _EACH)
