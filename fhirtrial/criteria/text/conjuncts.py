"""Items → conjuncts: what joins whole members and what only modifiers, and what the members share with one another.

What stands in front of the first member (history of, allergy to, no) holds for the bare ones after it, and what stands
behind the last (a window, a comparison) for the bare ones before it; where that is in doubt it becomes a residue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from fhirtrial.criteria.text.atoms import chosen, kind_of
from fhirtrial.criteria.text.cues import FILLING, WORDS
from fhirtrial.criteria.text.found import Job
from fhirtrial.criteria.text.joints import Joint
from fhirtrial.criteria.text.lexemes import Bounds, Lexeme, Rank, Term
from fhirtrial.criteria.text.names import find_names
from fhirtrial.criteria.text.phrase import (
    ASKING,
    CONNECTORS,
    TOPICS,
    Bracket,
    Item,
    Phrase,
    has_core,
    is_core,
)
from fhirtrial.criteria.text.values import MEASURED
from fhirtrial.criteria.tree import All, Measurement, Node, Reproductive, Sex

# Cues that go on holding for the later members of a list.
_CARRIED = frozenset(
    {
        "history",
        "using",
        "allergy",
        "intolerance",
        "negation",
        "planned",
        "suspected",
        "experiencer",
        "contraindication",
        "inpatient",
        "cause",
    }
)
_SHARED_LOOSELY = frozenset(
    {"active", "judgement", "severe", "moderate", "mild", "acute", "chronic", "recurrent", "failed"}
)
# A later member that begins with one of these is no longer denied: "without asthma or with COPD".
_AFRESH = frozenset(["with", "on", "has", "have", "having", "had", "presence"])
_LEFTWARD = frozenset([
    "that", "which", "who", "whose", "in", "on", "with", "within", "requiring", "by", "at", "during", "for",
    "as", "from", "to", "than", "including", "when", "where", "due",
])  # fmt: skip
_DOMAINS: dict[str, Literal["condition", "medication", "procedure", "lab"]] = {
    "condition": "condition",
    "medication": "medication",
    "vaccine": "medication",
    "procedure": "procedure",
    "lab": "lab",
    "vital": "lab",
    "score": "lab",
}


def pieces_of(job: Job, items: Sequence[Item]) -> list[tuple[Phrase, Joint]]:
    """The conjuncts and how each is joined to the one before; a connector between mere modifiers joins nothing."""
    chunks: list[list[Item]] = [[]]
    words: list[str] = []
    for item in items:
        if isinstance(item, Lexeme) and item.kind in CONNECTORS:
            if chunks[-1]:
                chunks.append([])
                words.append(item.kind)
            elif words:
                words[-1] = item.kind if words[-1] == "comma" or item.kind != "comma" else words[-1]
        else:
            chunks[-1].append(item)
    if not chunks[-1]:
        chunks.pop()
        words = words[: max(0, len(chunks) - 1)]
    if not chunks:
        return [(Phrase(tuple(items)), "and")]
    merged: list[list[Item]] = []
    joints: list[str] = []
    held: list[Item] = []
    for place, chunk in enumerate(chunks):
        read = chunk
        word = words[place - 1] if place else "and"
        another = _valued(chunk) and bool(merged) and _valued(merged[-1])
        if merged and not held and not another and not _stands(chunk) and (_looks_left(chunk) or _is_filling(chunk)):
            merged[-1].extend(chunk)
            continue
        if not _stands(chunk) and not another:
            whole = _completed(job, chunk, chunks[place + 1 :], named=True)
            if whole is None and _modifies(chunk) and place + 1 < len(chunks):
                held = [*held, *chunk]
                continue
            read = whole or _completed(job, chunk, chunks[place + 1 :]) or chunk
            if not any(isinstance(i, Bracket) or i.kind not in {"other", "stop"} for i in read):
                held = [*held, *read]
                continue
        if merged or not joints:
            joints.append(word)
        merged.append([*held, *read])
        held = []
    if held:
        if merged:
            merged[-1].extend(held)
        else:
            merged.append(held)
    joints = joints[1:]
    phrases = [Phrase(tuple(m)) for m in merged]
    resolved: list[Joint] = []
    for place, word in enumerate(joints):
        said = word if word != "comma" else next((w for w in joints[place + 1 :] if w != "comma"), "comma")
        if said == "comma":
            measured = all(_valued(m) for m in merged)
            resolved.append("or" if job.exclusion else "and" if measured else "either")
        else:
            resolved.append("or" if said in {"or", "and/or"} else "and")
    return list(zip(phrases, ["and", *resolved], strict=True))


def _is_filling(chunk: Sequence[Item]) -> bool:
    return all(
        isinstance(i, Lexeme) and (i.kind == "other" or (i.kind == "word" and i.text == "inclusive")) for i in chunk
    )


def _modifies(chunk: Sequence[Item]) -> bool:
    """Whether a chunk holds nothing but modifiers that are known to be some: "mild", "serious", "active"."""
    return all(
        isinstance(i, Lexeme)
        and (i.kind in {"cue", "other"} or (i.kind == "word" and (i.text in FILLING or i.text in WORDS["modifying"])))
        for i in chunk
    )


def _completed(
    job: Job, chunk: Sequence[Item], after: Sequence[Sequence[Item]], *, named: bool = False
) -> list[Item] | None:
    """As in "hepatic or renal failure": a member without a head takes the next one's, as its own name if it is one."""
    following = next((i for c in after for i in c if is_core(i)), None)
    words = [i for i in chunk if isinstance(i, Lexeme) and i.kind == "word" and (named or i.text not in FILLING)]
    if named:
        words = words[-1:]
    if not isinstance(following, Lexeme) or not words or following.kind == "cue":
        return None
    first, last = words[0], words[-1]
    run = [i for i in chunk if first.start <= i.start <= last.start]
    if any(not isinstance(i, Lexeme) or i.kind not in {"word", "other"} for i in run):
        return None
    text = " ".join(i.text for i in run if isinstance(i, Lexeme))
    made = _with_head(job, text, following, first, last)
    if made is None:
        domain = (
            following.value.domain if isinstance(following.value, Term) else _DOMAINS.get(str(kind_of(job, following)))
        )
        if domain is None or named:
            return None
        made = Lexeme("term", first.start, last.end, text, Term(domain))
    job.inferred.append(made)
    at = chunk.index(first)
    return [*chunk[:at], made, *chunk[at + len(run) :]]


