"""A criterion's words → its tree, with what was found and what is left to a person; the only door of this room.

Every number, comparator, unit and concept found is in an encoded atom or in a residue that cites its words: the last
step checks it, and where the grammar lost one, the tree is kept as evidence under a residue of the whole text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fhirtrial.criteria.criterion import Criterion, Kind, Note
from fhirtrial.criteria.text.blocks import Block, blocks_of
from fhirtrial.criteria.text.clauses import clause, phrase_node, sentences
from fhirtrial.criteria.text.conservation import COUNTED, lost
from fhirtrial.criteria.text.coordination import alternatives
from fhirtrial.criteria.text.found import Job, Link, unsure
from fhirtrial.criteria.text.lexemes import Lexeme
from fhirtrial.criteria.text.lexer import lex
from fhirtrial.criteria.text.lists import under
from fhirtrial.criteria.text.names import names_of
from fhirtrial.criteria.text.normalize import normalize
from fhirtrial.criteria.text.phrase import Item, bracketed, cued
from fhirtrial.criteria.text.ratios import with_ratios
from fhirtrial.criteria.text.scope import denied
from fhirtrial.criteria.text.statements import asked
from fhirtrial.criteria.tree import Node, NotComputable, Reason
from fhirtrial.terminology import Terminology

# Longer than any criterion that says one thing (of 31,020 in 2,470 trials the longest has 5,537 characters); such a
# text is a document, and is left to a person.
MAX_CHARACTERS = 8_000
# All criteria of one trial together: five times what a registry takes as eligibility text.
MAX_TOGETHER = 100_000
_UNREAD = "not read from here on: the trial's criteria together are longer than {:,} characters"
_CONTEXT = 100_000
_DEEPEST = 6


@dataclass(frozen=True, slots=True)
class Finding:
    """A stretch [start, end) of the criterion's text, what a lexer read in it, and whether an atom carries it."""

    kind: str
    start: int
    end: int
    value: object
    encoded: bool


@dataclass(frozen=True, slots=True)
class Parsed:
    """The tree, reasons to look at it, notes on words that are no test; and, for reviewers, how it came about."""

    tree: Node
    defects: tuple[Reason, ...] = ()
    notes: tuple[Note, ...] = ()
    found: tuple[Finding, ...] = ()
    values: tuple[Link, ...] = ()
    windows: tuple[Link, ...] = ()
    negated: tuple[tuple[int, int], ...] = ()
    repeated: tuple[tuple[int, int], ...] = ()
    alternatives: tuple[tuple[tuple[int, int], ...], ...] = ()


def parse_criterion(text: str, kind: Kind, terminology: Terminology, context: str = "") -> Parsed:
    """The tree of one criterion; `context` is what else the document says, where short names are spelled out."""
    if not text.strip() or len(text) > MAX_CHARACTERS:
        return Parsed(NotComputable(text=text, reason="not_encoded"))
    normal = normalize(text)
    names = names_of(terminology)
    lexemes = with_ratios(lex(normal.text, names, context), terminology)
    job = Job(normal, kind, terminology, names, clause, phrase_node)
    block = blocks_of(normal.text, lexemes)
    lexemes = tuple(_said(block))
    tree = _read(job, block, 0)
    for items in _lists(block):
        job.alternatives.extend(alternatives(job, items))
        job.negated.extend(denied(job, items))
    if tree is None or isinstance(tree, NotComputable):
        reason = tree.reason if isinstance(tree, NotComputable) else "not_encoded"
        tree = NotComputable(text=text, reason=reason)
        job.cited.append((0, len(normal.text)))
    elif _lost(job, tree, (*lexemes, *job.inferred)):
        tree = unsure(tree, job.residue("ambiguous_scope", 0, len(normal.text)))
    return _parsed(job, asked(tree, names.kinds), lexemes)


def parse(criteria: Sequence[Criterion], terminology: Terminology, title: str = "") -> tuple[Criterion, ...]:
    """The criteria with a tree for every item that nobody encoded; reviewed ones and defects stay as they are.

    What the trial's title and its other items spell out, an item may abbreviate. Past a length that no trial has, the
    items stay to a person, and a note says from which on.
    """
    context = " ".join((title, *(c.text for c in criteria)))[:_CONTEXT]
    known: dict[tuple[Kind, str], Parsed] = {}
    found: list[Criterion] = []
    together = 0
    for criterion in criteria:
        if not _is_open(criterion):
            found.append(criterion)
            continue
        before, together = together, together + len(criterion.text)
        if before > MAX_TOGETHER:
            found.append(criterion)
        elif together > MAX_TOGETHER:
            note = Note(text=_UNREAD.format(MAX_TOGETHER), reason="not_encoded", span=criterion.span)
            found.append(criterion.model_copy(update={"notes": (*criterion.notes, note)}))
        else:
            found.append(_parse(criterion, terminology, context, known))
    return tuple(found)


