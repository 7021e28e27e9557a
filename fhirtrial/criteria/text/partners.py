"""Who must not be unwilling to use contraception: exclusions that name women who can bear children, or men's partners.

Pregnancy and breast-feeding stand alone; only the ability to bear (or beget) children is tied to the unwillingness.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fhirtrial.criteria.text.atoms import chosen
from fhirtrial.criteria.text.cues import FILLING
from fhirtrial.criteria.text.found import Job
from fhirtrial.criteria.text.joints import join
from fhirtrial.criteria.text.lexemes import Lexeme
from fhirtrial.criteria.text.phrase import CONNECTORS, Bracket, Item, cued, flat, has_core
from fhirtrial.criteria.tree import All, Attestation, Node, Not, OtherExperiencer, Reproductive, Sex

_UNWILLING = ("unwilling", "reluctan", "refus", "decline")
_STATES = {"pregnancy": "pregnant", "lactation": "lactating"}
_WHO = frozenset({"pregnant", "lactating", "childbearing", "female", "male", "experiencer", "active", "negation"})
_WORDS = FILLING | {"whose", "but", "sexually", "potential", "nursing", "capable", "women's", "fertility"}


def unprotected(job: Job, items: Sequence[Item], _depth: int) -> Node | None:
    """As in "Pregnant or breast-feeding women, or women of child-bearing potential unwilling to use contraception"."""
    if not job.exclusion or cued(items, "contraception") is None:
        return None
    at = next(
        (
            n
            for n, i in enumerate(items)
            if isinstance(i, Lexeme) and i.value == "willingness" and i.text.startswith(_UNWILLING)
        ),
        None,
    )
    if at is None or at == 0:
        return None
    head, tail = items[:at], items[at + 1 :]
    head = tuple(_state(job, i) for i in head)
    if cued(tail, "contraception") is None or has_core(tuple(flat(tail))) or not _names_only_people(head):
        return None
    if cued(tail, "except", "unless", "if", "pregnant", "lactating", "childbearing", "allowed") is not None:
        return None
    cues = {str(x.value): x for x in flat(head) if x.kind == "cue"}
    willing = job.words(tail[0].start, tail[-1].end)
    asked = Not(node=Attestation(topic="contraception", text=f"willing to {willing}"))
    job.cited.append((items[at].start, tail[-1].end))
    states = [s for s in ("pregnant", "lactating") if s in cues]
    who: list[Node] = [Reproductive.model_validate({"state": s}) for s in states]
    bound: list[Node]
    if "male" in cues and "female" not in cues and not who:
        partner = cues.get("experiencer")
        bound = [Sex(value="male")]
        if partner is not None:
            text = job.words(partner.start, _last(head))
            job.cited.append((partner.start, _last(head)))
            bound.append(OtherExperiencer(who="partner", text=text))
    elif "childbearing" in cues and "experiencer" not in cues:
        bound = [Reproductive(state="childbearing-potential")]
    else:
        return None
    job.encode(*cues.values())
    return join(job, "or", [*who, All(nodes=(*bound, asked))])


def _state(job: Job, item: Item) -> Item:
    """Pregnancy and breast-feeding as cues, also where the terminology names them."""
    if isinstance(item, Lexeme) and item.kind == "concept":
        state = _STATES.get(str(chosen(job, item)))
        if state is not None:
            return replace(item, kind="cue", value=state)
    return item


def _names_only_people(head: Sequence[Item]) -> bool:
    for item in head:
        if isinstance(item, Bracket):
            if not _names_only_people(item.items):
                return False
            continue
        partner = item.value == "experiencer" and item.text.startswith("partner")
        if item.kind == "cue" and (item.value not in _WHO or (item.value == "experiencer" and not partner)):
            return False
        if item.kind == "cue" and item.value == "negation":
            return False
        if item.kind not in {"cue", "word", "other"} | CONNECTORS or (item.kind == "word" and item.text not in _WORDS):
            return False
    return True


def _last(head: Sequence[Item]) -> int:
    kept = [i for i in head if not (isinstance(i, Lexeme) and i.text in {"but", "are", "who", "is", "and"})]
    return (kept or list(head))[-1].end
