"""What a bracket beside a name means: examples, an exception, a definition, a qualification, or the name again."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fhirtrial.criteria.text.atoms import chosen, kind_of
from fhirtrial.criteria.text.found import Job, unsure
from fhirtrial.criteria.text.joints import stripped
from fhirtrial.criteria.text.lexemes import Lexeme, Named
from fhirtrial.criteria.text.lists import closed, members_of
from fhirtrial.criteria.text.phrase import (
    Bracket,
    Phrase,
    cued,
    flat,
    has_core,
)
from fhirtrial.criteria.text.present import present
from fhirtrial.criteria.text.shown import shown_in, tested_if
from fhirtrial.criteria.tree import All, Any, Def, Node, NotComputable

# Names of failing functions, which trials define by the laboratory limits that they put in brackets.
_FUNCTION = re.compile(
    r"impairment|dysfunction|function|insufficiency|abnormal|failure|injury|obesity|an(?:a)?emia|penia\b"
    r"|\b(?:hypo|hyper)[a-z]+emia\b|bradycardia|tachycardia|hypotension",
    re.IGNORECASE,
)


def definition_of(job: Job, phrase: Phrase, brackets: Sequence[Bracket], depth: int) -> Node | None:
    """As in "severe renal impairment (creatinine clearance ≤ 45 mL/min)": the bracket says what the words mean."""
    bracket = next((b for b in brackets if any(x.kind in {"compare", "concept"} for x in flat(b.items))), None)
    if bracket is None:
        return None
    words = phrase.lexemes
    if any(
        x.kind == "cue" and x.value in {"negation", "suspected", "experiencer", "planned", "contraindication", "except"}
        for x in (*words, *phrase.cues)
    ):
        return None
    opening = cued(bracket.items[:2], "open")
    inner = [i for i in bracket.items if i is not opening]
    exception = cued(inner, "except")
    if exception is not None and stripped(inner)[0] is exception:
        return None
    body = job.clause(job, inner, depth + 1)
    if body is None or isinstance(body, NotComputable):
        return None
    start, end = phrase.items[0].start, bracket.start
    job.cited.append((start, max(start + 1, end)))
    if opening is not None:
        return Any(nodes=(body, job.residue("open_list", *phrase.span)))
    if any(x.kind == "cue" and x.value == "now" for x in words):
        body = present(body)
    if any(x.kind in {"window", "number", "duration"} for x in words) or phrase.window is not None:
        return unsure(body, job.residue("ambiguous_scope", *phrase.span))
    compared = any(x.kind == "compare" for x in flat(bracket.items))
    if not compared:
        return (
            All(nodes=(body, job.residue("ambiguous_scope", *phrase.span)))
            if not has_core(words)
            else unsure(body, job.residue("ambiguous_scope", *phrase.span))
        )
    return Def(term=job.words(start, max(start + 1, end)) or "?", body=body)


def bracket_of(job: Job, bracket: Bracket, phrase: Phrase, depth: int) -> tuple[str, Node] | None:
    """How a bracket beside a known name is meant; None where it only repeats the name."""
    items = stripped(bracket.items)
    if not items:
        return None
    first = items[0]
    cores = [x for x in phrase.lexemes if x.kind == "concept"]
    inner = [x for x in flat(items) if x.kind == "concept"]
    repeats = len(items) == 1 and (
        any(_named(x) & _named(c) for x in inner for c in cores)
        or (isinstance(first, Lexeme) and first.kind in {"word", "term"} and _abbreviates(first, phrase))
    )
    words = [w for i in items if isinstance(i, Lexeme) and i.kind in {"word", "term", "other"} for w in i.text.split()]
    glossed = all(isinstance(i, Lexeme) and i.kind in {"word", "term", "other"} for i in items) and any(
        all(w in name for w in words) for c in cores for n in _named(c) for name in job.names.long_names[n]
    )
    if repeats or glossed:
        job.encode(*inner)
        job.cited.append((bracket.start, bracket.end))
        return None
    if isinstance(first, Lexeme) and first.kind == "cue" and first.value == "except":
        node = job.clause(job, items[1:], depth + 1) or job.residue("ambiguous_scope", bracket.start, bracket.end)
        if isinstance(node, NotComputable):
            node = job.residue("ambiguous_scope", bracket.start, bracket.end)
        return "except", node
    if isinstance(first, Lexeme) and first.kind == "cue" and first.value == "open":
        window = phrase.window or next((x for x in phrase.lexemes if x.kind == "window"), None)
        members = members_of(job, items[1:], depth + 1, window)
        kept = [m for m in members if not isinstance(m, NotComputable)]
        if kept and len(cores) == 1 and closed(kept[0], members):
            return "listed", kept[0] if len(kept) == 1 else Any(nodes=tuple(kept))
        residue = job.residue("open_list", bracket.start, bracket.end)
        return "examples", Any(nodes=(*kept, residue)) if kept else residue
    if (due := tested_if(job, bracket, cores[0] if cores else None, depth)) is not None:
        return "narrower", due
    read = job.clause(job, items, depth + 1)
    if read is None:
        return None
    node = read
    if shown_in(job, node, cores[-1] if cores else None):
        return "shown", node
    if isinstance(node, NotComputable):
        return "unclear", job.residue("ambiguous_scope", bracket.start, bracket.end)
    if inner and all(kind_of(job, x) == "score" for x in inner):
        return "narrower", node
    if cores and any(x.kind == "compare" for x in flat(items)) and kind_of(job, cores[0]) in {"condition", "lab"}:
        label = job.terminology.concept(str(chosen(job, cores[0]))).label
        return ("definition" if _FUNCTION.search(label) else "measured"), node
    return "unclear", node


def _named(lexeme: Lexeme) -> set[str]:
    return set(lexeme.value.concepts) if isinstance(lexeme.value, Named) else set()


def _abbreviates(lexeme: Lexeme, phrase: Phrase) -> bool:
    letters = [x.text[0] for x in phrase.lexemes if x.kind in {"word", "concept", "term"}]
    words = " ".join(x.text for x in phrase.lexemes if x.kind in {"word", "concept", "term"})
    initials = "".join(w[0] for w in words.replace("-", " ").split() if w)
    return (
        bool(letters)
        and len(lexeme.text) <= 8
        and (lexeme.text.rstrip("s") in initials or initials.endswith(lexeme.text.rstrip("s")))
    )