def _is_open(criterion: Criterion) -> bool:
    """Whether nobody has encoded or reviewed it."""
    tree = criterion.tree
    return (
        criterion.kind != "defect"
        and criterion.review is None
        and criterion.span is not None
        and isinstance(tree, NotComputable)
        and tree.reason == "not_encoded"
    )


def _parse(
    criterion: Criterion, terminology: Terminology, context: str, known: dict[tuple[Kind, str], Parsed]
) -> Criterion:
    key = (criterion.kind, criterion.text)
    parsed = known[key] if key in known else parse_criterion(criterion.text, criterion.kind, terminology, context)
    known[key] = parsed
    said = {n.text for n in criterion.notes}
    return criterion.model_copy(
        update={
            "tree": parsed.tree,
            "notes": (*criterion.notes, *(n for n in parsed.notes if n.text not in said)),
            "defects": (*criterion.defects, *(d for d in parsed.defects if d not in criterion.defects)),
        }
    )


def _read(job: Job, block: Block, depth: int) -> Node | None:
    items = bracketed(block.lexemes)
    if not block.below:
        return _unlisted(job, items, sentences(job, items)) if items else None
    if depth >= _DEEPEST:
        start, end = _extent(block)
        residue = job.residue("not_encoded", start, end)
        return NotComputable(text=residue.text, reason="not_encoded")
    members = [n for b in block.below if (n := _read(job, b, depth + 1)) is not None]
    if not items:
        return under(job, (), members, 0) if members else None
    parts = [i for i in items if not (isinstance(i, Lexeme) and i.kind == "stop")]
    if not parts:
        return under(job, (), members, 0) if members else None
    while parts and isinstance(parts[-1], Lexeme) and parts[-1].text == ":":
        parts.pop()
    if not parts:
        return under(job, (), members, 0) if members else None
    return under(job, parts, members, 0)


def _unlisted(job: Job, items: Sequence[Item], node: Node | None) -> Node | None:
    """As in "Any of the following abnormal tests:", of which the list itself is missing."""
    last = items[-1]
    if node is None or isinstance(node, NotComputable) or not isinstance(last, Lexeme) or last.text != ":":
        return node
    if cued(items, "anyofthese", "allofthese", "kofthese") is None:
        return node
    return unsure(node, job.residue("missing_list", items[0].start, last.end))


def _said(block: Block) -> Iterator[Lexeme]:
    """Every lexeme but the list markers, which number the text and say nothing."""
    yield from block.lexemes
    for below in block.below:
        yield from _said(below)


def _lists(block: Block) -> Iterator[tuple[Item, ...]]:
    yield bracketed(block.lexemes)
    for below in block.below:
        yield from _lists(below)


def _extent(block: Block) -> tuple[int, int]:
    own = [(x.start, x.end) for x in block.lexemes]
    own.extend(_extent(below) for below in block.below)
    return (min(a for a, _ in own), max(b for _, b in own)) if own else (0, 0)


def _lost(job: Job, tree: Node, lexemes: Sequence[Lexeme]) -> bool:
    counted = [x for x in lexemes if x.kind in COUNTED and x not in job.repeated]
    words = [job.normal.words(x.start, x.end) for x in counted]
    return bool(lost(tree, [text for text, _ in job.notes], counted, words))


def _parsed(job: Job, tree: Node, lexemes: Sequence[Lexeme]) -> Parsed:
    def span(place: tuple[int, int]) -> tuple[int, int]:
        return job.normal.source_span(*place)

    found = tuple(
        Finding(x.kind, *span((x.start, x.end)), x.value, x in job.encoded)
        for x in (*lexemes, *job.inferred)
        if x.kind in COUNTED or x.kind in {"term", "cue"}
    )
    return Parsed(
        tree=tree,
        defects=tuple(job.defects),
        notes=tuple(Note(text=words) for words, _ in job.notes),
        found=found,
        values=tuple(Link(span(x.name), span(x.other)) for x in job.values),
        windows=tuple(Link(span(x.name), span(x.other)) for x in job.windows),
        negated=tuple(span(x) for x in job.negated),
        repeated=tuple(sorted(span((x.start, x.end)) for x in job.repeated)),
        alternatives=tuple(tuple(span(x) for x in group) for group in job.alternatives),
    )
