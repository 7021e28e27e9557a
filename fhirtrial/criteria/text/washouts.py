"""Wash-outs written as duties: "must stop X at least 30 days before screening" asks for no exposure in that time.

In an exclusion the duty is what is not met: whoever was exposed within the time is excluded, and the item says so.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from fhirtrial.criteria.text.atoms import chosen
from fhirtrial.criteria.text.cues import FILLING
from fhirtrial.criteria.text.found import Job
from fhirtrial.criteria.text.joints import join
from fhirtrial.criteria.text.lexemes import Lexeme, Timed
from fhirtrial.criteria.text.phrase import CONNECTORS, Item, flat
from fhirtrial.criteria.text.values import lasting_of
from fhirtrial.criteria.tree import Anchor, Medication, Node, Not, Offset, Window

_STOPPING = re.compile(r"discontinue|stop")
_DUTY = re.compile(r"^(?:must|should|need|has|have|required)")
_STOPPED = frozenset({"discontinued", "stopped", "withdrawn", "discontinue", "stop", "ceased"})
_WORDS = FILLING | _STOPPED | {"been", "it", "its", "period", "washout"}
_ROUTES = ("oral", "intravenous", "subcutaneous", "intramuscular", "topical", "inhaled", "systemic")


def washed_out(job: Job, items: Sequence[Item], _depth: int) -> Node | None:
    """The exposure that a duty to stop rules out (inclusion) or that excludes (exclusion)."""
    at = next((n for n, i in enumerate(items) if isinstance(i, Lexeme) and i.value == "allowed"), None)
    if at is None or at == 0:
        return None
    duty = items[at]
    assert isinstance(duty, Lexeme)  # noqa: S101 - found as a lexeme
    after = list(flat(items[at + 1 :]))
    if not _DUTY.match(duty.text) or not (_STOPPING.search(duty.text) or any(x.text in _STOPPED for x in after[:2])):
        return None
    lexemes = [x for x in flat(items) if x is not duty]
    names = [x for x in lexemes if x.kind == "concept"]
    medicines = [(x, name) for x in names if (name := chosen(job, x, "medication")) is not None]
    if not medicines or len(medicines) != len(names) or any(x.start > duty.start for x in names):
        return None
    window = _time(lexemes)
    if window is None or not all(_harmless(x) for x in lexemes if x not in names):
        return None
    job.encode(duty, *(x for x in lexemes if x.kind != "word"))
    route = next((x.value for x in lexemes if x.kind == "cue" and x.value in _ROUTES), None)
    drugs = dict.fromkeys(name for _, name in medicines)
    exposures: list[Node] = [
        Medication.model_validate({"concept": name, "window": window, "route": route}) for name in drugs
    ]
    if job.exclusion:
        job.flag("polarity_mixed")
        return join(job, "or", exposures)
    return Not(node=join(job, "or", exposures))


def _time(lexemes: Sequence[Lexeme]) -> Window | None:
    """The time without exposure, back from its anchor; None where one of the two is not told."""
    length: Offset | None = None
    anchor: Anchor | None = None
    for lexeme in lexemes:
        if isinstance(lexeme.value, Timed):
            window = lexeme.value.window
            if not lexeme.value.anchored or window.start is not None or window.end is None:
                return None
            anchor = window.anchor
            if window.end.value < 0:
                length = window.end.model_copy(update={"value": -window.end.value})
        elif (lasting := lasting_of(lexeme)) is not None:
            if lasting.op not in {">=", ">"} or length is not None:
                return None
            length = lasting.length
    if length is None or anchor is None:
        return None
    return Window(anchor=anchor, start=length.model_copy(update={"value": -length.value}))


def _harmless(lexeme: Lexeme) -> bool:
    if lexeme.kind == "cue":
        return lexeme.value in {"using", "history", "active", *_ROUTES}
    if lexeme.kind == "word":
        return lexeme.text in _WORDS
    return lexeme.kind in {"window", "duration", "compare", "other", "comma"} | CONNECTORS
