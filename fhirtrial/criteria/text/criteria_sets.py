"""Published criteria sets that are named without their disease ("the McDonald criteria"), from one table with sources.

A clinician applies the set; the tree asks for that and for the diagnoses that the set ends in, so that it can reject.
"""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from typing import Any as Json

from fhirtrial.criteria.text.found import Job
from fhirtrial.criteria.text.leftover import graded, leftover
from fhirtrial.criteria.text.lexemes import Lexeme
from fhirtrial.criteria.text.phrase import Phrase
from fhirtrial.criteria.tree import All, Any, ClassificationCriteria, Condition, Node

_SETS: dict[str, dict[str, Json]] = tomllib.loads(
    (files("fhirtrial.criteria.text") / "data" / "criteria_sets.toml").read_text(encoding="utf-8")
)
_WORDS = "|".join(f"(?P<s{n}>{row['words']})" for n, row in enumerate(_SETS.values()))
_YEAR = r"(?:(?:19|20)\d\d)"
_NAMED = re.compile(
    rf"(?:(?P<before>{_YEAR})\s+)?(?:{_WORDS})"
    rf"(?:\s+(?P<after>{_YEAR}))?(?:\s+(?:diagnostic|classification|diagnosis|revised|{_YEAR}))*"
    r"\s+(?:criteria|recommendations|classification)(?![\w])",
    re.IGNORECASE,
)
_MEETING = frozenset(
    [
        "diagnostics",
        "diagnostic",
        "diagnosis",
        "fulfil",
        "fulfill",
        "fulfilling",
        "fulfilment",
        "fulfillment",
        "meeting",
        "satisfy",
    ]
)
_ASKING = re.compile(r"criteria|recommendations|classification")


def criteria_set(job: Job, phrase: Phrase, cues: dict[str, Lexeme]) -> Node | None:
    """As in "Diagnosis meets the 1975 Bohan and Peter criteria"."""
    lexemes = phrase.lexemes
    if {"negation", "suspected", "experiencer"} & cues.keys() or any(x.kind == "concept" for x in lexemes):
        return None
    if not any(_ASKING.search(x.text) for x in lexemes):
        return None
    start, end = phrase.span
    found = _NAMED.search(job.normal.text, start, end)
    if found is None:
        return None
    row = next(r for n, r in enumerate(_SETS.values()) if found[f"s{n}"])
    if any(name not in job.terminology.concepts for name in (row["target"], *row.get("diseases", ()))):
        return None
    written = found["before"] or found["after"]
    year = int(written) if written else None
    named = ClassificationCriteria(name=job.words(*found.span()), year=year, target=row["target"])
    diseases: list[Node] = [Condition(concept=d) for d in row.get("diseases", [row["target"]])]
    used = {x for x in lexemes if (x.start < found.end() and x.end > found.start()) or x.text in _MEETING}
    job.cited.append((start, end))
    job.encode(*used)
    node = All(nodes=(named, diseases[0] if len(diseases) == 1 else Any(nodes=tuple(diseases))))
    return graded(job, phrase, node, leftover(job, phrase, used, None))
