"""The fixed words of canonical English, and when a text stands in quotes: writer and reader share them, so they agree.

A text stands as it is wherever the words around it show where it ends. Where they would not (it holds a bracket, a
line break, or words that mean something in that place), it stands in quotes, with JSON's escapes.
"""

from __future__ import annotations

import difflib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from fhirtrial.terminology import Terminology

UNITS = {"h": "hour", "d": "day", "wk": "week", "mo": "month", "a": "year", "half-life": "half-life"}
SELECT = {"latest": "latest", "any": "any", "all": "every one", "min": "lowest", "max": "highest"}
ALLERGY = {"allergy": "allergy to", "intolerance": "intolerance of", "any": "allergy to or intolerance of"}
ANCHORS = {
    "first-dose": "the first dose",
    "last-dose": "the last dose",
    "after-last-dose": "the end of the last dose",
    "during-study": "the start of the study",
    "unspecified": "the index date (anchor not stated)",
}
STATES = {"pregnant": "pregnant", "lactating": "breast-feeding", "childbearing-potential": "able to bear children"}
SETTINGS = {name: f"{name} stay or visit" for name in ("inpatient", "emergency", "outpatient")}
SETTINGS["any"] = "stay or visit of any kind"

_OPENINGS = re.compile(
    r"(not:|(all|any|at least \d+) of:|if the first|the first,|age [<>]|(fe)?male sex|diagnosis of|treatment with|"
    r"procedure|allergy to|intolerance of|immunization with|pregnant|breast-feeding|able to bear|(\w+ )?stay or visit|"
    r"data at hand:|(partner|family|household):|meets the|a person (says|confirms)|state of treatment|"
    r"planned or expected|not computable|defect of the source)"
)
"""How every line begins that does not begin with a concept."""
NAME_ENDS = re.compile(
    r'[";]|(?:^|(?<=\s))(?:\(|(?:that is also|other than|found by|increase|decrease|/|[<>]=?|=)(?=\s|$))'
)
"""What ends a concept's words that do not stand in quotes."""
TEXT_ENDS = re.compile(r"(?:^|(?<=\s))\(")
"""What ends a text that qualifiers in round brackets follow."""
_JOINS = re.compile(r"(?:^|\s)(?:and|or)(?=\s|$)")
# What no reader sees or no file keeps: controls, line breaks, marks of direction, halves of pairs.
_HIDDEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    r"\ud800-\udfff\ufeff\ufff9-\ufffc\ufffe\uffff]"
)


def plain(concept: str) -> str:
    """A concept's name as words: what is said where no terminology gives its label."""
    return concept.replace("-", " ")


def hidden(text: str) -> bool:
    """Whether something is in it that a reader would not see or a file not keep."""
    return _HIDDEN.search(text) is not None


def quoted(text: str) -> str:
    escaped = json.dumps(text, ensure_ascii=False)
    return _HIDDEN.sub(lambda found: f"\\u{ord(found.group()):04x}", escaped)


def line_text(text: str) -> str:
    """A text that ends with its line."""
    return text if _clear(text) else quoted(text)


def leading_text(text: str) -> str:
    """A text that qualifiers in round brackets may follow."""
    return text if _clear(text) and not TEXT_ENDS.search(text) else quoted(text)


def bracketed_text(text: str) -> str:
    """A text among qualifiers."""
    return text if _clear(text) and _closed(text) and not re.search('[";]', text) else quoted(text)


def word(text: str) -> str:
    """A text without a space, such as a unit."""
    return text if re.fullmatch(r'[^\s"×][^\s"]*', text) and _clear(text) else quoted(text)


def name(words: str) -> str:
    """A concept's words after other words."""
    clear = _clear(words) and _closed(words) and not NAME_ENDS.search(words) and not words.startswith("at least ")
    return words if clear else quoted(words)


def first_name(words: str) -> str:
    """A concept's words at the beginning of a line."""
    return quoted(words) if _OPENINGS.match(words) else name(words)


def listed_name(words: str) -> str:
    """A concept's words among others that "and" or "or" joins."""
    return quoted(words) if _JOINS.search(words) else name(words)


def _clear(text: str) -> bool:
    return bool(text) and text == text.strip() and text[0] != '"' and not hidden(text)


def _closed(text: str) -> bool:
    """Whether each round bracket in it has its partner."""
    depth = 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if depth < 0:
            return False
    return depth == 0


@dataclass(frozen=True, eq=False)
class Names:
    """Concepts and the words that stand for them, both ways; `others` are words that only help to find a concept.

    A concept whose words are another's, too, is called by its own name.
    """

    labels: Mapping[str, str]
    others: Mapping[str, Iterable[str]] = field(default_factory=dict)

    @staticmethod
    def of(terminology: Terminology) -> Names:
        return _names_of(terminology)

    @classmethod
    def plain(cls, concepts: Iterable[str]) -> Names:
        """Where no terminology gives labels: the names themselves, as words."""
        return cls({name: plain(name) for name in concepts})

    def label(self, concept: str) -> str:
        return self._words.get(concept, concept)

    def concept(self, words: str) -> str | None:
        """The concept that is called so, letter case aside; None for words that are no concept's."""
        return self._concepts.get(words.casefold())

    def near(self, words: str) -> tuple[str, ...]:
        """Words of up to three concepts that may be meant."""
        asked = words.casefold()
        if asked in self._synonyms:
            return tuple(self.label(c) for c in self._synonyms[asked][:3])
        known = (w for w in (*self._concepts, *self._synonyms) if _alike(w, asked))
        close = difflib.get_close_matches(asked, known, n=3, cutoff=0.7)
        found = (self._concepts.get(c) or self._synonyms[c][0] for c in close)
        return tuple(dict.fromkeys(self.label(c) for c in found))

    @cached_property
    def _words(self) -> dict[str, str]:
        held = Counter(words.casefold() for words in self.labels.values())
        return {
            concept: words
            for concept, words in self.labels.items()
            if held[words.casefold()] == 1 and (words.casefold() == concept or words.casefold() not in self.labels)
        }

    @cached_property
    def _concepts(self) -> dict[str, str]:
        return {c: c for c in self.labels} | {words.casefold(): concept for concept, words in self._words.items()}

    @cached_property
    def _synonyms(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for concept, others in sorted(self.others.items()):
            for other in others:
                found.setdefault(other.casefold(), []).append(concept)
        return found


@lru_cache(maxsize=2)
def _names_of(terminology: Terminology) -> Names:
    found = terminology.concepts.values()
    return Names({c.name: c.label for c in found}, {c.name: c.synonyms for c in found})


def _alike(words: str, asked: str) -> bool:
    """Whether it pays to compare them letter by letter."""
    slip = max(2, len(asked) // 4)
    return abs(len(words) - len(asked)) <= slip and (words[:1] == asked[:1] or words[-4:] == asked[-4:])
