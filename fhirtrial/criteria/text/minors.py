"""Exclusions of the young with a disease: "adolescents with asthma" are patients under 18 who have it.

Where adulthood begins the text does not say; 18 is what nearly all registries mean, and the item is flagged.
"""

from __future__ import annotations

from collections.abc import Sequence

from fhirtrial.criteria.text.found import Job
from fhirtrial.criteria.text.joints import join, stripped
from fhirtrial.criteria.text.lexemes import Lexeme
from fhirtrial.criteria.text.phrase import Item, cued, flat
from fhirtrial.criteria.tree import Age, All, Any, Condition, Node

_OF_AGE = 18


def young(job: Job, items: Sequence[Item], depth: int) -> Node | None:
    """As in "Children with asthma or COPD, tuberculosis": the comma behind a finished "or" ends what "with" governs."""
    first = items[0]
    if not job.exclusion or not isinstance(first, Lexeme) or first.value != "minor" or len(items) < 3:
        return None
    governed = items[1]
    if not isinstance(governed, Lexeme) or governed.text not in {"with", "having"}:
        return None
    if cued(flat(items), "except", "unless", "if", "negation", "experiencer") is not None:
        return None
    end = _end(items)
    ill = job.clause(job, items[2:end], depth + 1)
    if not isinstance(ill, Condition) and not (
        isinstance(ill, Any) and all(isinstance(n, Condition) for n in ill.nodes)
    ):
        return None
    job.encode(first)
    job.flag("vague_term")
    nodes: list[Node] = [All(nodes=(Age(high=_OF_AGE, high_op="<"), ill))]
    rest = stripped(items[end:])
    if rest:
        other = job.clause(job, rest, depth + 1)
        if other is not None:
            nodes.append(other)
    return join(job, "or", nodes)


def _end(items: Sequence[Item]) -> int:
    said = False
    for place, item in enumerate(items):
        kind = item.kind if isinstance(item, Lexeme) else ""
        if kind == "comma" and said and not any(isinstance(i, Lexeme) and i.kind == "or" for i in items[place:]):
            return place
        said = said or kind == "or"
    return len(items)
