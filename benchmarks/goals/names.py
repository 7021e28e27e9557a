"""G6: entities by their kind, found or missed."""

from __future__ import annotations

from chia import NOT_QUERYABLE, Line
from goals.tally import Tally

from fhirtrial.criteria.text.lexemes import Named, Term
from fhirtrial.criteria.text.parse import Finding, Parsed
from fhirtrial.terminology import Terminology

_KINDS = {"condition": "condition", "medication": "medication", "vaccine": "medication", "allergen": "medication"}
_KINDS |= {"procedure": "procedure", "imaging": "procedure", "lab": "lab", "vital": "lab", "score": "lab"}


def entities(counts: Tally, line: Line, parsed: Parsed, label: str, domain: str, terminology: Terminology) -> None:
    made = [f for f in parsed.found if _domain(f, terminology) == domain]
    everything = [f for f in parsed.found if _domain(f, terminology) is not None]
    gold = line.labelled(label)
    unlabelled = line.labelled(*NOT_QUERYABLE)
    for finding in made:
        if any(e.overlaps(finding.start, finding.end) for e in unlabelled):
            continue
        counts.made += 1
        good = any(e.overlaps(finding.start, finding.end) for e in gold)
        counts.hit += good
        if not good:
            counts.wrong.append(line.text[finding.start : finding.end].lower())
    for entity in gold:
        counts.gold += 1
        good = any(entity.overlaps(f.start, f.end) for f in made)
        counts.kept += good
        if not good:
            other = next((_domain(f, terminology) for f in everything if entity.overlaps(f.start, f.end)), None)
            counts.missed.append(f"{entity.text.lower()} ({other})")


def _domain(finding: Finding, terminology: Terminology) -> str | None:
    if isinstance(finding.value, Named):
        return _KINDS.get(terminology.concept(finding.value.concepts[0]).kind)
    if isinstance(finding.value, Term):
        return finding.value.domain
    if finding.kind == "cue" and finding.value in {
        "pregnant",
        "lactating",
        "allergy",
        "intolerance",
        "contraindication",
        "childbearing",
    }:
        return "condition"
    if finding.kind == "cue" and finding.value in {"contraception", "inpatient"}:
        return "procedure"
    return None
