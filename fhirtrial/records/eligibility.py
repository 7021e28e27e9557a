"""Eligibility text and fields → criteria, headings, notes and source defects; the tree of an item is its own words.

Which defects become criteria. What may hide a criterion is a criterion `defect-N`, always unknown: no section, an
exclusion or inclusion section that is missing or empty, an item that was cut, a gap in the numbers. Two stay on the
record only. A numbering gap that a structured field explains: as many inclusions are missing as there are structured
limits (age, sex) which no listed inclusion repeats, so what the text lost is asked by `age` or `sex`; it is reported
with `explained_by`. And missing age information: it hides no words of the source, and nobody is assumed to be adult.
"""

from __future__ import annotations

import itertools
import re
import string
from collections.abc import Sequence
from dataclasses import dataclass

from fhirtrial.criteria.criterion import Criterion, Note, Span
from fhirtrial.criteria.text.listing import Item, Listing, list_items
from fhirtrial.criteria.text.sections import SectionKind
from fhirtrial.criteria.text.typos import find_typos
from fhirtrial.criteria.text.unescape import Unescaped, unescape
from fhirtrial.criteria.tree import Defect, NotComputable, Reason
from fhirtrial.records.fields import Eligibility
from fhirtrial.records.record import RecordNote, SourceDefect
from fhirtrial.records.structured import parse_age, structured_criteria

_KINDS: tuple[SectionKind, ...] = ("inclusion", "exclusion")
_PREFIX = {"inclusion": "inc", "exclusion": "exc"}
_SAYS_AGE = re.compile(
    r"\b(?:aged?|ages|adults?|adolescents?|children|years? old|year-old|years of age|older)\b", re.IGNORECASE
)
_SAYS_SEX = re.compile(r"\b(?:male|female|men|women|man|woman|gender|sex)\b", re.IGNORECASE)
_STATED_MINIMUM = re.compile(r"(?i)^\W*(?:\w+\W+){0,2}?age[ds]?\b[^\d.;]{0,25}?(?:≥|>=|at least|minimum)\s*(\d{1,3})\b")
_CUT = (":", "：", "…", "...")
_JOINED_BY_OR = re.compile(r"(?:[;,]\s*or|\bor;?)\s*$", re.IGNORECASE)


@dataclass(frozen=True)
class Parts:
    """What the eligibility section gives to a record; spans count characters of the source's text."""

    criteria: tuple[Criterion, ...]
    headings: tuple[Span, ...]
    asides: tuple[Span, ...]
    defects: tuple[SourceDefect, ...]
    notes: tuple[RecordNote, ...]


def read_eligibility(text: str | None, fields: Eligibility) -> Parts:
    """Criteria in the order of the source, then `age`, `sex` and the defects that may hide a criterion."""
    plain = unescape(text or "")
    listing = list_items(plain.text)
    items: list[Criterion] = []
    flags: list[SourceDefect] = []
    notes: list[RecordNote] = []
    gaps: list[SourceDefect] = []
    last = 0
    for kind in _KINDS:
        own = [item for item in listing.items if item.kind == kind]
        numbers, renumbered = _numbers(own)
        if renumbered:
            words = f"{kind} criteria are numbered by position: the source's numbers repeat or are missing for some"
            notes.append(RecordNote(code="renumbered", path="eligibility_text", text=words))
        elif own and own[0].number is not None:
            gaps += _gaps(kind, numbers, last, own, plain, fields)
        for place, item in enumerate(own):
            criterion, found = _criterion(item, f"{_PREFIX[kind]}-{numbers[place]}", plain, last=place == len(own) - 1)
            items.append(criterion)
            flags += found
        last = numbers[-1] if own else 0
    said = " ".join(c.text for c in items)
    hiding = [*_missing(text, listing), *gaps, *(f for f in flags if f.code == "source_truncated")]
    defects: list[SourceDefect] = []
    blocking: list[Criterion] = []
    for defect in hiding:
        if defect.explained_by is None:
            number = f"defect-{len(blocking) + 1}"
            blocking.append(_defect_criterion(number, defect))
            defects.append(defect if defect.criterion else defect.model_copy(update={"criterion": number}))
        else:
            defects.append(defect)
    defects += [f for f in flags if f.code != "source_truncated"]
    defects += _age_defects(items, said, fields)
    return Parts(
        criteria=(*items, *structured_criteria(fields), *blocking),
        headings=tuple(_span(plain, a, b) for a, b in listing.headings),
        asides=tuple(_span(plain, a, b) for a, b in listing.notes),
        defects=tuple(defects),
        notes=tuple(notes),
    )


def _numbers(items: Sequence[Item]) -> tuple[list[int], bool]:
    """The source's own numbers where all items have rising ones, else positions; and whether numbers were given up."""
    own = [item.number for item in items if item.number is not None]
    if len(own) == len(items) and all(a < b for a, b in itertools.pairwise(own)):
        return own, False
    return list(range(1, len(items) + 1)), bool(own) and own != list(range(1, len(own) + 1))


