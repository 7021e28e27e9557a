"""Eligibility text → its list: sections, items with the source's own numbers, headings and notes; nothing falls out.

Every non-space character goes to exactly one item, heading or note. A doubtful line joins an item rather than being
called furniture, and a doubtful boundary is not cut: two criteria in one item stay readable, half a one does not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from fhirtrial.criteria.text.sections import (
    Line,
    Marker,
    SectionKind,
    heading_at,
    is_neutral_heading,
    lines_of,
    marker_at,
    says_nothing,
)

# An introduction whose logic is not the list's own (inclusions all hold, exclusions each suffice) makes one item.
_SOME = re.compile(
    r"\b(?:one|any|either|two|three|2|3|1) (?:or more )?of\b|\bat least\b|\b(?:one|two|1|2) or more\b", re.IGNORECASE
)
_COUNTED = re.compile(
    r"\b(?:all|both|each|two|three|four|[2-9]) (?:or more )?(?:of )?(?:the )?(?:following|these)\b", re.IGNORECASE
)
_COUNT = re.compile(
    r"\b(?:at least|any|minimum of) (?:two|three|four|[2-9])\b|\b(?:two|three|four|[2-9]) or more\b", re.IGNORECASE
)
_INTRO = re.compile(
    r"\b(?:meet|met|fulfil\w*|satisf\w*|appl(?:y|ies)|eligible|excluded|included?|enrol\w*|exclude)\b", re.IGNORECASE
)
_INTRO_OBJECT = re.compile(r"\b(?:following|criteria|criterion|these|below|if)\b", re.IGNORECASE)
# "1.18 ≤ age 2. …": the first number of a run-together list, without its space.
_TIGHT_FIRST = re.compile(r"1[.、]\d.*[.;]\s+2[.)、]\s")
# Lines that are looked at to tell what a line introduces.
_AHEAD = 1
_SHORT_HEADING = 8
_NUMBER_LEAP = 10


@dataclass(frozen=True)
class Item:
    """[start, end) with its marker; the words begin at `body`. `number` is the source's own, None for a bullet."""

    kind: SectionKind
    start: int
    body: int
    end: int
    number: int | None
    heading: tuple[int, int] | None = None


@dataclass(frozen=True)
class Listing:
    """`named` are the kinds whose heading was found; `emptied` those that say themselves that they have no criteria."""

    items: tuple[Item, ...]
    headings: tuple[tuple[int, int], ...]
    notes: tuple[tuple[int, int], ...]
    named: frozenset[SectionKind]
    emptied: frozenset[SectionKind]


@dataclass
class _Builder:
    """What the walk over the lines has found so far."""

    text: str
    items: list[Item] = field(default_factory=list)
    headings: list[tuple[int, int]] = field(default_factory=list)
    notes: list[tuple[int, int]] = field(default_factory=list)
    named: set[SectionKind] = field(default_factory=set)
    emptied: set[SectionKind] = field(default_factory=set)
    numbers: dict[SectionKind, int] = field(default_factory=dict)
    kind: SectionKind = "inclusion"
    top: Line | None = None
    open: bool = False
    group: bool = False
    nested: int = 0
    heading: tuple[int, int] | None = None

    def begin(self, start: int, body: int, end: int, number: int | None) -> None:
        self.items.append(Item(self.kind, start, body, end, number, self.heading))
        if number is not None:
            self.numbers[self.kind] = number
        self.open, self.nested = True, 0

    def extend(self, end: int) -> None:
        self.items[-1] = replace(self.items[-1], end=end)

    def last_number(self) -> int:
        return self.numbers.get(self.kind, 0) if self.top is not None else 0

    def ends_open(self) -> bool:
        """Whether the item being read announces that more belongs to it."""
        last = self.items[-1]
        return self.open and self.text[last.body : last.end].rstrip().endswith((":", "：", ":)"))


def list_items(text: str) -> Listing:
    """The list in unescaped eligibility text."""
    lines = lines_of(text)
    found = _Builder(text)
    for index, line in enumerate(lines):
        heading = heading_at(text, line)
        if heading is not None:
            found.kind = heading.kind
            found.named.add(heading.kind)
            found.headings.append((line.start, heading.end))
            found.heading = None if heading.main else (line.start, heading.end)
            found.top, found.open, found.group = None, False, False
            rest = _rest(text, line, heading.end)
            if rest is not None:
                _read(found, rest, lines[index + 1 : index + 1 + _AHEAD])
        elif is_neutral_heading(text, line):
            found.headings.append((line.start, line.end))
            found.top, found.open, found.group = None, False, False
        else:
            _read(found, line, lines[index + 1 : index + 1 + _AHEAD])
    return Listing(
        tuple(found.items),
        tuple(found.headings),
        tuple(found.notes),
        frozenset(found.named),
        frozenset(found.emptied),
    )


def _rest(text: str, line: Line, start: int) -> Line | None:
    while start < line.end and text[start].isspace():
        start += 1
    if start >= line.end:
        return None
    return Line(start, line.end, line.indent, blank_before=True, marker=marker_at(text, start, line.end))


def _read(found: _Builder, line: Line, after: Sequence[Line]) -> None:
    below = after[0] if after and heading_at(found.text, after[0]) is None else None
    if says_nothing(found.text, line.body, line.end):
        if found.open and (found.group or (found.top is not None and line.indent > found.top.indent)):
            found.extend(line.end)
            return
        found.open = False
        found.notes.append((line.start, line.end))
        if re.search(r"\w", found.text[line.start : line.end]) and "<!--" not in found.text[line.start : line.end]:
            found.emptied.add(found.kind)
    elif line.marker is not None and _wraps_list(found, line, below):
        _head(found, line)
    elif line.marker is not None:
        _read_marked(found, line, line.marker)
    else:
        _read_plain(found, line, below)