def _with_head(job: Job, text: str, following: Lexeme, first: Lexeme, last: Lexeme) -> Lexeme | None:
    """The name that `text` has with the longest ending of the next name: "heart or renal function impairment"."""
    ending = following.text.split()
    for at in range(min(1, len(ending) - 1), len(ending)):
        name = " ".join((text, *ending[at:]))
        whole = next(find_names(name, job.names), None)
        if whole is not None and (whole.start, whole.end) == (0, len(name)):
            return Lexeme("concept", first.start, last.end, name, whole.value)
    return None


def _stands(chunk: Sequence[Item]) -> bool:
    """Whether a chunk can be a member by itself."""
    if any(isinstance(i, Lexeme) and i.kind == "compare" for i in chunk) and any(
        isinstance(i, Lexeme) and i.kind == "word" and i.text not in FILLING for i in chunk
    ):
        return True
    return has_core(chunk) or any(
        isinstance(i, Lexeme)
        and (
            (i.kind == "cue" and (i.value in TOPICS or i.value in {"female", "male", "sexes"}))
            or (i.kind == "compare" and "year" in i.text)
        )
        for i in chunk
    )


def _valued(chunk: Sequence[Item]) -> bool:
    return any(isinstance(i, Lexeme) and i.kind == "compare" for i in chunk)


def _looks_left(chunk: Sequence[Item]) -> bool:
    first = chunk[0]
    return (
        isinstance(first, Bracket)
        or first.kind in {"window", "duration", "number", "compare"}
        or first.text in _LEFTWARD
        or (first.kind == "cue" and first.value in {"now", "during-study", "planned", "cause", "open"})
    )


