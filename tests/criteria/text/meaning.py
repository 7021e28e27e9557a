"""When two trees mean the same: lowered, alternatives multiplied out, what a person is asked told only by its kind."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from itertools import combinations
from typing import TypeAlias

from fhirtrial.criteria.document import node_to_json
from fhirtrial.criteria.lower import Lowered, lower
from fhirtrial.criteria.tree import AtLeast, Attestation, Node, Not, NotComputable, Residue

Form: TypeAlias = tuple[object, ...]

# Words for readers; what they say is asked of a person, whatever the words.
_WORDS = {"text", "name", "period", "label", "year"}
_OPEN: Form = ("asked",)
_MANY = 20_000


def form(node: Node) -> Form:
    """One value for one meaning: the least set of alternatives, each a least set of what must hold.

    "All" distributes over "Any" and what an alternative already holds adds nothing, in three values as in two; a denied
    atom and its opposite stay apart, as both may be unknown.
    """
    alternatives = _alternatives(lower(node), denied=False)
    return tuple(sorted((tuple(sorted(a, key=repr)) for a in alternatives), key=repr))


def _alternatives(node: Lowered, *, denied: bool) -> frozenset[frozenset[Form]]:
    match node:
        case Not(node=inner):
            return _alternatives(inner, denied=not denied)  # type: ignore[arg-type]
        case AtLeast(k=k, nodes=nodes):
            # Not "k of n" is "n - k + 1 of the denied n".
            needed = len(nodes) - k + 1 if denied else k
            members = [_alternatives(n, denied=denied) for n in nodes]  # type: ignore[arg-type]
            found: set[frozenset[Form]] = set()
            for chosen in combinations(members, needed):
                found |= reduce(lambda a, b: _least({x | y for x in a for y in b}), chosen, {frozenset()})
            return frozenset(_least(found))
        case _:
            literal = _leaf(node)
            return frozenset({frozenset({("not", literal) if denied and literal != _OPEN else literal})})


def _least(sets: Iterable[frozenset[Form]]) -> set[frozenset[Form]]:
    """Without what holds only where another already holds: "x or (x and y)" is "x"."""
    kept: list[frozenset[Form]] = []
    for one in sorted(sets, key=len):
        if not any(other <= one for other in kept):
            kept.append(one)
    assert len(kept) < _MANY
    return set(kept)


def _leaf(node: Lowered) -> Form:
    match node:
        case Residue() | NotComputable():
            return _OPEN
        case Attestation(topic=topic):
            return ("attestation", topic)
        case _:
            fields = {k: v for k, v in node_to_json(node).items() if k not in _WORDS}
            return ("atom", repr(sorted(fields.items())))
