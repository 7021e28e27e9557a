"""Diseases beside the tests that show them: "HIV infection (HIV antibody positive)", "evidenced by serology".

Either record is enough: the diagnosis, or a positive result of the disease's own test. Whose test it is, is told by its
name; a test of something else narrows the disease and is left to the readers of brackets.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from fhirtrial.criteria.text.atoms import chosen
from fhirtrial.criteria.text.cues import FILLING
from fhirtrial.criteria.text.found import Job
from fhirtrial.criteria.text.joints import place_of, stripped
from fhirtrial.criteria.text.lexemes import Lexeme, Named
from fhirtrial.criteria.text.names import find_names, fold
from fhirtrial.criteria.text.phrase import Bracket, Item, cued, flat, split
from fhirtrial.criteria.text.values import MEASURED
from fhirtrial.criteria.tree import All, Any, Condition, DataAvailability, Measurement, Node, Result

_WORD = re.compile(r"[^\W_]+")
_GENERIC = frozenset(["infection", "virus", "disease", "disorder", "syndrome", "human", "the", "of"])
_TESTING = frozenset(
    [
        "test",
        "testing",
        "result",
        "serology",
        "serological",
        "serologic",
        "assay",
        "antibody",
        "of",
        "evidence",
        "laboratory",
    ]
)
_EVIDENCED = re.compile(r"(?:evidenced|documented|demonstrated|confirmed|shown|proven|established)\s+by$")
_TESTS = ("antibody", "serology", "test")


def is_test_of(job: Job, test: str, condition: str) -> bool:
    """Whether a test's name holds the whole of a disease's: "Hepatitis C virus antibody", "Hepatitis C"."""
    disease, tested = job.terminology.concept(condition), job.terminology.concept(test)
    names = [_words(n) for n in (tested.label, *tested.synonyms)]
    own = [w for n in (disease.label, *disease.synonyms) if (w := _words(n) - _GENERIC)]
    return tested.kind == "lab" and any(w <= name for w in own for name in names)


def evidenced(job: Job, items: Sequence[Item], depth: int) -> Node | None:
    """As in "documented HIV infection, evidenced by a positive HIV test": of documented ones, any result speaks."""
    at = place_of(items, "same")
    if at is None or at == 0 or at == len(items) - 1:
        return None
    cue = items[at]
    if not isinstance(cue, Lexeme) or not _EVIDENCED.search(cue.text):
        return None
    head, body = (stripped(part) for part in split(items, at))
    disease = job.clause(job, head, depth + 1) if head and body else None
    if not isinstance(disease, Condition):
        return None
    lexemes = list(flat(body))
    if not any(x.kind == "cue" and x.value == "positive" for x in lexemes) or not all(_tests(x) for x in lexemes):
        return None
    named = [chosen(job, x, *MEASURED) or chosen(job, x, "condition") for x in lexemes if x.kind == "concept"]
    tests = [n for n in named if n is not None and n != disease.concept]
    own = _own_test(job, head)
    if not tests and own is None:
        return None
    found = dict.fromkeys(tests or [str(own)])
    if not all(is_test_of(job, t, disease.concept) for t in found):
        return None
    job.encode(cue, *(x for x in lexemes if x.kind in {"concept", "cue"}))
    return Any(nodes=(disease, *(Result(concept=t, result="positive", select="any") for t in found)))


def shown_in(job: Job, node: Node, core: Lexeme | None) -> bool:
    """Whether a bracket's node is a positive test of the disease in front of it."""
    name = chosen(job, core, "condition") if core is not None else None
    return (
        isinstance(node, Result)
        and node.result == "positive"
        and bool(name)
        and is_test_of(job, node.concept, str(name))
    )


def tested_if(job: Job, bracket: Bracket, core: Lexeme | None, depth: int) -> Node | None:
    """As in "HBV DNA > 1000 (testing of HBV DNA required if HBcAb positive)": no reason to test, no test due."""
    items = stripped(bracket.items)
    at = place_of(items, "if")
    own = chosen(job, core, "lab") if core is not None else None
    if at is None or at == 0 or own is None:
        return None
    duty, reason = items[:at], items[at + 1 :]
    lexemes = list(flat(duty))
    concepts = [x for x in lexemes if x.kind == "concept"]
    if [chosen(job, x, "lab") for x in concepts] != [own] or cued(duty, "planned") is None:
        return None
    if not all(x in concepts or x.value == "planned" or x.text in FILLING for x in lexemes):
        return None
    why = job.clause(job, reason, depth + 1)
    if not isinstance(why, Result | Measurement):
        return None
    job.encode(*concepts)
    job.cited.append((bracket.start, bracket.end))
    label = job.terminology.concept(own).label
    return Any(nodes=(why, DataAvailability(text=f"{label} was measured", concept=own)))


def combined(job: Job, core: Lexeme, node: Node) -> Node:
    """As "anti-CCP positive arthritis": one name of its own, or its parts, the disease with its antibody."""
    text = job.normal.text[core.start : core.end]
    if not isinstance(node, Condition) or not re.search(r"^anti|positive|\+", text, re.IGNORECASE):
        return node
    for match in re.finditer(r"[\s+-]+", text):
        before, behind = re.sub(r"[\s+-]*positive$", "", text[: match.start()]), text[match.end() :]
        test, disease = _whole(job, before, "lab"), _whole(job, behind, "condition")
        if test and disease and disease != node.concept:
            parts = All(nodes=(node.model_copy(update={"concept": disease}), Result(concept=test, result="positive")))
            return Any(nodes=(node, parts))
    return node


def _whole(job: Job, text: str, kind: str) -> str | None:
    found = next(find_names(text, job.names), None) if text else None
    if found is None or found.start or found.end != len(text):
        return None
    return chosen(job, found, kind)


def _own_test(job: Job, head: Sequence[Item]) -> str | None:
    core = next((x for x in flat(head) if x.kind == "concept"), None)
    if core is None:
        return None
    bare = core.text.removesuffix(" infection")
    for kind in _TESTS:
        # Abbreviations are found in their own letters only.
        for name in (bare, bare.upper()):
            found = next(find_names(f"{name} {kind}", job.names), None)
            if found is not None and isinstance(found.value, Named) and (test := chosen(job, found, "lab")):
                return test
    return None


def _tests(lexeme: Lexeme) -> bool:
    if lexeme.kind == "cue":
        return lexeme.value in {"positive", "now", "history"}
    if lexeme.kind == "word":
        return fold(lexeme.text) in _TESTING or lexeme.text in FILLING
    return lexeme.kind in {"concept", "comma", "or", "and", "and/or", "other", "term"}


def _words(name: str) -> frozenset[str]:
    return frozenset(fold(w) for w in _WORD.findall(name))
