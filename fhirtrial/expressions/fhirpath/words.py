"""Turns of FHIRPath: literals, three values, lists as text; every text of a record or table is escaped here.

A value that may be unknown is a Boolean or {}. `iif` takes {} for false, and `where` leaves it out, so that whoever
asks for "not false" says so. Names of variables are this package's own; each stands inside the `select` that uses it.
"""

from __future__ import annotations

from collections.abc import Iterable

EMPTY = "{}"
CEILING = "'9999-12-31'"
FLOOR = "'0001-01-01'"
INDEX = "%IndexDate.toDate()"
TODAY = f"{INDEX}.toString()"


def string(words: str) -> str:
    r"""A String literal.

    >>> string("Crohn's")
    "'Crohn\\'s'"
    """
    return "'" + words.replace("\\", "\\\\").replace("'", "\\'") + "'"


def number(value: float) -> str:
    """A Decimal literal, without exponent."""
    text = f"{value:.15f}".rstrip("0").rstrip(".")
    return f"({text})" if text.startswith("-") else text


def one_of(words: Iterable[str]) -> str:
    """A collection of Strings, sorted; for `in`."""
    return "(" + " | ".join(string(word) for word in sorted(set(words))) + ")"


def listed(words: Iterable[str]) -> str:
    """Many words as one text, each between bars: `contains` looks one up without comparing each."""
    return string("|" + "|".join(sorted(set(words))) + "|")


def when(*cases: tuple[str, str], otherwise: str) -> str:
    """The first case whose condition is true."""
    found = otherwise
    for condition, value in reversed(cases):
        found = f"iif({condition}, {value}, {found})"
    return found


def let(*named: tuple[str, str]) -> str:
    """Variables for what follows, which is a `.select(…)`."""
    return "".join(f"defineVariable({string(name)}, {value})." for name, value in named)


def extreme(items: str, op: str) -> str:
    """The largest (>) or smallest (<) of a collection."""
    return f"{items}.aggregate(iif($total.empty(), $this, iif($this {op} $total, $this, $total)))"


def presumed(truth: str, family: str) -> str:
    """A presumption is true or false only where its family was loaded whole."""
    return f"iif({string(family)} in %Loaded, {truth}, {EMPTY})"