def share_out(job: Job, phrases: Sequence[Phrase]) -> list[Phrase]:
    """Each phrase with what the others share with it."""
    found = list(phrases)
    carried: tuple[Lexeme, ...] = ()
    for place, phrase in enumerate(found):
        afresh = bool(phrase.lexemes) and phrase.lexemes[0].text in _AFRESH
        denial = tuple(c for c in carried if c.value == "negation" and (c.text == "neither" or not afresh))
        carried = tuple(c for c in carried if c.value != "negation" or c in denial)
        lead = _lead(phrase)
        own = tuple(x for x in lead if x.value in _CARRIED or x.value in _SHARED_LOOSELY)
        if place and own and denial and has_core(phrase.lexemes) and not any(x.value == "negation" for x in own):
            # "No asthma or use of warfarin" denies both.
            found[place] = replace(phrase, cues=denial)
            carried = (*denial, *own)
        elif own or place == 0:
            carried = own
        elif _bare(phrase):
            # "Uncontrolled mental or emotional disorders": members of one head share what stands before them.
            headless = _headless(job, found[place - 1])
            strict = tuple(c for c in carried if c.value in _CARRIED or headless)
            found[place] = replace(phrase, cues=strict, loose=tuple(c for c in carried if c not in strict))
        else:
            carried = ()
    window: Lexeme | None = None
    value: Lexeme | None = None
    for place in range(len(found) - 1, -1, -1):
        phrase = found[place]
        own_window = next((x for x in phrase.lexemes if x.kind == "window"), None)
        own_value = next(
            (x for x in phrase.lexemes if x.kind == "compare" and isinstance(x.value, Bounds | Rank)), None
        )
        if own_window is not None:
            window = own_window if own_window is phrase.items[-1] and not _led(found, place) else None
        elif window is not None and not _light(phrase):
            found[place] = replace(found[place], loose=(*found[place].loose, window))
        elif window is not None:
            found[place] = replace(found[place], window=window)
        if own_value is not None:
            value = own_value
        elif value is not None and _measurable(job, phrase):
            found[place] = replace(found[place], value=value)
        else:
            value = None
    for place in range(len(found) - 2, -1, -1):
        later = found[-1] if _bare(found[place]) else None
        if any(x in job.inferred for x in found[place].lexemes):
            later = found[place + 1] if _trailing(found[place + 1]) else later
        trailing = _trailing(later) if later is not None else None
        if trailing is not None:
            found[place] = replace(found[place], loose=(*found[place].loose, trailing))
    analyte: Lexeme | None = None
    for place, phrase in enumerate(found):
        core = next((x for x in phrase.lexemes if x.kind == "concept" and chosen(job, x, *MEASURED)), None)
        if core is not None:
            analyte = core
        elif (
            analyte is not None
            and not has_core(phrase.lexemes)
            and _valued(phrase.items)
            and "age" not in {x.value for x in phrase.lexemes}
        ):
            found[place] = replace(phrase, analyte=analyte)
        elif has_core(phrase.lexemes):
            analyte = None
    return found


def _led(phrases: Sequence[Phrase], place: int) -> bool:
    """As in "asthma, or a history of stroke within a year": a member with a lead of its own keeps its window."""
    lead = {x.value for x in _lead(phrases[place]) if x.value in _CARRIED and x in phrases[place].items}
    return place > 0 and bool(lead) and not any(x.value in lead for p in phrases[:place] for x in _lead(p))


def _lead(phrase: Phrase) -> tuple[Lexeme, ...]:
    """The cues before the phrase's first name."""
    found: list[Lexeme] = []
    for item in phrase.items:
        if is_core(item) and not (isinstance(item, Lexeme) and item.value in ASKING and item.value == "inpatient"):
            break
        if isinstance(item, Lexeme) and item.kind == "cue":
            found.append(item)
    return tuple(found)


