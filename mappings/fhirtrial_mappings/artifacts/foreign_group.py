"""Another publisher's definitional Group → a trial that can be matched; nobody reviewed it, so nothing is written.

What `group_reading` makes of it stands, but for the time of a condition: a Group does not say whether one that is over
still counts, so that only one that is active says yes, and one that is over leaves it open.
"""

from __future__ import annotations

import hashlib
import json
from typing import cast

from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.document import criteria_hash
from fhirtrial.criteria.tree import All, Any, AtLeast, Condition, Node, Not, Residue
from fhirtrial.errors import ArtifactError
from fhirtrial.matching.result import Trial
from fhirtrial.plugins import Resource
from fhirtrial.terminology import Terminology
from fhirtrial_mappings.artifacts.group_reading import criteria
from fhirtrial_mappings.artifacts.primitives import string

OPEN_TIME = "whether a condition that is over counts"


def trial(group: Resource, terminology: Terminology) -> Trial:
    """Its id is the Group's own, which is no trial's in any registry; its recruiting is not known."""
    where = f"Group/{group.get('id', '?')}"
    if group.get("type", "person") != "person":
        raise ArtifactError(where, f"a Group of {group['type']}", "give a Group of persons")
    name = string(group.get("id")) or hashlib.sha256(json.dumps(group, sort_keys=True).encode()).hexdigest()[:16]
    read = tuple(_open_in_time(criterion) for criterion in criteria(group, terminology))
    return Trial(
        id=f"Group-{name}",
        title=string(group.get("title")) or string(group.get("name")) or where,
        status="UNKNOWN",
        criteria=read,
        questionnaire=f"urn:fhirtrial:{where}",
        tree_hash=criteria_hash(read),
    )


def _open_in_time(criterion: Criterion) -> Criterion:
    return criterion.model_copy(update={"tree": _opened(criterion.tree)})


def _opened(node: Node) -> Node:
    match node:
        case Condition():
            past = All(nodes=(node, Residue(text=OPEN_TIME, reason="ambiguous_scope")))
            return Any(nodes=(node.model_copy(update={"when": "active"}), past))
        case Not(node=inner):
            return Not(node=_opened(inner))
        case All(nodes=nodes) | Any(nodes=nodes) | AtLeast(nodes=nodes):
            return cast("Node", node.model_copy(update={"nodes": tuple(map(_opened, nodes))}))
        case _:
            return node
