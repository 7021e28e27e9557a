"""A record's criteria as a YAML sheet that a reviewer edits: the source's words beside the tree, with every flag.

What is said after "#" is told to the reviewer and never read back; `sheet_reading` reads the rest.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence

from fhirtrial.criteria.check import Finding, check
from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.english import english
from fhirtrial.criteria.text.proposals import Proposal
from fhirtrial.criteria.wording import Names, hidden, quoted
from fhirtrial.records.record import TrialRecord
from fhirtrial.terminology import Terminology

_WIDTH = 110
_HEAD = """\
Read each text and its tree. Where they do not agree, correct the tree; where they do, write "reviewed: true".
Then: fhirtrial review RECORD --from THIS-FILE --reviewer "YOUR NAME" -o DIR
Lines like these, after "#", are for you; they are not read back. Texts stay as they are."""


def reviewable(record: TrialRecord) -> tuple[Criterion, ...]:
    """Structured fields and defects of the source are nobody's encoding of a text."""
    return tuple(c for c in record.criteria if c.kind != "defect" and c.id not in {"age", "sex"})


def review_sheet(
    record: TrialRecord, terminology: Terminology, proposed: Mapping[str, Sequence[Proposal]] | None = None
) -> str:
    """`proposed` holds, by criterion id, what somebody suggests; it is told as comments, so nobody takes it unread."""
    names = Names.of(terminology)
    found = check(record, terminology)
    own = reviewable(record)
    told = {c.id for c in own}
    title = record.brief_title or record.official_title
    lines = [
        *_comment(f"Review of {record.id}: {title}" if title else f"Review of {record.id}"),
        *_comment(_HEAD),
        f"trial: {record.id}",
        *_flags(f for f in found if f.criterion not in told),
        "criteria:" if own else "criteria: []",
    ]
    for criterion in own:
        lines += ["", *_item(criterion, names, [f for f in found if f.criterion == criterion.id])]
        lines += (f"  {line}" for p in (proposed or {}).get(criterion.id, ()) for line in _proposal(p, names))
    return "\n".join(lines) + "\n"


def _item(criterion: Criterion, names: Names, found: Iterable[Finding]) -> Iterator[str]:
    review = criterion.review
    yield f"- id: {criterion.id}"
    yield f"  kind: {criterion.kind}"
    yield f"  reviewed: {'true' if review else 'false'}" + (
        f"  # {_said(review.reviewer)}, {review.date}" if review else ""
    )
    yield from _block("text", _wrapped(criterion.text), criterion.text)
    words = english(criterion.tree, names.label)
    yield from _block("tree", words.split("\n"), words)
    if criterion.notes:
        yield "  notes:"
    for note in criterion.notes:
        yield f"  - text: {quoted(note.text)}"
        if note.reason:
            yield f"    reason: {note.reason}"
    yield from (f"  {line}" for line in _flags(found))


def _block(key: str, lines: list[str], whole: str) -> Iterator[str]:
    if lines[0].startswith(" ") or any(hidden(line) for line in lines):
        yield f"  {key}: {quoted(whole)}"
        return
    yield f"  {key}: |"
    yield from (f"    {line}" if line else "" for line in lines)


def _wrapped(text: str) -> list[str]:
    """Where a line ends says nothing: a review is of the words, white space aside."""
    lines: list[str] = []
    for line in text.strip().splitlines():
        indent = " " * (len(line) - len(line.lstrip())) if lines else ""
        words = " ".join(line.split())
        lines += textwrap.wrap(
            words,
            _WIDTH,
            initial_indent=indent,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        ) or [""]
    return lines or [""]


def _flags(found: Iterable[Finding]) -> Iterator[str]:
    for one in found:
        if "nobody has reviewed" not in one.what:
            where = f"{one.criterion}: " if one.criterion in {"age", "sex"} else ""
            todo = "" if one.level == "info" else f"; {one.todo}"
            yield from _comment(f"{where}{one.level}: {one.what}{todo}")


def _proposal(proposal: Proposal, names: Names) -> Iterator[str]:
    yield from _comment(f"proposed by a model, checked by nobody, for {quoted(proposal.quote)}:")
    yield from (f"#   {line}" for line in english(proposal.tree, names.label).split("\n"))


def _comment(text: str) -> Iterator[str]:
    for line in text.split("\n"):
        for part in textwrap.wrap(_said(line), _WIDTH, subsequent_indent="  ", break_long_words=False):
            yield f"# {part}"


def _said(text: str) -> str:
    """What a comment can hold: one line, nothing hidden in it."""
    plain = " ".join(text.split())
    return quoted(plain) if hidden(plain) else plain
