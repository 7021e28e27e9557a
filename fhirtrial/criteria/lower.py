"""Turns the nodes that readers like into the three that are executed: an atom, AtLeast, Not.

An exception among things of one kind filters facts inside the atom (breast and basal cell cancer together are still
a malignancy that excludes); only circumstances of different kinds stand side by side as All(base, Not(unless)).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import assert_never

from fhirtrial.criteria.tree import (
    All,
    Any,
    AtLeast,
    Atom,
    Condition,
    Def,
    Except,
    If,
    Medication,
    Node,
    Not,
    Procedure,
)

Lowered = Atom | AtLeast | Not
Filterable = Condition | Medication | Procedure


def lower(node: Node) -> Lowered:
    """The executable form; equal in truth to `node` for every patient."""
    if isinstance(node, Atom):
        return node
    match node:
        case Not(node=inner):
            lowered = lower(inner)
            return lowered.node if isinstance(lowered, Not) else Not(node=lowered)  # type: ignore[return-value]
        case AtLeast(k=k, nodes=nodes):
            return _at_least(k, tuple(lower(n) for n in nodes))
        case All(nodes=nodes):
            return _at_least(len(nodes), tuple(lower(n) for n in nodes))
        case Any(nodes=nodes):
            return _at_least(1, tuple(lower(n) for n in nodes))
        case If(condition=condition, then=then):
            return lower(Any(nodes=(Not(node=condition), then)))
        case Def(body=body):
            return lower(body)
        case Except(base=base, unless=unless):
            return lower(_without(base, unless))
    assert_never(node)


def atoms(node: Node) -> tuple[Atom, ...]:
    """The atoms of a lowered tree, depth first, repeats kept."""
    return tuple(leaves(lower(node)))


def leaves(lowered: Lowered) -> Iterator[Atom]:
    """What is lowered holds nothing but lowered nodes, so it is walked once, however deep it is."""
    match lowered:
        case AtLeast(nodes=nodes):
            for inner in nodes:
                yield from leaves(inner)  # type: ignore[arg-type]
        case Not(node=inner):
            yield from leaves(inner)  # type: ignore[arg-type]
        case atom:
            yield atom


def _at_least(k: int, nodes: tuple[Lowered, ...]) -> Lowered:
    return nodes[0] if len(nodes) == 1 else AtLeast(k=k, nodes=nodes)


def _without(base: Node, unless: Node) -> Node:
    """`base` unless `unless`, with every alternative of `base`'s own kind moved into it as a filter on facts."""
    if isinstance(base, Any):
        return Any(nodes=tuple(Except(base=n, unless=unless) for n in base.nodes))
    alternatives = unless.nodes if isinstance(unless, Any) else (unless,)
    if not isinstance(base, Condition | Medication | Procedure):
        return All(nodes=(base, *(Not(node=n) for n in alternatives)))
    filtered: Filterable = base
    qualified: dict[str, Node] = {}
    apart: list[Node] = []
    for alternative in alternatives:
        if isinstance(alternative, type(base)) and _bare(alternative):
            filtered = _filter(filtered, alternative.concept)
        elif (split := _qualified(base, alternative)) is not None:
            concept, conditions = split
            known = qualified.get(concept)
            qualified[concept] = conditions if known is None else Any(nodes=(known, conditions))
        else:
            apart.append(Not(node=alternative))
    told = Any(nodes=(_filter(filtered, *qualified), *_kept(filtered, qualified)))
    return All(nodes=(told, *apart)) if apart else told


def _kept(base: Filterable, qualified: dict[str, Node]) -> Iterator[Node]:
    """Facts of `base` that are of an excepted concept but miss its conditions.

    A fact of several excepted concepts is kept only where all their conditions fail: every subset is asked for.
    """
    for number in range(1, len(qualified) + 1):
        for some in combinations(qualified, number):
            others = (concept for concept in qualified if concept not in some)
            held = base.model_copy(update={"also": (*base.also, *some)})
            yield All(nodes=(_filter(held, *others), *(Not(node=qualified[concept]) for concept in some)))


def _bare(atom: Filterable) -> bool:
    """Whether the exception is the concept alone, so that leaving its facts out says exactly it."""
    return atom == type(atom)(concept=atom.concept)


def _qualified(base: Filterable, alternative: Node) -> tuple[str, Node] | None:
    """`All(same kind, conditions…)` apart into its concept and its conditions."""
    if not isinstance(alternative, All):
        return None
    head, *rest = alternative.nodes
    if not rest or not isinstance(head, Condition | Medication | Procedure) or type(head) is not type(base):
        return None
    return (head.concept, All(nodes=tuple(rest))) if _bare(head) else None


def _filter(base: Filterable, *concepts: str) -> Filterable:
    return base.model_copy(update={"unless": (*base.unless, *concepts)})