def _head(found: _Builder, line: Line) -> None:
    found.headings.append((line.start, line.end))
    found.heading = (line.start, line.end)
    found.top, found.open, found.group = None, False, False


def _wraps_list(found: _Builder, line: Line, below: Line | None) -> bool:
    """Whether a marked line only introduces the section's whole list ("1. Patients must meet all of these:")."""
    content = found.text[line.body : line.end]
    return (
        content.endswith(":")
        and below is not None
        and below.marker is not None
        and below.indent > line.indent
        and all(item.kind != found.kind for item in found.items)
        and _is_intro(content)
        and not _has_own_logic(found.kind, content)
    )


def _read_marked(found: _Builder, line: Line, marker: Marker) -> None:
    if found.group or _is_nested(found, line, marker):
        found.extend(line.end)
        found.nested = marker.number or found.nested
        return
    if found.top is None or line.indent < found.top.indent:
        found.top = line
    starts = [marker, *_inline_markers(found.text, line, marker)]
    ends = [m.start for m in starts[1:]] + [line.end]
    for each, end in zip(starts, ends, strict=True):
        found.begin(each.start, each.end, _trimmed(found.text, each.end, end), each.number)


def _is_nested(found: _Builder, line: Line, marker: Marker) -> bool:
    """Whether a marked line belongs to the item before it.

    Deeper, or of another style at the same depth, is nested; so is a number that does not go on from the list's own
    (a flattened sub-list that begins again at 1 under an item that announces it, or a number far off).
    """
    if found.top is None or found.top.marker is None or not found.open:
        return False
    style = found.top.marker.style
    next_number = marker.number == found.last_number() + 1
    if line.indent > found.top.indent:
        return not (marker.style == style == "number" and next_number and line.indent == found.top.indent + 1)
    if line.indent < found.top.indent:
        return False
    if marker.style != style:
        return True
    if marker.number is None or next_number:
        return False
    if marker.number <= found.last_number():
        return found.ends_open() or marker.number == found.nested + 1 > 1
    return marker.number > found.last_number() + _NUMBER_LEAP


def _inline_markers(text: str, line: Line, marker: Marker) -> list[Marker]:
    """Further items of a numbered list that was run together on one line ("1. … ; 2. …").

    Each must carry the next number, stand outside matched brackets, and follow a separator; "<3.0×10⁹/L" and
    "(e.g., 2. line)" therefore never cut.
    """
    if marker.number is None:
        return []
    inside = _bracketed(text, line.body, line.end)
    found: list[Marker] = []
    expected = marker.number + 1
    for match in re.finditer(r"(?<=[;；.。,:)])\s*(?=(\d{1,2})[.)、]\s*[^\W\d])", text[line.body : line.end]):
        start = line.body + match.end()
        spaced = match.group() != "" or text[start - 1] in ";；。"
        if int(match[1]) == expected and spaced and not any(a < start < b for a, b in inside):
            each = marker_at(text, start, line.end)
            if each is not None and each.number == expected:
                found.append(each)
                expected += 1
    return found


def _bracketed(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Spans of brackets that close; one that never does encloses nothing."""
    stack: list[int] = []
    spans: list[tuple[int, int]] = []
    for position in range(start, end):
        if text[position] in "([{（":
            stack.append(position)
        elif text[position] in ")]}）" and stack:
            spans.append((stack.pop(), position))
    return spans


def _read_plain(found: _Builder, line: Line, below: Line | None) -> None:
    content = found.text[line.start : line.end]
    if _continues(found, line, content, below):
        found.extend(line.end)
        return
    if _TIGHT_FIRST.match(content) and all(item.kind != found.kind for item in found.items):
        _read_marked(found, line, Marker("number", 1, line.start, line.start + 2))
        return
    introduces = content.endswith((":", "：")) or _is_intro(content)
    titled = _is_title(content)
    if introduces and below is not None and _has_own_logic(found.kind, content):
        found.begin(line.start, line.start, line.end, None)
        found.top, found.group = None, True
    elif (introduces and (below is not None or not found.open)) or (
        titled and below is not None and below.marker is not None
    ):
        _head(found, line)
    else:
        found.begin(line.start, line.start, line.end, None)
        found.top, found.group = None, False


def _continues(found: _Builder, line: Line, content: str, below: Line | None) -> bool:
    """Whether an unmarked line goes on with the item before it."""
    if not found.open:
        return False
    if found.ends_open() and (content.startswith("(") or below is None or below.marker is not None):
        return True
    if found.group:
        return not line.blank_before
    if found.top is None:
        return not line.blank_before and (line.indent > 0 or content[0].islower() or content[0] in "(≥≤<>")
    if line.indent > found.top.indent:
        above_next = below is not None and below.marker is not None and below.indent <= found.top.indent
        return not (line.blank_before and above_next and _is_title(content))
    return not line.blank_before and not content.endswith(":")


def _is_title(content: str) -> bool:
    return len(content.split()) <= _SHORT_HEADING and content[-1] not in ".;,:" and not content[0].islower()


def _is_intro(content: str) -> bool:
    return bool(_INTRO.search(content) and _INTRO_OBJECT.search(content) and re.search("following|criteri", content))


def _has_own_logic(kind: SectionKind, content: str) -> bool:
    if kind == "inclusion":
        return _SOME.search(content) is not None
    return _COUNT.search(content) is not None or (
        _COUNTED.search(content) is not None and re.search(r"\bany\b", content, re.IGNORECASE) is None
    )


def _trimmed(text: str, start: int, end: int) -> int:
    while end > start and text[end - 1].isspace():
        end -= 1
    return end
