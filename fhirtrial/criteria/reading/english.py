"""Canonical English → tree: what `english` writes is read back as the same tree; what it would not write is a mistake.

Every mistake is told with its line and column, what stands there and what was expected; nothing is guessed or skipped.
A line is one atom, or the head of a list whose members stand below it, each after "- " and indented alike.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from fhirtrial.criteria.reading.atoms import read_atom
from fhirtrial.criteria.reading.line import Line, Misread, shown
from fhirtrial.criteria.tree import All, Any, AtLeast, Def, Except, If, Node, Not
from fhirtrial.criteria.wording import Names
from fhirtrial.errors import TreeError

_BULLET = re.compile(r"(?P<indent> *)- +(?P<said>.*)")
_PAIRS = {"if the first holds, the second", "the first, except the second"}
_HEAD = re.compile(rf"(?P<which>all of|any of|at least (?P<k>\d+) of|(?P<pair>{'|'.join(sorted(_PAIRS))})):$")


@dataclass(frozen=True)
class Mistake:
    """`line` and `column` count from 1."""

    line: int
    column: int
    got: str
    expected: str

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.got}; expected {self.expected}"


@dataclass(frozen=True)
class Reading:
    """The tree, or why there is none."""

    node: Node | None
    mistakes: tuple[Mistake, ...]


@dataclass(frozen=True)
class _Item:
    """One line without its bullet; `depth` is the bullet's column, -1 for the first line."""

    number: int
    depth: int
    column: int
    said: str


def read_english(text: str, names: Names, where: str) -> Node:
    """The tree that `english(tree, names.label)` says in these words; TreeError tells the first mistake."""
    found = reading(text, names)
    if found.node is None:
        first = found.mistakes[0]
        at = f"{where}, line {first.line}, column {first.column}"
        raise TreeError(at, first.got, f"expected {first.expected}")
    return found.node


def reading(text: str, names: Names) -> Reading:
    """The tree, or every mistake: each line is read for itself, so that one does not hide the next."""
    mistakes: list[Mistake] = []
    items = _items(text, mistakes)
    if not items:
        return Reading(None, tuple(mistakes) or (Mistake(1, 1, "no words", 'a criterion, such as "age >= 18 years"'),))
    node = _Reader(names, mistakes).node(items)
    mistakes.sort(key=lambda m: (m.line, m.column))
    return Reading(None if mistakes else node, tuple(mistakes))


def _items(text: str, mistakes: list[Mistake]) -> list[_Item]:
    items: list[_Item] = []
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.rstrip(" \r")
        bullet = _BULLET.fullmatch(line)
        if "\t" in line:
            mistakes.append(Mistake(number, line.index("\t") + 1, "a tab", "spaces"))
        elif not line:
            continue
        elif not items:
            said = line.lstrip(" ")
            items.append(_Item(number, -1, len(line) - len(said) + 1, said))
        elif bullet:
            items.append(_Item(number, len(bullet["indent"]), bullet.start("said") + 1, bullet["said"]))
        else:
            column = len(line) - len(line.lstrip(" ")) + 1
            mistakes.append(Mistake(number, column, shown(line.strip()), '"- " before each member of a list'))
    return items


@dataclass(frozen=True)
class _Reader:
    names: Names
    mistakes: list[Mistake]

    def node(self, items: Sequence[_Item]) -> Node | None:
        """What the first item says, with the items below it."""
        first, below = items[0], items[1:]
        line = Line(first.said, self.names)
        wraps = _prefixes(line)
        head = _HEAD.match(first.said, line.at)
        if head is None:
            node = self._atom(first, line)
            if below:
                self._say(below[0], 0, shown(below[0].said), f"nothing below {shown(first.said)}, which is no list")
                return None
        else:
            members = self._members(below)
            node = self._group(first, line.at, head, members)
        for term in reversed(wraps):
            if node is not None:
                node = Not(node=node) if term is None else Def(term=term, body=node)
        return node

    def _atom(self, item: _Item, line: Line) -> Node | None:
        try:
            return read_atom(line)
        except Misread as wrong:
            self._say(item, wrong.at, wrong.got, wrong.expected)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = "".join(f"{part}: " for part in first["loc"])
            self._say(item, 0, f"{shown(item.said)} ({field}{first['msg']})", "what can be asked")
        return None

    def _members(self, below: Sequence[_Item]) -> list[Node | None]:
        starts = [i for i, item in enumerate(below) if item.depth <= below[0].depth]
        for i in starts:
            if below[i].depth != below[0].depth:
                indent = f'"- " in column {below[0].depth + 1}, as above'
                self._say(below[i], 0, f'"- " in column {below[i].depth + 1}', indent)
        ends = [*starts, len(below)][1:]
        return [self.node(below[i:end]) for i, end in zip(starts, ends, strict=True)]

    def _group(self, item: _Item, at: int, head: re.Match[str], members: list[Node | None]) -> Node | None:
        count = len(members)
        if head["pair"] and count != 2:
            self._say(item, at, f"{count} members", "two members")
        elif not members:
            self._say(item, at, f"no members below {shown(head['which'] + ':')}", '"- " and a member on the next line')
        elif head["k"] and not 1 <= int(head["k"]) <= count:
            self._say(item, at, f"at least {head['k']} of {count} members", f"a number from 1 to {count}")
        nodes = tuple(node for node in members if node is not None)
        if self.mistakes or len(nodes) < count:
            return None
        match head["which"]:
            case "all of":
                return All(nodes=nodes)
            case "any of":
                return Any(nodes=nodes)
            case "if the first holds, the second":
                return If(condition=nodes[0], then=nodes[1])
            case "the first, except the second":
                return Except(base=nodes[0], unless=nodes[1])
            case _:
                return AtLeast(k=int(head["k"]), nodes=nodes)

    def _say(self, item: _Item, at: int, got: str, expected: str) -> None:
        self.mistakes.append(Mistake(item.number, item.column + at, got, expected))


def _prefixes(line: Line) -> list[str | None]:
    """What stands before the node: the defined term, or None for "not", the outermost first; moves past them."""
    found: list[str | None] = []
    while True:
        before = line.at
        if line.take("not: "):
            found.append(None)
        elif line.looks_at('"') and (term := line.quoted()) is not None and line.take(" means: "):
            found.append(term)
        else:
            line.at = before
            return found
