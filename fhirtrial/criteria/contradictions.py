"""Which requirements cannot hold together: only what arithmetic and sameness prove, never a medical guess.

A tree is taken apart into literals (an atom that must hold, or must not) as far as the logic forces them; two
literals clash when no patient can satisfy both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from math import inf
from typing import NamedTuple

from fhirtrial.criteria.lower import Lowered, lower
from fhirtrial.criteria.tree import Age, AtLeast, Atom, Measurement, Not, Ordinal, Sex

_OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}


class Literal(NamedTuple):
    """`atom` must hold, or, where `holds` is False, must not."""

    atom: Atom
    holds: bool


class Flaw(NamedTuple):
    """A node that is true of nobody or of everybody; `path` counts children from the lowered tree's root."""

    path: str
    what: str


class _Interval(NamedTuple):
    """What a literal allows: low <= x <= high, a bound left out where it is open."""

    low: float = -inf
    high: float = inf
    low_open: bool = False
    high_open: bool = False

    def meets(self, other: _Interval) -> bool:
        low, low_open = max((self.low, self.low_open), (other.low, other.low_open))
        high, closed = min((self.high, not self.high_open), (other.high, not other.high_open))
        return low < high or (low == high and closed and not low_open)


def required(node: Lowered, *, holds: bool = True) -> tuple[Literal, ...]:
    """The literals without which `node` cannot have the truth asked for."""
    if isinstance(node, Not):
        return required(lower(node.node), holds=not holds)
    if isinstance(node, AtLeast):
        forced = node.k == len(node.nodes) if holds else node.k == 1
        return tuple(r for n in node.nodes for r in required(lower(n), holds=holds)) if forced else ()
    return (Literal(node, holds),)


def clash(a: Literal, b: Literal) -> bool:
    """Whether no patient satisfies both."""
    if a.atom == b.atom:
        return a.holds != b.holds
    if isinstance(a.atom, Sex) and isinstance(b.atom, Sex):
        return a.holds and b.holds
    one, other = _interval(a), _interval(b)
    return one is not None and other is not None and _subject(a.atom) == _subject(b.atom) and not one.meets(other)


def flaws(node: Lowered, path: str = "") -> Iterator[Flaw]:
    """Nodes that nobody or everybody satisfies, and members counted twice; the outermost of each branch."""
    if isinstance(node, Not):
        yield from flaws(lower(node.node), path)
    elif isinstance(node, AtLeast):
        nodes = [lower(n) for n in node.nodes]
        if node.k > _most(nodes, holds=True):
            yield Flaw(path, f"{node.k} of these {len(nodes)} can never hold together")
        elif len(nodes) - node.k + 1 > _most(nodes, holds=False):
            yield Flaw(path, f"{node.k} of these {len(nodes)} always hold")
        else:
            if len(set(nodes)) < len(nodes):
                yield Flaw(path, "the same member counts more than once")
            for place, inner in enumerate(nodes):
                yield from flaws(inner, f"{path}.{place}" if path else str(place))


def _most(nodes: Sequence[Lowered], *, holds: bool) -> int:
    """No more of `nodes` than this can have that truth together: of each disjoint pair that clashes, one cannot."""
    told = [required(n, holds=holds) for n in nodes]
    free = set(range(len(nodes)))
    most = sum(not any(clash(x, y) for x, y in combinations(literals, 2)) for literals in told)
    free -= {i for i, literals in enumerate(told) if any(clash(x, y) for x, y in combinations(literals, 2))}
    for i, j in combinations(range(len(nodes)), 2):
        if {i, j} <= free and any(clash(x, y) for x in told[i] for y in told[j]):
            free -= {i, j}
            most -= 1
    return most


def _subject(atom: Atom) -> tuple[object, ...]:
    """What the bound is a bound of: literals about the same one can be compared."""
    match atom:
        case Age(unit=unit):
            return ("age", unit)
        case Measurement():
            return (*_same(atom), atom.unit, atom.of, atom.over, atom.scale_max)
        case Ordinal():
            return _same(atom)
        case _:
            return (atom,)


def _same(atom: Measurement | Ordinal) -> tuple[object, ...]:
    return (atom.kind, atom.concept, atom.window)


def _interval(literal: Literal) -> _Interval | None:
    """The numbers that satisfy the literal; None where they are no single interval or not about one number."""
    match literal:
        case Literal(Age() as age, True):
            return _Interval(
                -inf if age.low is None else age.low,
                inf if age.high is None else age.high,
                age.low_op == ">",
                age.high_op == "<",
            )
        case Literal(Age(high=None, low=float(low)) as age, False):
            return _Interval(high=low, high_open=age.low_op == ">=")
        case Literal(Age(low=None, high=float(high)) as age, False):
            return _Interval(low=high, low_open=age.high_op == "<=")
        case Literal(Measurement(select="latest", count=1) as bound, holds):
            return _bound(bound.op, bound.value, holds=holds)
        case Literal(Ordinal() as bound, holds):
            return _bound(bound.op, bound.rank, holds=holds)
        case _:
            return None


def _bound(op: str, value: float, *, holds: bool) -> _Interval | None:
    if op == "=":
        return _Interval(value, value) if holds else None
    told = op if holds else _OPPOSITE[op]
    if told in {">", ">="}:
        return _Interval(low=value, low_open=told == ">")
    return _Interval(high=value, high_open=told == "<")
