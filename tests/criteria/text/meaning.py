"""When two trees mean the same: lowered, flattened, in one order, what a person is asked told only by its kind."""

from __future__ import annotations

from typing import TypeAlias

from fhirtrial.criteria.document import node_to_json
from fhirtrial.criteria.lower import Lowered, lower
from fhirtrial.criteria.tree import AtLeast, Attestation, Node, Not, NotComputable, Residue

Form: TypeAlias = tuple[object, ...]

# Words for readers; what they say is asked of a person, whatever the words.
_WORDS = {"text", "name", "period", "label", "year"}
_OPEN: Form = ("asked",)


def form(node: Node) -> Form:
    """One value for one meaning."""
    return _form(lower(node))


def _form(node: Lowered) -> Form:
    match node:
        case Not(node=inner):
            below = _form(inner)  # type: ignore[arg-type]
            return below if below == _OPEN else ("not", below)
        case AtLeast(k=k, nodes=nodes):
            return _members(k, [_form(n) for n in nodes])  # type: ignore[arg-type]
        case Residue() | NotComputable():
            return _OPEN
        case Attestation(topic=topic):
            return ("attestation", topic)
        case _:
            fields = {k: v for k, v in node_to_json(node).items() if k not in _WORDS}
            return ("atom", repr(sorted(fields.items())))


def _members(k: int, members: list[Form]) -> Form:
    if k not in {1, len(members)}:
        return (f"{k} of", *sorted(members, key=repr))
    name = "any" if k == 1 and len(members) > 1 else "all"
    other = "all" if name == "any" else "any"
    flat = {m for member in members for m in (member[1:] if member[0] == name else (member,))}
    # x or (x and y) is x; the same for an open question beside what it already stands in.
    kept = [m for m in flat if not (isinstance(m, tuple) and m[0] == other and any(part in flat for part in m[1:]))]
    return kept[0] if len(kept) == 1 else (name, *sorted(kept, key=repr))  # type: ignore[return-value]
