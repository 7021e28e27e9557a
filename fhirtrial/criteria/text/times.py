"""The lexer of time: windows before and after an anchor, durations, anchors; anchors beyond the tree's stay unread.

A window whose anchor is some other event ("within 6 months of surgery") is found and marked as not anchored, so that
nothing is counted from the wrong day.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Literal

from fhirtrial.criteria.text.lexemes import Lasting, Lexeme, Timed
from fhirtrial.criteria.text.numbers import DIGITS, SPELLED, WORDS, read
from fhirtrial.criteria.tree import Anchor, Offset, Op, Window

Unit = Literal["h", "d", "wk", "mo", "a", "half-life"]

_UNITS: tuple[tuple[str, Unit], ...] = (
    (r"half[\s-]*li(?:fe|ves)|t1/2", "half-life"),
    (r"years?|yrs?|y", "a"),
    (r"months?|mos?|mths?|m", "mo"),
    (r"weeks?|wks?|w", "wk"),
    (r"days?|d", "d"),
    (r"hours?|hrs?|h", "h"),
)
_UNIT = rf"(?:{'|'.join(words for words, _ in _UNITS)})(?![\w])"
_NUM = rf"(?:(?:{DIGITS}|(?:{SPELLED}|an?|half\s+an?)(?=[\s(-]))(?:\s*\(\s*\d+\s*\))?)"
_LENGTH = (
    rf"(?P<n{{0}}>{_NUM})(?:\s*(?:-|to|or)\s*(?P<m{{0}}>{DIGITS}))?[\s-]*(?:calendar\s+|full\s+|drug\s+"
    rf"|elimination\s+|consecutive\s+|complete\s+)*(?P<u{{0}}>{_UNIT})'?"
)
_ANCHORS: tuple[tuple[str, Anchor], ...] = (
    (r"(?:onset\s+of\s+(?:\w+\s+)?symptoms?|(?:symptoms?|disease)\s+onset)", "symptom-onset"),
    (
        (
            r"(?:the\s+)?(?:last|final)\s+(?:dose|administration|injection|infusion|study\s+(?:drug|dose))"
            r"(?:\s+of\s+(?:the\s+)?(?:study|investigational|trial)\s+(?:drug|medication|treatment|product|agent"
            r"|vaccine|intervention))?"
        ),
        "last-dose",
    ),
    (r"randomi[sz]ation|(?:being\s+)?randomi[sz]ed", "randomization"),
    (r"baseline(?:\s+(?:visit|assessment|evaluation|period))?|visit\s*(?:2|two)|V2", "baseline"),
    (
        (
            r"(?:the\s+)?(?:first|initial|start\s+of|initiation\s+of|beginning\s+of|starting|initiating|receiving"
            r"|commencement\s+of|"
            r"day\s+1\s+of|administration\s+of|receipt\s+of)"
            r"(?:\s+(?:the|of|study|investigational|trial|planned|protocol|first|dose|dosing|drug|medication"
            r"|treatment|product|"
            r"agent|vaccine|intervention|therapy|administration|injection|infusion|use|day|IMP|vaccination|cycle))+"
            r"|(?:study\s+)?(?:day|D)\s*(?:0|1)\b|dosing(?:\s+day)?|(?:study|investigational|trial)\s+(?:drug"
            r"|medication|treatment|product|agent|vaccine|therapy|intervention)"
            r"(?:\s+(?:administration|start|initiation|dose))?|first\s+dos(?:e|ing)|treatment\s+(?:start|initiation)"
            r"|initiation\s+of\s+therapy"
        ),
        "first-dose",
    ),
    (
        (
            r"(?:screening|pre-?screening)(?:\s+(?:visit|period|phase|assessment|evaluation|test(?:ing)?))?|visit\s*"
            r"(?:1|one)\b|V1\b"
            r"|(?:signing\s+(?:of\s+)?)?(?:the\s+)?(?:written\s+)?informed\s+consent|consent(?:ing)?"
        ),
        "screening",
    ),
    (
        (
            r"enrol?lment(?:\s+(?:in|into)\s+(?:the|this)\s+(?:study|trial))?|(?:study|trial)\s+(?:entry|enrol?lment"
            r"|inclusion|start|"
            r"registration|participation|initiation|commencement|screening|visit)"
            r"|(?:entry|entering|inclusion|enter|enrol?ling|registration|recruitment|participation|start|beginning"
            r"|initiation)"
            r"(?:\s+(?:to|in|into|of|on|onto|for))?(?:\s+(?:the|this))?(?:\s+(?:present|current))?\s+(?:study|trial"
            r"|protocol)|inclusion|registration|recruitment"
            r"|(?:the|this)\s+(?:study|trial)(?!\s+\w+)|study\b(?!\s+\w)|enrol?ling|being\s+enrolled|entry"
        ),
        "enrolment",
    ),
)
_ANCHOR = (
    r"(?:\s*(?:the\s+)?(?:(?:time|day|date|moment|start|beginning|day)\s+of\s+)?(?:the\s+)?(?:their\s+|planned\s+"
    r"|scheduled\s+)?(?:"
    + "|".join(f"(?P<a{{0}}_{i}>{words})" for i, (words, _) in enumerate(_ANCHORS))
    + r")(?![\w]))"
)
_BEFORE = r"(?:immediately\s+)?(?:prior\s+to|before|preceding|previous\s+to|in\s+advance\s+of|pre-?(?=\s)|ahead\s+of)"
_OR_OTHER = (
    r"(?:\s*(?:\(|,|or|and)+\s*(?:(?:at\s+least|within)\s+)?{len2}\s*\)?)?(?:\s*,?\s*\(?\s*whichever\s+(?:is|was)?\s*"
    r"(?:the\s+)?(?P<which>\w+)\s*\)?)?"
)


def _fill(pattern: str, name: str) -> str:
    return pattern.replace("{0}", name)


_PAST = r"(?:past|last|previous|prior|preceding|recent|most\s+recent|immediate(?:ly)?\s+\w+)"
_WITHIN = re.compile(
    rf"(?:(?P<within>within(?:\s*<)?|less\s+than|<|during|in|over|throughout)\s*\b(?:the\s+)?(?P<past>{_PAST}\s+)?|(?:the\s+)?"
    rf"(?P<bare>{_PAST}\s+))"
    rf"(?:approximately\s+|about\s+)?{_fill(_LENGTH, 'x')}"
    rf"{_OR_OTHER.replace('{len2}', _fill(_LENGTH, 'y'))}"
    rf"(?:\s*,?\s+(?P<rel>{_BEFORE}|of|from|to)(?:{_fill(_ANCHOR, 'b')})|\s+(?P<after>after|following|post)"
    rf"(?:{_fill(_ANCHOR, 'c')})"
    rf"|\s+(?P<loose>{_BEFORE}|of|from|after|following|since|post)\b(?!\s*(?:,|$))|\s*,?\s*(?P<ago>prior|before"
    rf"|previously|beforehand|ago)\b)?",
    re.IGNORECASE,
)
_PAST_UNIT = re.compile(
    rf"(?:within|during|in|over)\s+(?:the\s+|a\s+)?(?:past|last|previous|prior|preceding)\s+(?P<unit>{_UNIT})"
    rf"(?:\s*,?\s+(?:{_BEFORE}|of|from|to)(?:{_fill(_ANCHOR, 'b')}))?",
    re.IGNORECASE,
)
_DISTANCE = re.compile(
    rf"(?:(?P<op>at\s+least|for\s+at\s+least|>=|>|more\s+than|greater\s+than|longer\s+than|over|a\s+minimum\s+of|<=|<"
    rf"|less\s+than|up\s+to|no\s+more\s+than|fewer\s+than)\s*)?"
    rf"(?:the\s+)?{_fill(_LENGTH, 'x')}{_OR_OTHER.replace('{len2}', _fill(_LENGTH, 'y'))}"
    rf"\s+(?:(?P<rel>{_BEFORE}){_fill(_ANCHOR, 'b')}|(?P<after>after|following)(?:{_fill(_ANCHOR, 'c')})|(?P<ago>ago"
    rf"|previously|earlier)\b"
    rf"|(?P<loose>{_BEFORE}|after|following|since|post)\b)",
    re.IGNORECASE,
)
_LASTING = re.compile(
    rf"(?:(?:for|of|lasting|duration\s*(?:of|:)?|since|persisting\s+for)\s*(?:the\s+(?:last|past)\s+)?"
    rf"(?P<op>at\s+least|a\s+minimum\s+(?:of\s+)?|minimum\s+(?:of\s+)?|>=|>|more\s+than|"
    rf"greater\s+than|longer\s+than|over|<=|<|less\s+than|up\s+to|no\s+more\s+than)?\s*{_fill(_LENGTH, 'x')}"
    rf"|(?P<op2>at\s+least|>=|>|more\s+than|greater\s+than|longer\s+than|over|<"
    rf"|less\s+than)\s*{_fill(_LENGTH, 'y')}\s*(?:of\s+|in\s+)?(?:duration|history|standing)"
    rf"|(?P<op3>at\s+least|a\s+minimum\s+of|>=|more\s+than)\s*{_fill(_LENGTH, 'z')}\s+(?:of\s+)?(?:\w+\s+){{0,2}}"
    rf"(?:treatment|therapy|use|course)(?:\s+(?:with|of))?)",
    re.IGNORECASE,
)
_NEXT = re.compile(
    rf"(?:with)?in\s+the\s+(?:next|coming|following)\s+{_fill(_LENGTH, 'x')}|(?:over|during)\s+the\s+(?:next|coming)\s+"
    rf"{_fill(_LENGTH, 'y')}",
    re.IGNORECASE,
)
_BEFORE_ANCHOR = re.compile(rf"(?<![\w]){_BEFORE}{_fill(_ANCHOR, 'b')}", re.IGNORECASE)
_AT = re.compile(
    rf"(?<![\w])(?:at|on|upon)(?:\s+the)?(?:\s+(?:time|day|date|moment|start)\s+of)?(?:{_fill(_ANCHOR, 'b')})(?:\s+"
    rf"(?:and|or|/)\s*(?:baseline|screening|randomi[sz]ation|enrol?lment)(?:\s+visits?)?)?",
    re.IGNORECASE,
)
_DURING = re.compile(
    r"(?<![\w])(?:during|throughout|for\s+the\s+duration\s+of|over\s+the\s+course\s+of|in\s+the\s+course\s+of"
    r"|while\s+(?:on|in|participating\s+in))\s+(?:the\s+)?(?:entire\s+|whole\s+|course\s+of\s+(?:the\s+)?)*"
    r"(?:their\s+participation\s+in\s+(?:the\s+)?)?(?:study|trial|treatment|screening|run-in|follow-up|double-blind"
    r"|treatment\s+and\s+follow-up)(?:\s+(?:period|participation|duration|phase|treatment|conduct))*",
    re.IGNORECASE,
)
_MORE: dict[str, Op] = {
    "at least": ">=",
    "for at least": ">=",
    ">=": ">=",
    "a minimum of": ">=",
    "minimum of": ">=",
    "minimum": ">=",
    "a minimum": ">=",
}
_LESS: dict[str, Op] = {"<=": "<=", "up to": "<=", "no more than": "<=", "<": "<", "less than": "<", "fewer than": "<"}
# Without one of these letters no length of time is written anywhere.
_ANY_UNIT = re.compile(r"year|yr|month|mo|mth|week|wk|day|hour|hr|half|t1/2|(?<![a-z])[ymwdh](?![a-z])", re.IGNORECASE)
_NOW = Offset(value=0, unit="d")


def find_times(text: str) -> Iterator[Lexeme]:
    """Windows and durations; where two readings begin at one place the longer one stands."""
    lengths = (
        (
            *_read(text, _WITHIN, _within),
            *_read(text, _DISTANCE, _distance),
            *_read(text, _LASTING, _lasting),
            *_read(text, _NEXT, _next),
            *_read(text, _PAST_UNIT, _past_unit),
        )
        if _ANY_UNIT.search(text)
        else ()
    )
    found = [
        *lengths,
        *_read(text, _BEFORE_ANCHOR, _before),
        *_read(text, _AT, _at),
        *(Lexeme("cue", m.start(), m.end(), m.group().lower(), "during-study") for m in _DURING.finditer(text)),
    ]
    done = 0
    for lexeme in sorted(found, key=lambda x: (x.start, -x.end)):
        if lexeme.start >= done:
            yield lexeme
            done = lexeme.end


def read_length(text: str) -> Offset | None:
    """The first length of time in the text."""
    match = re.compile(_fill(_LENGTH, "x"), re.IGNORECASE).search(text)
    return _offset(match, "x") if match else None


def _read(text: str, pattern: re.Pattern[str], reader: Callable[[re.Match[str]], Lexeme | None]) -> Iterator[Lexeme]:
    for match in pattern.finditer(text):
        if match.start() and text[match.start()].isalnum() and text[match.start() - 1].isalnum():
            continue
        lexeme = reader(match)
        if lexeme is not None:
            yield lexeme


def _within(match: re.Match[str]) -> Lexeme | None:
    length = _offset(match, "x")
    if length is None:
        return None
    within, past = match["within"], match["past"] or match["bare"]
    anchor = _anchor(match, "b")
    after = _anchor(match, "c")
    if after is not None:
        return _window(match, Window(anchor=after, start=_NOW, end=length))
    if match["loose"]:
        if (within or "").lower() in {"less than", "<", "over"} and match["loose"].lower() in {"of", "from", "to"}:
            return None
        return _window(match, Window(start=_back(length)), anchored=False)
    firm = (within or "").lower().startswith("within") or past
    if not firm and not (anchor and match["rel"].lower() not in {"of", "from", "to"}) and not match["ago"]:
        return None
    if (within or "").lower() in {"less than", "<"} and anchor is None and not match["ago"]:
        return None
    if match["which"] and match["ny"]:
        return _window(match, Window(start=_back(length)), anchored=False)
    return _window(match, Window(anchor=anchor or "unspecified", start=_back(length)), anchored=not match["ny"])


def _distance(match: re.Match[str]) -> Lexeme | None:
    length = _offset(match, "x")
    if length is None:
        return None
    said = " ".join((match["op"] or "").lower().split())
    if match["loose"]:
        return _window(match, Window(start=_back(length)), anchored=False)
    if match["after"]:
        start = _anchor(match, "c")
        return _window(
            match, Window(anchor=start or "unspecified", start=_NOW, end=length), anchored=bool(said in _LESS)
        )
    anchor = _anchor(match, "b") or "unspecified"
    if said in _LESS:
        return _window(match, Window(anchor=anchor, start=_back(length)))
    if said:
        return _window(match, Window(anchor=anchor, start=None, end=_back(length)))
    return _window(match, Window(anchor=anchor, start=_back(length)), anchored=False, bare=not match["ny"])


def _lasting(match: re.Match[str]) -> Lexeme | None:
    if match.string[: match.start()].rstrip().lower().endswith((" age", " ages")):
        return None
    for op, name in (("op", "x"), ("op2", "y"), ("op3", "z")):
        length = _offset(match, name)
        if length is not None:
            said = " ".join((match[op] or "").lower().split())
            sign: Op = _MORE.get(said) or _LESS.get(said) or (">" if said else "=")
            return Lexeme("duration", match.start(), match.end(), match.group().lower(), Lasting(sign, length))
    return None


def _past_unit(match: re.Match[str]) -> Lexeme | None:
    """As in "within the past year": one of it; "in the last years" says not how many."""
    unit = next(unit for words, unit in _UNITS if re.fullmatch(words, match["unit"], re.IGNORECASE))
    anchor = _anchor(match, "b") or "unspecified"
    several = match["unit"].lower().endswith("s")
    return _window(match, Window(anchor=anchor, start=Offset(value=-1, unit=unit)), anchored=not several)


def _next(match: re.Match[str]) -> Lexeme | None:
    length = _offset(match, "x") or _offset(match, "y")
    return _window(match, Window(start=_NOW, end=length)) if length else None


def _before(match: re.Match[str]) -> Lexeme | None:
    return _window(match, Window(anchor=_anchor(match, "b") or "unspecified"))


def _at(match: re.Match[str]) -> Lexeme | None:
    return Lexeme("cue", match.start(), match.end(), match.group().lower(), "now")


def _window(match: re.Match[str], window: Window, *, anchored: bool = True, bare: bool = False) -> Lexeme:
    return Lexeme("window", match.start(), match.end(), match.group().lower(), Timed(window, anchored, bare))


def _anchor(match: re.Match[str], name: str) -> Anchor | None:
    for place, (_, anchor) in enumerate(_ANCHORS):
        if match.groupdict().get(f"a{name}_{place}"):
            return anchor
    return None


def _back(length: Offset) -> Offset:
    return Offset(value=-length.value, unit=length.unit)


def _offset(match: re.Match[str], name: str) -> Offset | None:
    said = match.groupdict().get(f"n{name}")
    if not said:
        return None
    first = re.split(r"\s*\(", said.lower())[0].strip()
    if first.startswith("half"):
        value = 0.5
    elif first in {"a", "an"}:
        value = 1.0
    else:
        value = WORDS[first] if first in WORDS else read(first)
    if match.groupdict().get(f"m{name}"):
        value = read(match[f"m{name}"])
    written = match[f"u{name}"]
    for words, unit in _UNITS:
        if re.fullmatch(words, written, re.IGNORECASE):
            return Offset(value=value, unit=unit)
    raise AssertionError(written)
