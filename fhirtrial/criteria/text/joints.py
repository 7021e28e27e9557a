"""How the members of a list or a clause are joined, and small questions about items; joins, never reads, a phrase."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from fhirtrial.criteria.text.found import Job, unsure
from fhirtrial.criteria.text.lexemes import Lexeme
from fhirtrial.criteria.text.phrase import (
    Item,
)
from fhirtrial.criteria.tree import All, Any, Node, NotComputable

Joint: TypeAlias = Literal["and", "or", "either"]


def join(job: Job, joint: Joint, nodes: Sequence[Node], items: Sequence[Item] = ()) -> Node:
    nodes = list(dict.fromkeys(nodes))
    if len(nodes) == 1:
        return nodes[0]
    if joint == "or":
        return Any(nodes=tuple(nodes))
    if joint == "and" or not items:
        return All(nodes=tuple(nodes))
    job.flag("ambiguous_logic")
    residue = job.residue("ambiguous_logic", items[0].start, items[-1].end)
    return Any(nodes=(All(nodes=tuple(nodes)), All(nodes=(Any(nodes=tuple(nodes)), residue))))


def said_between(parts: Sequence[Sequence[Item]]) -> Joint | None:
    """The connector that ends or begins the parts of a list ("…; or …")."""
    said = {
        i.kind
        for part in parts
        for i in ((part[0], part[-1], *part) if len(parts) == 1 else (part[0], part[-1]))
        if isinstance(i, Lexeme) and i.kind in {"and", "or", "and/or"}
    }
    if said and said <= {"or", "and/or"}:
        return "or"
    return "and" if said == {"and"} else None


def place_of(items: Sequence[Item], *names: str) -> int | None:
    return next(
        (n for n, i in enumerate(items) if isinstance(i, Lexeme) and i.kind == "cue" and i.value in names), None
    )


def cut(items: Sequence[Item], kind: str) -> list[tuple[Item, ...]]:
    parts: list[list[Item]] = [[]]
    for item in items:
        if isinstance(item, Lexeme) and item.kind == kind:
            parts.append([])
        else:
            parts[-1].append(item)
    return [tuple(p) for p in parts]


def stripped(items: Sequence[Item]) -> tuple[Item, ...]:
    first, last = 0, len(items)
    while first < last and _is_edge(items[first]):
        first += 1
    while last > first and _is_edge(items[last - 1]):
        last -= 1
    return tuple(items[first:last])


def _is_edge(item: Item) -> bool:
    return isinstance(item, Lexeme) and (
        item.kind in {"and", "or", "and/or", "comma", "semicolon", "stop"}
        or (item.kind == "other" and item.text in {"-", ":", "*", "•", ".", '"'})
    )


def opaque(job: Job, items: Sequence[Item]) -> Node:
    whole = job.residue("not_encoded", items[0].start, items[-1].end)
    return NotComputable(text=whole.text, reason=whole.reason)


def evidence(job: Job, items: Sequence[Item], cue: Item, depth: int) -> Node:
    rest = [i for i in items if i is not cue]
    node = job.clause(job, rest, depth + 1) if rest else None
    whole = job.residue("ambiguous_logic", items[0].start, items[-1].end)
    if node is None or isinstance(node, NotComputable):
        return NotComputable(text=whole.text, reason=whole.reason)
    return unsure(node, whole)
