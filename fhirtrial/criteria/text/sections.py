"""Eligibility text → lines with their list markers, and which of them are headings; knows layout, never medicine."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import Literal

SectionKind = Literal["inclusion", "exclusion"]
Style = Literal["bullet", "number", "letter"]

_MARKER = re.compile(
    r"(?P<bullet>[*•·▪●◦‣■\u2043\uf0b7→]\s*(?=\S)|[-–—](?:\s+|(?=[A-Z(]))|o\s+(?=[A-Z]))"
    r"|\(?(?P<number>\d{1,2})\s?(?:[.)、．](?:\s+|(?=[^\W\d_]|[(≥≤<>\"'“]))|[)、](?=\d))"
    r"|\(?(?P<letter>[a-zA-Z]|[ivx]{2,4}|[IVX]{2,4}(?=[.)]\s))(?:\)\s*|\.\s*(?=[A-Z≥≤<>(])|\.\s+)"
    r"|(?P<circled>[①-⑳])\s*"
)
_LEAD = r"(?:[\w/&-]+\s+){0,4}?"
_HEADING = re.compile(
    rf"^[\W_]{{0,20}}{_LEAD}(?P<kind>non[- ]?inclusion|inclusion|exclusion)s?\b(?:\s+criteri(?:a|on)s?)?"
    r"(?P<rest>[^:：.;]{0,70}?)[\W_]*(?P<end>[:：]|$)",
    re.IGNORECASE,
)
_LONGEST_HEADING = 300
_NEUTRAL = re.compile(
    r"^[\W_]*(?:eligibility\s+criteria|eligibility|criteria|selection criteria)[\W_]*$", re.IGNORECASE
)
_NOTHING = re.compile(
    r"^[\W_]*(?:(?:none|nil|n/?a|not applicable|no criteria|none (?:specified|listed|stated))[\W_]*)?$", re.IGNORECASE
)
_COMMENT = re.compile(r"^\s*<!--.*-->\s*$")


_HEADING_INSIDE = re.compile(r"(?<=\S)\s+(?=(?:Inclusion|Exclusion) Criteria\s*:|(?:INCLUSION|EXCLUSION) CRITERIA\s*:)")
_BULLET_INSIDE = re.compile(r"(?<=[.;:])\s+(?=[*•]\s+\S)")


@dataclass(frozen=True)
class Marker:
    style: Style
    number: int | None
    start: int
    end: int


@dataclass(frozen=True)
class Line:
    """One line's characters [start, end) without the white space around it; `body` begins after the marker."""

    start: int
    end: int
    indent: int
    blank_before: bool
    marker: Marker | None

    @property
    def body(self) -> int:
        return self.marker.end if self.marker else self.start


def lines_of(text: str) -> list[Line]:
    """The lines that hold anything, in order; one that swallowed its line breaks is cut where they must have been."""
    found: list[Line] = []
    blank = True
    for match in re.finditer(r"[^\n]*(?:\n|$)", text):
        content = match.group().rstrip()
        if not content:
            blank = True
            continue
        indent = len(content) - len(content.lstrip())
        cuts = [
            match.start() + indent,
            *(match.start() + at for at in _swallowed(content)),
            match.start() + len(content),
        ]
        for start, after in itertools.pairwise(cuts):
            end = start + len(text[start:after].rstrip())
            found.append(Line(start, end, indent, blank, marker_at(text, start, end)))
            blank = False
    return found


def _swallowed(content: str) -> list[int]:
    """Where a heading or a bullet stands in the middle of a line; "Key Inclusion Criteria:" is one heading."""
    headings = _HEADING_INSIDE.finditer(content)
    cuts = [m.end() for m in headings if content[m.start() - 1] in ".;:)" or len(content[: m.start()].split()) > 4]
    bullets = [m.end() for m in _BULLET_INSIDE.finditer(content)]
    return sorted({*cuts, *(bullets if cuts or len(bullets) > 1 else [])})


def marker_at(text: str, start: int, end: int) -> Marker | None:
    match = _MARKER.match(text, start, end)
    if match is None or match.end() >= end:
        return None
    if match["number"]:
        return Marker("number", int(match["number"]), start, match.end())
    return Marker("letter" if match["letter"] or match["circled"] else "bullet", None, start, match.end())


@dataclass(frozen=True)
class Heading:
    """A section heading: it ends at `end`, and what follows on its line is text of the section."""

    kind: SectionKind
    end: int
    main: bool


def heading_at(text: str, line: Line) -> Heading | None:
    """The section heading on this line, if it is one; `main` when it says no more than its kind."""
    content = text[line.body : line.end]
    match = _HEADING.match(content[:_LONGEST_HEADING])
    if match is None or (len(content) > _LONGEST_HEADING and match["end"] == ""):
        return None
    rest = match["rest"].strip(" *_-()")
    if rest and (match["end"] == "" or line.marker is not None):
        return None
    if re.search(r"inclusion\W+(?:and|or|/)?\W*exclusion", content, re.IGNORECASE):
        return None
    kind: SectionKind = "inclusion" if match["kind"].lower() == "inclusion" else "exclusion"
    return Heading(kind, line.body + match.end(), main=not rest)


def is_neutral_heading(text: str, line: Line) -> bool:
    return _NEUTRAL.match(text[line.body : line.end]) is not None


def says_nothing(text: str, start: int, end: int) -> bool:
    """Whether a line only says that there is nothing ("None", "N/A"), or is a comment or stray punctuation."""
    content = text[start:end]
    return _NOTHING.match(content) is not None or _COMMENT.match(content) is not None
