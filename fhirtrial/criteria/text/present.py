"""Conditions that the words put in the present: "at screening", graded on today's scale, out of control.

Only a condition that asks for no time of its own is touched: what the text dates stays dated.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from fhirtrial.criteria.text.lexemes import Lexeme
from fhirtrial.criteria.tree import (
    All,
    Any,
    AtLeast,
    Condition,
    DataAvailability,
    Def,
    Measurement,
    Node,
    Ordinal,
    Residue,
    Result,
)

# A disease that is out of control is there; one that was "significant" or "severe" may be over.
UNCONTROLLED = re.compile(r"uncontrol|poorly[\s-]+controlled|inadequately\s+controlled", re.IGNORECASE)

_MATTERS = re.compile(
    r"significan|relevan|important|meaningful|stable|would|could|may|might|can\b|opinion|investigator"
)


def is_present(cues: Mapping[str, Lexeme]) -> bool:
    """Whether a phrase's cues say that its disease is there now."""
    return "now" in cues or ("judgement" in cues and UNCONTROLLED.search(cues["judgement"].text) is not None)


def present(node: Node) -> Node:
    """The node with its undated conditions asked for as they are now."""
    match node:
        case Condition(when="ever", window=None, course=None):
            return node.model_copy(update={"when": "active"})
        case All(nodes=nodes) | Any(nodes=nodes) | AtLeast(nodes=nodes):
            return node.model_copy(update={"nodes": tuple(present(n) for n in nodes)})
        case Def(body=body):
            return node.model_copy(update={"body": present(body)})
        case _:
            return node


def graded_now(node: Node, scale: Node) -> Node:
    """As in "heart failure (NYHA class III)": what has a class today is there today."""
    if isinstance(scale, Ordinal) and scale.window is None:
        return present(node) if isinstance(node, Condition) else node
    return node


def is_tested(node: Node) -> bool:
    """Whether a node asks for results of tests and for nothing else."""
    match node:
        case Result() | Measurement() | Ordinal() | DataAvailability():
            return True
        case All(nodes=nodes) | Any(nodes=nodes) | AtLeast(nodes=nodes):
            return all(is_tested(n) for n in nodes)
        case _:
            return False


def rates(cues: Iterable[Lexeme]) -> bool:
    """Whether the judgements are of the disease itself ("serious"), not of its import ("significant")."""
    return not any(x.kind == "cue" and x.value == "judgement" and _MATTERS.search(x.text) for x in cues)


def is_rated_kind(node: Node) -> bool:
    """As in "serious cardiac or brain disorders": diseases of whole organ systems, rated by a person.

    A disease named as one of them is rated by the text itself.
    """
    if isinstance(node, Any):
        return all(is_rated_kind(n) for n in node.nodes)
    if not isinstance(node, All) or len(node.nodes) != 2:
        return False
    disease, residue = node.nodes
    return (
        isinstance(residue, Residue)
        and residue.reason == "judgement"
        and isinstance(disease, Condition)
        and disease.concept.endswith("-disorder")
    )
