"""Lists in a criterion: "at least two of the following", "X: a, b", "X such as a", and what is listed under a head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fhirtrial.criteria.text.atoms import kind_of
from fhirtrial.criteria.text.conjuncts import is_plain, pieces_of, share_out
from fhirtrial.criteria.text.cues import FILLING
from fhirtrial.criteria.text.found import Job, unsure
from fhirtrial.criteria.text.joints import Joint, evidence, join, opaque, place_of, said_between, stripped
from fhirtrial.criteria.text.lexemes import Lexeme
from fhirtrial.criteria.text.phrase import (
    Bracket,
    Item,
    cued,
    flat,
    has_core,
    split,
)
from fhirtrial.criteria.text.present import is_rated_kind, is_tested, rates
from fhirtrial.criteria.text.values import MEASURED
from fhirtrial.criteria.tree import (
    All,
    Allergy,
    Any,
    AtLeast,
    Condition,
    Def,
    Except,
    Immunization,
    Medication,
    Node,
    Not,
    NotComputable,
    Procedure,
)

# What says which thing is asked for, and not how it is qualified.
_NAMING = frozenset({"kind", "concept", "also", "unless"})
_NUMBERS = {"two": 2, "three": 3, "four": 4, "five": 5}


def listed_in(job: Job, items: Sequence[Item], depth: int) -> Node | None:
    """As in "… at least two of the following: a, b, c", "X: a, b", "X defined as a or b" on one line."""
    at = next(
        (
            n
            for n, i in enumerate(items)
            if isinstance(i, Lexeme) and i.kind == "other" and i.text == ":" and 0 < n < len(items) - 1
        ),
        None,
    )
    if at is None:
        return None
    head, body = items[:at], items[at + 1 :]
    if (
        len(head) == 1
        and isinstance(head[0], Lexeme)
        and (
            (head[0].kind == "concept" and kind_of(job, head[0]) in MEASURED)
            or (head[0].kind == "cue" and head[0].value == "age")
        )
    ):
        return None
    opening = body[0]
    if isinstance(opening, Lexeme) and opening.value == "open" and len(body) > 1 and _all_limited(job, body[1:]):
        # "Complications: including heart failure (NYHA III), …": each member brings the limit that makes it one.
        members = members_of(job, body[1:], depth)
        job.cited.append((head[0].start, opening.end))
        return Def(term=job.words(head[0].start, head[-1].end), body=join(job, "or", members, body))
    members = members_of(job, body, depth)
    return under(job, head, members, depth, body)


def _all_limited(job: Job, body: Sequence[Item]) -> bool:
    """Whether every member of a list says from which value or class on it counts."""
    pieces = [p for p, _ in pieces_of(job, stripped(body))]
    return job.exclusion and len(pieces) > 1 and all(any(x.kind == "compare" for x in flat(p.items)) for p in pieces)


def members_of(job: Job, body: Sequence[Item], depth: int, window: Lexeme | None = None) -> list[Node]:
    """The members of an inline list, whatever joins them."""
    pieces = pieces_of(job, stripped(body))
    if len(pieces) == 1 and window is None:
        node = job.clause(job, body, depth + 1)
        return [node] if node is not None else []
    phrases = share_out(job, [p for p, _ in pieces])
    if window is not None:
        phrases = [
            replace(p, window=p.window or window)
            if is_plain(p) and not any(x.kind == "window" for x in p.lexemes)
            else p
            for p in phrases
        ]
    return [job.phrase(job, p, depth) for p in phrases]


def under(job: Job, head: Sequence[Item], members: list[Node], depth: int, body: Sequence[Item] = ()) -> Node | None:
    """What a head and the members listed under it say together."""
    members = [m for m in members if m is not None]
    if not members:
        return job.clause(job, head, depth + 1)
    counted = cued(head, "kofthese")
    quantified = cued(head, "anyofthese", "allofthese")
    joint: Joint
    if counted is not None:
        k = next(
            (
                _NUMBERS.get(w) or (int(w) if w.isdigit() else 0)
                for w in counted.text.replace("(", " ").split()
                if w in _NUMBERS or w.isdigit()
            ),
            0,
        )
        job.encode(counted)
        if not 1 <= k <= len(members):
            return opaque(job, [*head, *body]) if body else job.residue("missing_list", head[0].start, head[-1].end)
        listed: Node = AtLeast(k=k, nodes=tuple(members))
    else:
        if quantified is not None and quantified.value == "allofthese":
            joint = "and"
        elif quantified is not None and (
            any(w in quantified.text for w in ("any", "one", "either", "1")) or job.exclusion
        ):
            joint = "or"
        else:
            said = said_between([body]) if body else None
            joint = said or ("or" if job.exclusion else "either")
            if quantified is not None and not job.exclusion:
                joint = "and"
        if len(members) == 1:
            joint = "and"
        listed = join(job, joint, members, head)
    rest = stripped(
        [
            i
            for i in head
            if i is not counted and i is not quantified and not (isinstance(i, Lexeme) and i.value == "now")
        ]
    )
    if not rest:
        return listed
    if not any(
        has_core(tuple(flat([i]))) or (isinstance(i, Lexeme) and i.kind in {"compare", "window", "number", "duration"})
        for i in rest
    ):
        return _titled(job, rest, listed)
    colon = next((i for i in head if isinstance(i, Lexeme) and i.text == ":"), None)
    told = counted or quantified
    if colon is not None and told is not None and colon.start < told.start and rest[-1].end <= colon.end:
        job.cited.append((rest[0].start, rest[-1].end))
        return Def(term=job.words(rest[0].start, stripped(rest)[-1].end), body=listed)
    title = job.clause(job, rest, depth + 1)
    if title is None:
        return listed
    if isinstance(title, NotComputable):
        return _titled(job, rest, listed)
    if (colon is not None or body) and isinstance(title, Condition) and title.window is None and is_tested(listed):
        # A disease and, behind a colon, tests only: the list says how the disease is told.
        job.cited.append((rest[0].start, rest[-1].end))
        return Def(term=job.words(rest[0].start, rest[-1].end), body=listed)
    residue = job.residue("ambiguous_scope", head[0].start, head[-1].end)
    return unsure(All(nodes=(title, listed)), residue)


def _titled(job: Job, rest: Sequence[Item], listed: Node) -> Node:
    """A head without a test of its own is the name of what is listed; words that judge or time it stay a residue."""
    start, end = rest[0].start, rest[-1].end
    other = "inclusion" if job.exclusion else "exclusion"
    if any(x.text == other for x in flat(rest)):
        # A heading of the other list: what stands under it may ask the opposite.
        job.flag("polarity_mixed")
        return unsure(listed, job.residue("polarity_mixed", start, end))
    people = [x for x in flat(rest) if x.kind == "cue" and x.value in {"female", "male"}]
    if people:
        # "Female: at most 50 years" leaves men out, or is silent on them.
        return unsure(listed, job.residue("ambiguous_scope", start, end))
    if any(
        isinstance(x, Lexeme)
        and x.kind == "cue"
        and x.value in {"negation", "except", "if", "suspected", "experiencer", "planned", "unless"}
        for x in flat(rest)
    ):
        return unsure(listed, job.residue("ambiguous_scope", start, end))
    open_list = cued(rest, "open")
    if open_list is not None:
        listed = Any(nodes=(listed, job.residue("open_list", start, end)))
    if any(
        x.kind in {"window", "number", "compare", "duration", "concept"}
        or (x.kind == "cue" and x.value in {"judgement", "history", "during-study", "allergy", "failed", "using"})
        for x in flat(rest)
    ):
        return unsure(listed, job.residue("ambiguous_scope", start, end))
    job.cited.append((start, end))
    return Def(term=job.words(start, end), body=listed)


def exemplified(job: Job, items: Sequence[Item], depth: int) -> Node | None:
    """As in "X such as A, B": the examples are members, and the list is open where X itself is not known."""
    at = place_of(items, "open", "same")
    if at is None or at == 0 or at == len(items) - 1:
        return None
    cue = items[at]
    assert isinstance(cue, Lexeme)  # noqa: S101 - place_of finds lexemes only
    head, body = split(items, at)
    if not any(has_core((x,)) or x.kind == "compare" for x in flat(body)):
        return None
    if cue.value == "same":
        defined = _defined(job, head, body, cue, depth)
        return defined or (evidence(job, items, cue, depth) if has_core(head) else None)
    if not has_core(head) and not any(
        isinstance(i, Lexeme) and i.kind == "word" and i.text not in FILLING for i in head
    ):
        return None
    base = job.clause(job, head, depth + 1) or opaque(job, head)
    members = members_of(job, body, depth + 1)
    kept = [m for m in members if not isinstance(m, NotComputable)]
    if not kept:
        return None if isinstance(base, NotComputable) else base
    open_residue = job.residue("open_list", head[0].start, body[-1].end)
    if isinstance(base, NotComputable):
        return (
            Any(nodes=(*kept, open_residue))
            if (base.reason != "judgement" and has_core(head)) or _rates(head, cue)
            else unsure(Any(nodes=tuple(kept)), open_residue)
        )
    if cue.text.startswith("includ") and is_rated_kind(base) and rates(flat(head)):
        return Any(nodes=(base, *members))
    if kept == members and _only_repeats(base, members):
        return base
    negated = isinstance(base, Not)
    inner = base.node if isinstance(base, Not) else base
    if isinstance(inner, All | Any | Except | Def | AtLeast):
        return unsure(Any(nodes=(base, *kept)) if not negated else base, open_residue)
    # Where the head and every example are known, nothing stays open: the head itself says what else is meant.
    said = tuple(like(inner, m) for m in kept)
    widened = Any(nodes=(inner, *said) if closed(inner, members) else (inner, *said, open_residue))
    return Not(node=widened) if negated else widened


def like(head: Node, member: Node) -> Node:
    """An example with what qualifies its head: of severe lung disease, asthma is an example where it is severe."""
    if isinstance(member, Any):
        return Any(nodes=tuple(like(head, m) for m in member.nodes))
    if not isinstance(head, Condition | Medication | Procedure) or type(member) is not type(head):
        return member
    bare = type(head)(concept=head.concept)
    own = {name: value for name, value in head if value != getattr(bare, name) and name not in _NAMING}
    return member.model_copy(update={n: v for n, v in own.items() if getattr(member, n) == getattr(bare, n)})


def closed(head: Node, members: Sequence[Node]) -> bool:
    """Whether a head and its examples say all: each of them is one test that leaves nothing out."""
    tests = (Condition, Medication, Procedure, Immunization, Allergy)
    return isinstance(head, tests) and all(type(m) is type(head) for m in members)


def _defined(job: Job, head: Sequence[Item], body: Sequence[Item], cue: Lexeme, depth: int) -> Node | None:
    """As in "renal impairment, defined as creatinine > 2 mg/dL": the limits are what the words mean here."""
    head = stripped(head)
    if (
        not head
        or "defined" not in cue.text
        or any(
            isinstance(i, Bracket)
            or i.kind in {"window", "compare", "duration", "number", "or", "and", "and/or", "comma"}
            or (i.kind == "cue" and i.value not in {"history", "abnormal", "severe", "moderate", "mild"})
            for i in head
        )
    ):
        return None
    if not any(x.kind == "compare" for x in flat(body)):
        return None
    limits = job.clause(job, body, depth + 1)
    if limits is None or isinstance(limits, NotComputable):
        return None
    start, end = head[0].start, head[-1].end
    job.cited.append((start, end))
    job.encode(*(i for i in head if isinstance(i, Lexeme)))
    return Def(term=job.words(start, end), body=limits)


def _rates(head: Sequence[Item], cue: Lexeme) -> bool:
    """As in "Life-threatening complications, including A": a head that only rates; A is rated so by the text."""
    if not cue.text.startswith("includ") or any(x.kind == "concept" for x in flat(head)):
        return False
    cues = [x for x in flat(head) if x.kind == "cue"]
    return any(x.value == "judgement" for x in cues) and all(
        (x.value == "judgement" and x.text in {"serious", "life-threatening", "life threatening"})
        or x.value in {"history", "severe", "active"}
        for x in cues
    )


def _only_repeats(base: Node, members: Sequence[Node]) -> bool:
    """As in "Significant infection, including chronic infections": the name again, which the head's own words judge."""
    named = next(iter(base.nodes), None) if isinstance(base, All) else None
    return isinstance(named, Condition) and all(
        isinstance(m, Condition) and m.concept == named.concept and m.window is None and m.when in {"active", "ever"}
        for m in members
    )
