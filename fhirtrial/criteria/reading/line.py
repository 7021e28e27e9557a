"""One line of canonical English under the reader's finger: a place in it, and what may be taken from there."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import NoReturn

from fhirtrial.criteria.tree import Offset
from fhirtrial.criteria.wording import NAME_ENDS, TEXT_ENDS, UNITS, Names

NUMBER = r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?"
OPS = r"<=|>=|<|>|="
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_LENGTH = re.compile(rf"(?P<value>{NUMBER}) (?P<unit>half-li(?:fe|ves)|[a-z]+)")
_UNIT_NAMES = {word: unit for unit, said in UNITS.items() for word in (said, f"{said}s")} | {"half-lives": "half-life"}


def shown(said: str) -> str:
    """Words of a reviewer in a message: in quotes, and not too many."""
    return f'"{said}"' if len(said) <= 60 else f'"{said[:57]}..."'


class Misread(Exception):  # noqa: N818 - it never leaves the reader, which makes a Mistake of it
    """What stands at a place of the line, and what was expected there."""

    def __init__(self, at: int, got: str, expected: str) -> None:
        super().__init__(at, got, expected)
        self.at, self.got, self.expected = at, got, expected


class Line:
    """`at` is the place of the next character; `offset` is where the line stands in a longer one."""

    def __init__(self, text: str, names: Names, offset: int = 0) -> None:
        self.text, self.names, self.offset, self.at = text, names, offset, 0

    @property
    def rest(self) -> str:
        return self.text[self.at :]

    def looks_at(self, words: str) -> bool:
        return self.text.startswith(words, self.at)

    def take(self, words: str) -> bool:
        """Moves past the words if they stand here."""
        found = self.looks_at(words)
        self.at += len(words) if found else 0
        return found

    def match(self, pattern: str | re.Pattern[str]) -> re.Match[str] | None:
        """Moves past what the pattern finds here."""
        found = re.compile(pattern).match(self.text, self.at)
        self.at = found.end() if found else self.at
        return found

    def fail(self, expected: str, at: int | None = None) -> NoReturn:
        raise self.misread(expected, at)

    def misread(self, expected: str, at: int | None = None) -> Misread:
        at = self.at if at is None else at
        said = self.text[at:]
        return Misread(self.offset + at, shown(said) if said else "the end of the line", expected)

    def end(self) -> None:
        if self.rest:
            self.fail("the end of the line")

    def quoted(self) -> str | None:
        """The text in quotes that stands here; None where the quotes do not close or hold what JSON does not allow."""
        found = _QUOTED.match(self.text, self.at)
        if found is None:
            return None
        try:
            text: str = json.loads(found.group())
        except json.JSONDecodeError:
            return None
        self.at = found.end()
        return text

    def words(self, ends: re.Pattern[str], what: str) -> str:
        """A text in quotes, or else all up to where the pattern ends it."""
        if self.looks_at('"'):
            text = self.quoted()
            if text is None:
                self.fail(f'{what}, with a quote (") at its end')
            return text
        found = ends.search(self.text, self.at)
        text = self.text[self.at : found.start() if found else len(self.text)].rstrip(" ")
        if not text:
            self.fail(what)
        self.at += len(text)
        return text

    def concept(self, ends: re.Pattern[str] = NAME_ENDS) -> str:
        """The concept whose words stand here."""
        start = self.at
        words = self.words(ends, "the name of a concept")
        found = self.names.concept(words)
        if found is None:
            near = " or ".join(f'"{n}"' for n in self.names.near(words))
            raise Misread(
                self.offset + start,
                f'no concept is called "{words}"',
                near or "the name of a concept of the terminology",
            )
        return found

    def text_before_brackets(self, what: str = "words") -> str:
        return self.words(TEXT_ENDS, what)

    def text_to_end(self, what: str = "words") -> str:
        if self.looks_at('"'):
            text = self.words(TEXT_ENDS, what)
            self.end()
            return text
        if not self.rest:
            self.fail(what)
        text, self.at = self.rest, len(self.text)
        return text

    def number(self) -> float:
        found = self.match(rf"{NUMBER}(?![\d.,])")
        if found is None:
            self.fail("a number, such as 1.5")
        return float(found.group())

    def op(self) -> str:
        found = self.match(OPS)
        if found is None:
            self.fail("one of < <= > >= =")
        return found.group()

    def space(self) -> None:
        if not self.take(" "):
            self.fail("a space")

    def one_of(self, choices: Mapping[str, str], what: str) -> str:
        """The key whose words stand here; the longest wins."""
        for key, words in sorted(choices.items(), key=lambda x: -len(x[1])):
            if self.match(rf"{re.escape(words)}(?![\w-])"):
                return key
        raise self.misread(f"{what}: {', '.join(choices.values())}")

    def length(self) -> Offset:
        found = self.match(_LENGTH)
        if found is None or found["unit"] not in _UNIT_NAMES:
            self.fail("a time, such as 24 weeks", found.start() if found else None)
        return Offset.model_validate({"value": float(found["value"]), "unit": _UNIT_NAMES[found["unit"]]})

    def qualifiers(self) -> list[Line]:
        """The parts of the round brackets that stand here, each a line of its own; none where no bracket opens."""
        if not self.take(" (") and not (self.at == 0 and self.take("(")):
            return []
        parts, start, depth, at = list[Line](), self.at, 0, self.at
        while at < len(self.text):
            character = self.text[at]
            quoted = _QUOTED.match(self.text, at) if character == '"' else None
            if quoted:
                at = quoted.end()
                continue
            if depth == 0 and character in ";)":
                parts.append(self._part(start, at))
                start = at + 1
                if character == ")":
                    self.at = at + 1
                    return parts
            depth += (character == "(") - (character == ")")
            at += 1
        raise self.misread('")" at the end', len(self.text))

    def _part(self, start: int, end: int) -> Line:
        said = self.text[start:end]
        blank = len(said) - len(said.lstrip(" "))
        return Line(said.strip(" "), self.names, self.offset + start + blank)
