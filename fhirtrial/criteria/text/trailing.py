"""What stands behind a clause and holds for part of it or for all: a judgement behind a comma, an excepted cause.

A judgement that a comma sets apart from a finished list is about all of the list. An exception by cause that names the
analytes it is for leaves the others alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from fhirtrial.criteria.text.atoms import chosen
from fhirtrial.criteria.text.found import Job
from fhirtrial.criteria.text.joints import stripped
from fhirtrial.criteria.text.lexemes import Lexeme
from fhirtrial.criteria.text.phrase import CONNECTORS, Item, cued, flat, has_core
from fhirtrial.criteria.text.values import MEASURED
from fhirtrial.criteria.tree import All, Any, Except, Measurement, Node, Not, NotComputable

_MAY = re.compile(r"(?:(?:that|which)\s+)?(?:in\s+the\s.*\s)?(?:would|could|may|might|can)\s")


def judged(job: Job, items: Sequence[Item], depth: int) -> Node | None:
    """As in "Mental disorders, including drug abuse within 3 years, that may hinder completing the study"."""
    at = next(
        (
            n
            for n, i in enumerate(items)
            if n > 1
            and isinstance(i, Lexeme)
            and i.value == "judgement"
            and _MAY.match(i.text.lstrip())
            and _is_comma(items[n - 1])
        ),
        None,
    )
    if at is None or cued(items[:at], "open") is None:
        return None
    head, tail = stripped(items[:at]), items[at:]
    if not head or has_core(tail) or any(isinstance(i, Lexeme) and i.kind in CONNECTORS for i in tail):
        return None
    node = job.clause(job, head, depth + 1)
    if node is None or isinstance(node, Not | NotComputable):
        return None
    return All(nodes=(node, job.residue("judgement", tail[0].start, tail[-1].end)))


def apart(job: Job, base: Node, unless: Sequence[Item]) -> Node | None:
    """As in "ALT or AST >= 3 x ULN, bilirubin >= 2 x ULN, excluding a rise of ALT that the disease causes"."""
    if cued(unless, "cause") is None or not isinstance(base, Any):
        return None
    named = {n for x in flat(unless) if x.kind == "concept" and (n := chosen(job, x, *MEASURED)) is not None}
    if not named or not all(isinstance(n, Measurement) for n in base.nodes):
        return None
    meant = tuple(n for n in base.nodes if isinstance(n, Measurement) and n.concept in named)
    others = tuple(n for n in base.nodes if n not in meant)
    if not meant or named != {n.concept for n in meant}:
        return None
    residue = job.residue("causal_attribution", unless[0].start, unless[-1].end)
    narrowed = Except(base=meant[0] if len(meant) == 1 else Any(nodes=meant), unless=residue)
    return Any(nodes=(narrowed, *others)) if others else narrowed


def _is_comma(item: Item) -> bool:
    return isinstance(item, Lexeme) and item.kind == "comma"