def _headless(job: Job, phrase: Phrase) -> bool:
    """Whether a phrase is modifiers and a name without its head, which the next member brings."""
    return any(x in job.inferred for x in phrase.lexemes) and all(
        x in job.inferred or x.kind == "cue" or (x.kind == "word" and x.text in FILLING and x.text not in _LEFTWARD)
        for x in phrase.lexemes
    )


def _bare(phrase: Phrase) -> bool:
    """Whether a phrase is a name and little else, so that its neighbours' words can be meant for it too."""
    return has_core(phrase.lexemes) and not any(
        x.kind in {"window", "compare", "duration"} or (x.kind == "cue" and x.value in _CARRIED) for x in phrase.lexemes
    )


def is_plain(phrase: Phrase) -> bool:
    return has_core(phrase.lexemes) and not any(x.kind in {"compare", "duration"} for x in phrase.lexemes)


def _light(phrase: Phrase) -> bool:
    """A name with filling words only: what follows the last member of its list is meant for it, too."""
    cores = [x for x in phrase.lexemes if is_core(x)]
    return (
        len(cores) == 1
        and len(phrase.items) == len(phrase.lexemes)
        and all(
            x in cores
            or (x.kind == "word" and x.text in FILLING)
            or (x.kind == "cue" and x.value in {"history", "using", "intravenous", "oral", "systemic"})
            for x in phrase.lexemes
        )
    )


def _trailing(phrase: Phrase) -> Lexeme | None:
    """What restricts the last name of a list from behind, and may be meant for all of them."""
    cores = [x for x in phrase.lexemes if is_core(x)]
    if not cores:
        return None
    after = [x for x in phrase.lexemes if x.start >= cores[0].end]
    return next(
        (
            x
            for x in after
            if x.text in {"that", "which", "who"}
            or (x.kind == "word" and x.text not in FILLING)
            or (x.kind == "cue" and x.value in {"judgement", "planned", "cause", "negation", "if", "active"})
        ),
        None,
    )


def _measurable(job: Job, phrase: Phrase) -> bool:
    cores = [x for x in phrase.lexemes if is_core(x)]
    results = {"positive", "negative", "elevated", "decreased", "abnormal", "normal"}
    return (
        len(cores) == 1
        and cores[0].kind == "concept"
        and chosen(job, cores[0], *MEASURED) is not None
        and not any(x.kind == "cue" and x.value in results for x in phrase.lexemes)
    )


def anded(job: Job, phrases: Sequence[Phrase], nodes: Sequence[Node]) -> Joint:
    """Things of one kind that an exclusion lists with "and" are as likely alternatives."""
    if len(nodes) < 2:
        return "and"
    if (ranged := _ranged(nodes)) is not None:
        return ranged
    if len(sexes := [sex for n in nodes if (sex := _sex(n)) is not None]) == len(nodes) and len(set(sexes)) == 2:
        # "> 9 g/dL in women and > 10 g/dL in men": each limit for those whom it names.
        return "or"
    if not job.exclusion:
        return "either" if all(isinstance(n, Reproductive) for n in nodes) else "and"
    # Nobody is asked for two of these at once, and "X and other Y" lists what it names.
    if all(isinstance(n, Reproductive) for n in nodes) or any(x.text == "other" for x in phrases[-1].lexemes[:1]):
        return "or"
    return "either"


def _sex(node: Node) -> str | None:
    first = node.nodes[0] if isinstance(node, All) else None
    return first.value if isinstance(first, Sex) else None


def _ranged(nodes: Sequence[Node]) -> Joint | None:
    """Both ends of one measurement's range; "below 50 and above 100" cannot be meant of one value."""
    bounds = [n for n in nodes if isinstance(n, Measurement)]
    if len(bounds) < len(nodes) or len({(b.concept, b.unit, b.of) for b in bounds}) > 1:
        return None
    lows = [b.value for b in bounds if b.op in {">", ">="}]
    highs = [b.value for b in bounds if b.op in {"<", "<="}]
    if not lows or not highs:
        return None
    return "and" if max(lows) < min(highs) else "either"
