"""What images show, where one modality governs a list: "chest CT shows pneumonia or tuberculosis within 3 months".

Each member is a finding of that modality in that time; words that the findings do not carry leave a residue.
"""

from __future__ import annotations

from collections.abc import Sequence

from fhirtrial.criteria.text.atoms import chosen, kind_of
from fhirtrial.criteria.text.cues import FILLING
from fhirtrial.criteria.text.found import Job
from fhirtrial.criteria.text.joints import join
from fhirtrial.criteria.text.lexemes import Lexeme, Timed
from fhirtrial.criteria.text.phrase import Item, flat
from fhirtrial.criteria.tree import All, Finding, Node

_SHOWING = frozenset(
    [
        "show",
        "showed",
        "shows",
        "showing",
        "shown",
        "reveal",
        "revealed",
        "reveals",
        "revealing",
        "demonstrates",
        "indicates",
    ]
)
_CARRIED = frozenset({"comma", "or", "and/or", "other"})


def imaged(job: Job, items: Sequence[Item], _depth: int) -> Node | None:
    """The findings of a list that one modality governs."""
    first = items[0]
    if not isinstance(first, Lexeme) or first.kind != "concept" or kind_of(job, first) != "imaging":
        return None
    modality = chosen(job, first, "imaging")
    rest = list(flat(items[1:]))
    if modality is None or not rest or rest[0].text not in _SHOWING:
        return None
    seen = [x for x in rest if x.kind == "concept"]
    findings = [name for x in seen if (name := chosen(job, x, "condition")) is not None]
    windows = [x for x in rest if x.kind == "window"]
    if len(findings) < 2 or len(findings) != len(seen) or len(windows) > 1:
        return None
    if any(x.kind in {"and", "compare", "number", "duration", "term", "stop", "semicolon"} for x in rest) or any(
        x.kind == "cue" and x.value not in {"open", "active", "abnormal", "acute", "chronic"} for x in rest
    ):
        return None
    timed = windows[0].value if windows else None
    if windows and (not isinstance(timed, Timed) or not timed.anchored or rest[-1] is not windows[0]):
        return None
    window = timed.window if isinstance(timed, Timed) else None
    job.encode(first, *seen, *windows)
    nodes: list[Node] = [Finding(modality=modality, finding=f, window=window) for f in dict.fromkeys(findings)]
    listed = join(job, "or", nodes)
    left = [
        x
        for x in rest[1:]
        if not (x in seen or x in windows or x.kind in _CARRIED or x.value == "open" or x.text in FILLING)
    ]
    if not left:
        return listed
    return All(nodes=(listed, job.residue("evidence_method", items[0].start, items[-1].end)))