def _criterion(item: Item, name: str, plain: Unescaped, *, last: bool) -> tuple[Criterion, list[SourceDefect]]:
    words = plain.text[item.body : item.end].rstrip()
    text = words.rstrip(";； \n") or words
    span = _span(plain, item.start, item.end)
    notes: list[Note] = []
    flags: list[SourceDefect] = []
    reasons: list[Reason] = []
    if item.heading is not None:
        notes.append(Note(text=plain.text[slice(*item.heading)], span=_span(plain, *item.heading)))
    reason: Reason = "not_encoded"
    if last and text.endswith(_CUT):
        reason = "source_truncated"
        reasons.append(reason)
        says = f"the item ends in “{text[-3:].lstrip(string.ascii_letters)}” and nothing follows"
        flags.append(SourceDefect(code="source_truncated", text=says, criterion=name, span=span))
    elif text.endswith(_CUT):
        notes.append(Note(text="ends in a colon: items after it may belong to it", reason="ambiguous_scope", span=span))
    if _JOINED_BY_OR.search(words):
        notes.append(
            Note(text="ends in “or”: it may be an alternative to the next item", reason="ambiguous_logic", span=span)
        )
    for typo in find_typos(text):
        at = _span(plain, item.body + typo.start, item.body + typo.end)
        notes.append(Note(text=typo.text, reason=typo.reason, span=at))
        flags.append(SourceDefect(code=typo.code, text=typo.text, criterion=name, span=at))
        if typo.reason not in reasons:
            reasons.append(typo.reason)
    criterion = Criterion(
        id=name,
        kind=item.kind,
        text=text,
        tree=NotComputable(text=text, reason=reason),
        span=span,
        notes=tuple(notes),
        defects=tuple(reasons),
    )
    return criterion, flags


def _missing(text: str | None, listing: Listing) -> list[SourceDefect]:
    if not text or not text.strip():
        return [SourceDefect(code="missing_section", text="the source has no eligibility section")]
    if not listing.named:
        says = "no heading parts inclusion from exclusion; every item is read as an inclusion"
        return [SourceDefect(code="no_section_headings", text=says)]
    found: list[SourceDefect] = []
    for kind in _KINDS:
        if any(item.kind == kind for item in listing.items) or kind in listing.emptied:
            continue
        if kind in listing.named:
            found.append(SourceDefect(code="missing_list", text=f"the {kind} section has a heading and no items"))
        else:
            found.append(SourceDefect(code="missing_section", text=f"the source has no {kind} section"))
    return found


def _gaps(
    kind: SectionKind, numbers: Sequence[int], last: int, items: Sequence[Item], plain: Unescaped, fields: Eligibility
) -> list[SourceDefect]:
    """Numbers that the list skips; exclusions may go on counting where the inclusions ended."""
    begin = last if kind == "exclusion" and numbers[0] == last + 1 else 0
    missing = sorted(set(range(begin + 1, numbers[-1] + 1)) - set(numbers))
    if not missing:
        return []
    said = " ".join(plain.text[i.body : i.end] for i in items)
    fitting = _unsaid_fields(said, fields) if kind == "inclusion" else []
    explained = ", ".join(fitting) if 0 < len(missing) <= len(fitting) else None
    numbered = ", ".join(map(str, missing))
    says = f"{kind} numbers {numbered} are missing" if len(missing) > 1 else f"{kind} number {numbered} is missing"
    return [SourceDefect(code="numbering_gap", text=says, explained_by=explained)]


def _unsaid_fields(said: str, fields: Eligibility) -> list[str]:
    found = []
    if (fields.minimum_age or fields.maximum_age) and not _SAYS_AGE.search(said):
        found.append("minimum_age" if fields.minimum_age else "maximum_age")
    if fields.sex in {"FEMALE", "MALE"} and not _SAYS_SEX.search(said):
        found.append("sex")
    return found


def _age_defects(items: Sequence[Criterion], said: str, fields: Eligibility) -> list[SourceDefect]:
    if not fields.minimum_age and not fields.maximum_age:
        if _SAYS_AGE.search(said):
            return []
        return [SourceDefect(code="no_age_information", text="neither a field nor an item gives an age limit")]
    low = parse_age(fields.minimum_age) if fields.minimum_age else None
    found = []
    for item in items:
        stated = _STATED_MINIMUM.search(item.text) if item.kind == "inclusion" else None
        if stated and low and low[1] == "a" and float(stated[1]) != low[0]:
            says = f"the item asks for {stated[1]} years, the field for {fields.minimum_age}"
            found.append(SourceDefect(code="field_disagrees", text=says, criterion=item.id, span=item.span))
    return found


def _defect_criterion(name: str, defect: SourceDefect) -> Criterion:
    text = f"{defect.criterion}: {defect.text}" if defect.criterion else defect.text
    code = "missing_section" if defect.code == "no_section_headings" else defect.code
    tree = Defect.model_validate({"code": code, "text": text})
    return Criterion(id=name, kind="defect", text=text, tree=tree)


def _span(plain: Unescaped, start: int, end: int) -> Span:
    first, after = plain.source_span(start, end)
    return Span(start=first, end=after)
