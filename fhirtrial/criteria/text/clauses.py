"""A clause → its node: sentences, exceptions, conditions, permissions and conjunctions, before any phrase is read.

"or" joins as Any; "and" as All, except where an exclusion lists things with "and": that may mean either, and the tree
says so. A permission or a condition that is not read makes what it touches evidence only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from fhirtrial.criteria.text.asked import absorbed, attested
from fhirtrial.criteria.text.brackets import bracket_of, definition_of
from fhirtrial.criteria.text.conjuncts import anded, pieces_of, share_out
from fhirtrial.criteria.text.cues import FILLING
from fhirtrial.criteria.text.encode import encode
from fhirtrial.criteria.text.found import Job, unsure
from fhirtrial.criteria.text.imaged import imaged
from fhirtrial.criteria.text.joints import Joint, cut, evidence, join, opaque, place_of, said_between, stripped
from fhirtrial.criteria.text.lexemes import Lexeme
from fhirtrial.criteria.text.lists import exemplified, listed_in
from fhirtrial.criteria.text.minors import young
from fhirtrial.criteria.text.partners import unprotected
from fhirtrial.criteria.text.persisting import persisting
from fhirtrial.criteria.text.phrase import (
    TOPICS,
    Bracket,
    Item,
    Phrase,
    cued,
    flat,
    has_core,
    is_core,
    split,
)
from fhirtrial.criteria.text.plain import plain
from fhirtrial.criteria.text.shown import evidenced
from fhirtrial.criteria.text.trailing import apart, judged
from fhirtrial.criteria.text.washouts import washed_out
from fhirtrial.criteria.tree import All, Any, Except, If, Node, Not, NotComputable

_DEPTH = 12
# A comparison worded as a duty.
_DUTY = re.compile(r"(?:should|must|may|can|shall|will)(?:\s+not|not)\b")
# Whole clauses of one making, each in its module, by the cue that such a clause cannot do without.
_FORMS: Mapping[str, Callable[[Job, Sequence[Item], int], Node | None]] = {
    "allowed": washed_out,
    "contraception": unprotected,
    "failed": persisting,
    "judgement": judged,
    "same": evidenced,
    "minor": young,
}


def sentences(job: Job, items: Sequence[Item], depth: int = 0) -> Node | None:
    """All sentences of a line together."""
    parts = [p for p in cut(items, "stop") if p]
    parts = [s for p in parts if (s := plain(job, p, alone=len(parts) == 1))]
    # A later sentence that is not understood may widen or narrow what was said before it: `doubted` holds that, and
    # [first, last) the sentences that cast the doubt; `nodes` is what was said after them.
    doubted: list[Node] = []
    nodes: list[Node] = []
    first = last = 0
    for place, part in enumerate(parts):
        start, end = part[0].start, part[-1].end
        if place and cued(part, "advice") is not None and not any(x.kind == "compare" for x in flat(part)):
            job.notes.append((job.words(start, end), (start, end)))
            job.cited.append((start, end))
            continue
        node = job.clause(job, part, depth)
        if node is None:
            continue
        unread = isinstance(node, NotComputable)
        if (nodes or doubted) and (unread or cued(part, "allowed", "if", "same") is not None):
            doubted += nodes if unread else [*nodes, node]
            nodes = []
            first, last = first if last else start, end
            continue
        nodes.append(node)
    joint: Joint = "or" if job.exclusion else "and"
    if doubted:
        nodes = [unsure(join(job, joint, doubted), job.residue("ambiguous_logic", first, last)), *nodes]
    return join(job, joint, nodes) if nodes else None


def clause(job: Job, items: Sequence[Item], depth: int = 0) -> Node | None:
    """One clause; None where it says nothing."""
    items = stripped(items)
    if not items:
        return None
    if depth > _DEPTH:
        return opaque(job, items)
    parts = [p for p in cut(items, "semicolon") if stripped(p)]
    if len(parts) > 1:
        nodes = [n for p in parts if (n := clause(job, stripped(p), depth + 1)) is not None]
        return join(job, said_between(parts) or ("or" if job.exclusion else "and"), nodes) if nodes else None
    said = {i.value for i in items if isinstance(i, Lexeme) and i.kind == "cue"}
    for cue, form in _FORMS.items():
        if cue in said and (node := form(job, items, depth)) is not None:
            return node
    return (
        imaged(job, items, depth)
        or _allowing(job, items, depth)
        or _conditional(job, items, depth)
        or _excepting(job, items, depth)
        or listed_in(job, items, depth)
        or exemplified(job, items, depth)
        or conjoined(job, items, depth)
    )


def _allowing(job: Job, items: Sequence[Item], depth: int) -> Node | None:
    """A permission changes what the rest excludes in a way that is not read: evidence only."""
    cue = cued(items, "allowed")
    if cue is None or (
        cue.text.startswith(("should be", "must be", "must have", "should have", "will be", "may be", "can be"))
        and not job.exclusion
    ):
        if cue is None or cue.text.startswith(("may", "can", "will")):
            return None if cue is None else evidence(job, items, cue, depth)
        return None
    return evidence(job, items, cue, depth)


def _conditional(job: Job, items: Sequence[Item], depth: int) -> Node | None:
    at = place_of(items, "if")
    if at is None:
        return None
    comma = next((n for n, i in enumerate(items) if n > at and isinstance(i, Lexeme) and i.kind == "comma"), None)
    if at == 0 and comma is not None and not job.exclusion:
        condition, then = job.clause(job, items[1:comma], depth + 1), job.clause(job, items[comma + 1 :], depth + 1)
        if condition is not None and then is not None:
            return If(condition=condition, then=then)
    return evidence(job, items, items[at], depth)


def _excepting(job: Job, items: Sequence[Item], depth: int) -> Node | None:
    at = place_of(items, "except", "unless")
    if at is None or at == 0:
        return evidence(job, items, items[0], depth) if at == 0 else None
    cue = items[at]
    assert isinstance(cue, Lexeme)  # noqa: S101 - place_of finds lexemes only
    base_items, unless_items = split(items, at)
    base = job.clause(job, base_items, depth + 1)
    if base is not None and (caused := apart(job, base, unless_items)) is not None:
        job.encode(cue)
        return caused
    unless = job.clause(job, unless_items, depth + 1)
    if base is None or isinstance(base, NotComputable):
        return opaque(job, items)
    if unless is None:
        return evidence(job, items, cue, depth)
    job.encode(cue)
    if isinstance(unless, NotComputable):
        unless = job.residue("ambiguous_scope", unless_items[0].start, unless_items[-1].end)
    timed = [any(x.kind == "window" for x in flat(part)) for part in (base_items, unless_items)]
    if timed == [False, True]:
        # "Anticoagulants except warfarin within 7 days": the window may be the whole's.
        return unsure(Except(base=base, unless=unless), job.residue("ambiguous_scope", *_extent(items)))
    if isinstance(base, Not):
        return Not(node=Except(base=base.node, unless=unless))
    if cue.value == "unless" and not job.exclusion:
        return Any(nodes=(base, unless))
    if isinstance(base, Any) and any(isinstance(i, Lexeme) and i.kind in {"or", "and/or", "and"} for i in base_items):
        # The exception may be one to the last member only: who has it keeps the others open.
        residue = job.residue("ambiguous_scope", items[0].start, items[-1].end)
        return Any(nodes=(Except(base=base, unless=unless), All(nodes=(base, residue))))
    return Except(base=base, unless=unless)


def conjoined(job: Job, items: Sequence[Item], depth: int) -> Node:
    items = stripped(items) or tuple(items)
    pieces = pieces_of(job, items)
    pieces = [x for x in pieces if not _says_nothing(x[0])] or pieces
    pieces = absorbed(pieces)
    phrases = share_out(job, [p for p, _ in pieces])
    joints = [j for _, j in pieces][1:]
    if len(phrases) == 1:
        return phrase_node(job, phrases[0], depth)
    denial = phrases[0].lexemes[:4]
    negation = next((x for x in denial if x.kind == "cue" and x.value == "negation"), None)
    if (
        negation is not None
        and all(negation in p.cues for p in phrases[1:])
        and not any(is_core(x) and x.start < negation.start for x in denial)
    ):
        bare = [
            replace(
                p,
                items=tuple(i for i in p.items if i is not negation),
                cues=tuple(c for c in p.cues if c is not negation),
            )
            for p in phrases
        ]
        nodes = [phrase_node(job, p, depth) for p in bare if p.items]
        job.encode(negation)
        joint: Joint = "either" if any(j == "and" for j in joints) and job.exclusion else "or"
        turned = Not(node=join(job, joint, nodes, items))
        led = any(
            j != "or" and cued(p.items, "history", "using", "planned") is not None
            for j, p in zip(joints, bare[1:], strict=False)
        )
        return unsure(turned, job.residue("ambiguous_logic", *_extent(items))) if led else turned
    nodes = [phrase_node(job, p, depth) for p in phrases]
    groups: list[tuple[list[Node], list[Phrase]]] = [([nodes[0]], [phrases[0]])]
    for node, phrase, joint_word in zip(nodes[1:], phrases[1:], joints, strict=True):
        if joint_word == "or":
            groups.append(([node], [phrase]))
        else:
            groups[-1][0].append(node)
            groups[-1][1].append(phrase)
    unsaid = "either" in joints
    joined = [
        join(job, "either" if unsaid and len(members) > 1 else anded(job, group, members), members, items)
        for members, group in groups
    ]
    whole = join(job, "or", joined)
    if "or" in joints and len({_is_denied(p) for p in phrases}) > 1:
        # "Without asthma or with COPD", "asthma, no COPD or stroke": how far the denial reaches is open.
        return unsure(whole, job.residue("ambiguous_logic", *_extent(items)))
    return whole


def _extent(items: Sequence[Item]) -> tuple[int, int]:
    return items[0].start, items[-1].end


def _is_denied(phrase: Phrase) -> bool:
    first = next((x.start for x in phrase.lexemes if is_core(x)), phrase.span[1])
    denials = (x for x in (*phrase.cues, *phrase.lexemes) if x.kind == "cue" and x.value == "negation")
    return any(x in phrase.cues or x.start < first for x in denials)


def _says_nothing(phrase: Phrase) -> bool:
    """As in "Both male and female": nobody is left out."""
    return cued(phrase.items, "sexes") is not None and all(
        isinstance(i, Lexeme) and (i.value == "sexes" or i.kind == "other" or (i.kind == "word" and i.text in FILLING))
        for i in phrase.items
    )


def phrase_node(job: Job, phrase: Phrase, depth: int) -> Node:
    items = phrase.items
    names = {str(c.value) for c in flat(items) if c.kind == "cue"}
    if names & TOPICS and not any(
        x.kind == "compare" and not any(t in names for t in ("contraception", "consent")) for x in phrase.lexemes
    ):
        told = attested(job, items, names)
        if told is not None:
            return told
    brackets = [i for i in items if isinstance(i, Bracket)]
    if (
        brackets
        and not has_core(phrase.lexemes)
        and phrase.analyte is None
        and not any(x.kind == "compare" for x in phrase.lexemes)
    ):
        defined = definition_of(job, phrase, brackets, depth)
        if defined is not None:
            return defined
    if brackets:
        cores = [x for x in phrase.lexemes if is_core(x)]
        if cores and all(x.kind == "term" for x in cores):
            defined = definition_of(job, phrase, brackets, depth)
            if defined is not None:
                return defined
    node = encode(job, phrase, lambda j, b, p: bracket_of(j, b, p, depth))
    if job.exclusion and any(x.kind == "compare" and _DUTY.match(x.text) for x in phrase.lexemes):
        # What must not be exceeded is what lets a patient in: an inclusion's wording in an exclusion.
        job.flag("polarity_mixed")
        return unsure(node, job.residue("polarity_mixed", *phrase.span))
    if (
        job.exclusion
        and phrase.lexemes
        and phrase.lexemes[0].kind == "cue"
        and phrase.lexemes[0].value == "negation"
        and isinstance(node, Not)
        and phrase.lexemes[0].text.startswith(("no", "absence", "lack", "never"))
        and not phrase.lexemes[0].text.startswith("not")
    ):
        job.flag("polarity_mixed")
        return unsure(node, job.residue("polarity_mixed", *phrase.span))
    return node
