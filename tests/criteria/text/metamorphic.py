"""Whether a pair of texts is read as its relation says: alike in everything, or apart in one number alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from generated.rewordings import Pair, Relation, pairs

from fhirtrial.criteria.check import share
from fhirtrial.criteria.criterion import Criterion, Kind
from fhirtrial.criteria.document import node_to_json
from fhirtrial.criteria.lower import lower
from fhirtrial.criteria.text.parse import parse
from fhirtrial.records.eligibility import read_eligibility
from fhirtrial.records.fields import Eligibility
from fhirtrial.terminology import load

QUICK: dict[Relation, int] = {
    "operator": 120, "range": 20, "number": 50, "layout": 36, "spelling": 60, "window": 34,
}  # fmt: skip
LONG: dict[Relation, int] = {
    "operator": 720, "range": 200, "number": 400, "layout": 250, "spelling": 500, "window": 340,
}  # fmt: skip


def trouble(pair: Pair) -> str | None:
    """What is wrong with how the pair is read; None where it holds."""
    one, other = (_items(text, pair.kind) for text in (pair.one, pair.other))
    if any(share(item.tree) != "exact" for item in one):
        return f"{pair.relation}: the canonical text is not read exactly: {_told(pair, one, other)}"
    if len(one) != len(other) or len(one) != pair.one.count("* "):
        return f"{pair.relation}: {len(one)} and {len(other)} items: {_told(pair, one, other)}"
    trees = tuple([_plain(pair, node_to_json(lower(i.tree))) for i in items] for items in (one, other))
    if pair.changed is None:
        if trees[0] == trees[1] and [i.defects for i in one] == [i.defects for i in other]:
            return None
        return f"{pair.relation}: {_told(pair, one, other)}"
    before, after = (float(n) for n in pair.changed)
    apart = list(_apart(trees[0], trees[1]))
    if apart and all(isinstance(a, float | int) and (a, b) in {(before, after), (-before, -after)} for a, b in apart):
        return None
    return f"{pair.relation}: {apart} changed: {_told(pair, one, other)}"


def troubles(counts: dict[Relation, int]) -> Iterator[str | None]:
    """One answer per case."""
    return (trouble(pair) for pair in pairs(counts))


def _items(text: str, kind: Kind) -> list[Criterion]:
    heading = "Inclusion Criteria:\n\n" if kind == "inclusion" else "Exclusion Criteria:\n\n"
    criteria = parse(read_eligibility(heading + text, Eligibility()).criteria, load())
    return [c for c in criteria if c.span is not None]


def _plain(pair: Pair, tree: Any) -> Any:
    """The tree without the words that a reader is shown, and, for windows, without what they count from."""
    hidden = {"text", "label", "anchor"} if pair.relation == "window" else {"text", "label"}
    if isinstance(tree, dict):
        return {k: _plain(pair, v) for k, v in tree.items() if k not in hidden}
    return [_plain(pair, v) for v in tree] if isinstance(tree, list) else tree


def _apart(one: Any, other: Any) -> Iterator[tuple[Any, Any]]:
    """The leaves in which two trees differ."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        for key in one:
            yield from _apart(one[key], other[key])
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for a, b in zip(one, other, strict=True):
            yield from _apart(a, b)
    elif one != other:
        yield one, other


def _told(pair: Pair, one: list[Criterion], other: list[Criterion]) -> str:
    trees = (" | ".join(str(node_to_json(i.tree)) for i in items) for items in (one, other))
    return f"{pair.one!r} → {next(trees)}\n  {pair.other!r} → {next(trees)}"
