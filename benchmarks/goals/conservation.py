"""G0: every character of a section is in one place, and every number and name found is told by the tree alone."""

from __future__ import annotations

from collections.abc import Iterator

from goals.tally import Tally

from fhirtrial.criteria.lower import atoms
from fhirtrial.criteria.text.lexemes import Bounds, Lasting, Named, Timed
from fhirtrial.criteria.text.parse import Parsed
from fhirtrial.criteria.tree import All, Any, AtLeast, Def, Except, If, Node, Not, Offset, Reproductive
from fhirtrial.records.eligibility import read_eligibility
from fhirtrial.records.fields import Eligibility


def coverage(counts: Tally, text: str) -> None:
    """Every character of the section in exactly one criterion, heading or note."""
    parts = read_eligibility(text, Eligibility())
    taken = [0] * len(text)
    for span in (*(c.span for c in parts.criteria if c.span), *parts.headings, *parts.asides):
        for place in range(span.start, span.end):
            taken[place] += 1
    visible = [n for n, c in zip(taken, text, strict=True) if not c.isspace()]
    counts.gold += len(visible)
    counts.kept += sum(n == 1 for n in visible)
    counts.made, counts.hit = counts.gold, counts.kept


def conservation(counts: Tally, text: str, parsed: Parsed) -> None:
    """Every number, comparator, unit and concept is in an atom or a residue's words, told from the tree alone."""
    said = _fold(" ".join(_words(parsed.tree)) + " " + " ".join(n.text for n in parsed.notes))
    numbers = _numbers(parsed.tree)
    named = {
        getattr(a, f)
        for a in atoms(parsed.tree)
        for f in ("concept", "over", "indication", "modality", "finding", "target", "reason")
        if getattr(a, f, None)
    }
    named |= {n for a in atoms(parsed.tree) for f in ("also", "unless") for n in getattr(a, f, ())}
    # A state is told by its own name.
    states = {"pregnant": "pregnancy", "lactating": "lactation"}
    named |= {states[a.state] for a in atoms(parsed.tree) if isinstance(a, Reproductive) and a.state in states}
    for finding in parsed.found:
        if finding.kind not in {"compare", "number", "window", "duration", "concept"}:
            continue
        counts.gold += 1
        words = _fold(text[finding.start : finding.end])
        held = words in said
        value = finding.value
        if not held and isinstance(value, Bounds):
            held = all(round(b.value, 9) in numbers for b in value.each)
        elif not held and isinstance(value, Timed):
            held = all(o is None or abs(o.value) in numbers for o in (value.window.start, value.window.end))
        elif not held and isinstance(value, Lasting):
            held = value.length.value in numbers
        elif not held and isinstance(value, Named):
            held = bool(set(value.concepts) & named) or finding.encoded
        elif not held:
            held = finding.encoded
        counts.kept += held
        if not held:
            counts.missed.append(f"{finding.kind} {words!r} in {text!r}")
    counts.made, counts.hit = counts.gold, counts.kept


def _words(node: Node) -> Iterator[str]:
    match node:
        case All(nodes=nodes) | Any(nodes=nodes) | AtLeast(nodes=nodes):
            for inner in nodes:
                yield from _words(inner)
        case Not(node=inner):
            yield from _words(inner)
        case Def(term=term, body=body):
            yield term
            yield from _words(body)
        case If(condition=a, then=b) | Except(base=a, unless=b):
            yield from _words(a)
            yield from _words(b)
        case _:
            yield str(getattr(node, "text", ""))


def _numbers(node: Node) -> set[float]:
    found: set[float] = set()
    for atom in atoms(node):
        for _, value in atom:
            if isinstance(value, float | int):
                found.add(round(float(value), 9))
            for inner in (value, getattr(value, "start", None), getattr(value, "end", None)):
                if isinstance(inner, Offset):
                    found.add(abs(inner.value))
            if hasattr(value, "op") and hasattr(value, "value"):
                found.add(round(float(value.value), 9))
    return found | {0.0}


def _fold(text: str) -> str:
    return " ".join(text.split()).lower()
