"""A sentence without the words that ask nothing: obligations, "with or without X", a value or a name said twice.

What is left out either says what the kind of the criterion says already, or is kept as a note; never a test.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from fhirtrial.criteria.text.found import Job
from fhirtrial.criteria.text.lexemes import Bounds, Lexeme, Named
from fhirtrial.criteria.text.phrase import Bracket, Item, is_core

_OBLIGATIONS = frozenset({"must be", "must have", "should be", "should have", "will be", "will have"})
_WELCOME = ("eligible", "included", "enrolled", "accepted")
_LIMIT = re.compile(
    r"(?:the )?(?:institutional )?(?:upper|lower) limits? of (?:the )?normal(?: range| limits?)?|[ul]ln"
)


def plain(job: Job, items: Sequence[Item], *, alone: bool) -> tuple[Item, ...]:
    """The items that say something; `alone` where no other sentence stands beside this one."""
    found: list[Item] = []
    neither = False
    skipped = 0
    for place, item in enumerate(items):
        if place < skipped:
            continue
        if isinstance(item, Bracket):
            if not (found and _repeats(job, found[-1], item)):
                found.append(item)
            continue
        neither = neither or item.text == "neither"
        if neither and item.text == "nor" and found:
            found.append(Lexeme("or", item.start, item.end, "or"))
        elif item.text == "with" and _either_way(items, place):
            skipped = _end(items, place + 3) if found else len(items)
            start, end = item.start, items[skipped - 1].end
            job.notes.append((job.words(start, end), (start, end)))
        elif job.exclusion and alone and found and item.text in {"is", "are"} and _ends(items, place, "excluded"):
            skipped = len(items)
        elif item.value == "allowed" and item.kind == "cue" and _is_plain(job, items, place, alone=alone):
            skipped = place + 1 + (_follows(items, place) == "excluded")
        else:
            found.append(item)
    return tuple(found)


def _either_way(items: Sequence[Item], place: int) -> bool:
    after = items[place + 1 : place + 3]
    return (
        len(after) == 2
        and isinstance(after[0], Lexeme)
        and after[0].kind in {"or", "and/or"}
        and isinstance(after[1], Lexeme)
        and after[1].text == "without"
        and place + 3 < len(items)
    )


def _end(items: Sequence[Item], place: int) -> int:
    """Where what stands behind "with or without" ends: at a comma, or with the sentence."""
    while place < len(items):
        item = items[place]
        if isinstance(item, Lexeme) and (item.kind in {"comma", "and", "semicolon", "window"}):
            return place
        place += 1
    return place


def _ends(items: Sequence[Item], place: int, word: str) -> bool:
    return place == len(items) - 2 and _follows(items, place) == word


def _follows(items: Sequence[Item], place: int) -> str:
    following = items[place + 1] if place + 1 < len(items) else None
    return following.text if isinstance(following, Lexeme) else ""


def _is_plain(job: Job, items: Sequence[Item], place: int, *, alone: bool) -> bool:
    """Whether an obligation says only that this is a criterion: "must be 18 years", "patients with X are eligible"."""
    cue = items[place]
    assert isinstance(cue, Lexeme)  # noqa: S101 - the caller has looked
    last = place == len(items) - 1
    if job.exclusion:
        return alone and _ends(items, place, "excluded") and cue.text in {"will be", "should be"}
    if cue.text in _OBLIGATIONS and _follows(items, place) not in {"excluded", "not"}:
        # Said of those who have something, it is a condition: "patients with cirrhosis must have …".
        return not any(is_core(i) or _bounds(i) or isinstance(i, Bracket) for i in items[:place])
    return alone and last and cue.text.endswith(_WELCOME)


def _bounds(item: Item) -> bool:
    return isinstance(item, Lexeme) and item.kind in {"compare", "window", "duration"}


def _repeats(job: Job, before: Item, bracket: Bracket) -> bool:
    """Whether a bracket says a value in another unit, spells out a limit, or spells out the name before it."""
    inner = [i for i in bracket.items if isinstance(i, Lexeme)]
    if not isinstance(before, Lexeme) or len(inner) != len(bracket.items) or not inner:
        return False
    if before.kind == "compare" and isinstance(before.value, Bounds):
        if len(inner) == 1 and inner[0].kind == "number" and isinstance(inner[0].value, Bounds):
            own, other = before.value.each, inner[0].value.each
            if len(own) == len(other) == 1 and own[0].unit and other[0].unit and own[0].unit != other[0].unit:
                job.notes.append((job.words(bracket.start, bracket.end), (bracket.start, bracket.end)))
                return True
        words = " ".join(i.text for i in inner)
        return _LIMIT.fullmatch(words) is not None and any(b.of != "absolute" for b in before.value.each)
    named = [i for i in inner if isinstance(i.value, Named)]
    equals = [i for i in inner if i.text == "="]
    return (
        isinstance(before.value, Named)
        and len(named) == 2
        and len(equals) == 1
        and len(inner) == 3
        and all(isinstance(i.value, Named) and set(i.value.concepts) & set(before.value.concepts) for i in named)
    )
