"""What matching one pair found, as the Parameters inside a GuidanceResponse: each criterion with truth and evidence.

    verdict · decided-by* · reviewed · set-aside* · counts(yes presumed-yes unknown presumed-no no)
    criterion*(id kind truth reason* text evidence*(resource version path value date compared) need*(text question))
    next*(text question* settles): the items that alone settle the pair, surely or perhaps, the best first
    questionnaire (where a need is a question of it) · basis(engine tree terminology policy completeness(one code per
    family)) · on · as-of
    supersedes(version verdict cause*)

`supersedes` names the version that this result took the place of, what that one said, and what has changed since.
"""

from __future__ import annotations

from typing import Any

from fhirtrial.criteria.truth import Truth, Verdict
from fhirtrial.matching.result import Basis, CriterionResult, Evidence, Match
from fhirtrial.plugins import Publication, Resource, Screening
from fhirtrial_mappings.results.missing import Missing
from fhirtrial_mappings.results.pair import source
from fhirtrial_mappings.results.texts import date, text

Part = dict[str, Any]
ID = "outcome"
# Enum members spell their labels anew each time: a table is ten times faster, and there are millions of results.
LABELS = {t: t.label for t in reversed(Truth)}
VERDICTS = {v: v.label for v in Verdict}
HASHES = ("engine", "tree", "terminology", "policy")


class Parts:
    """What the outcomes of one trial's matches are made of, each part once for all patients of whom it says the same.

    Parts are known by the identity of what the screening's matches hold, which lives longer.
    """

    def __init__(self, screening: Screening, to: Publication) -> None:
        self._screening, self._to = screening, to
        self._heads: dict[str, tuple[list[Part], list[Part]]] = {
            c.id: ([{"name": "id", "valueId": c.id}, {"name": "kind", "valueCode": c.kind}], text("text", c.text))
            for c in screening.trial.criteria
        }
        self._criteria: dict[int, Part] = {}
        self._needs: dict[int, list[Part]] = {}
        self._texts: dict[tuple[str, str], list[Part]] = {}
        self._bases: dict[tuple[str, ...], list[Part]] = {}

    def criterion(self, result: CriterionResult) -> Part:
        """Evidence is a patient's own, so that a result with any is."""
        if result.evidence:
            return self._criterion(result)
        made = self._criteria.get(id(result))
        if made is None:
            made = self._criteria[id(result)] = self._criterion(result)
        return made

    def basis(self, basis: Basis) -> list[Part]:
        hashes = [getattr(basis, name) for name in HASHES]
        key = (*hashes, *basis.completeness, *basis.completeness.values())
        made = self._bases.get(key)
        if made is None:
            made = [part for name, value in zip(HASHES, hashes, strict=True) for part in text(name, value)]
            families = [{"name": family, "valueCode": level} for family, level in sorted(basis.completeness.items())]
            made += [{"name": "completeness", "part": families}] if families else []
            self._bases[key] = made
        return made

    def _criterion(self, result: CriterionResult) -> Part:
        before, words = self._heads[result.criterion.id]
        needs = self._needs.get(id(result.needs))
        if needs is None:
            parts = ([*text("text", need.text), *text("question", need.question)] for need in result.needs)
            needs = self._needs[id(result.needs)] = [{"name": "need", "part": part} for part in parts if part]
        part = [
            *before,
            {"name": "truth", "valueCode": LABELS[result.truth]},
            *[{"name": "reason", "valueCode": reason} for reason in result.reasons],
            *words,
            *[{"name": "evidence", "part": part} for e in result.evidence if (part := self._evidence(e))],
            *needs,
        ]
        return {"name": "criterion", "part": part}

    def _evidence(self, evidence: Evidence) -> list[Part]:
        found: list[Part] = []
        if evidence.resource:
            resource = source(self._screening, self._to, evidence.resource)
            found.append({"name": "resource", "valueReference": resource})
        found += self._text("version", evidence.version)
        found += self._text("path", evidence.path)
        found += self._text("value", evidence.value)
        found += date("date", evidence.date)
        found += self._text("compared", evidence.compared)
        return found

    def _text(self, name: str, value: str) -> list[Part]:
        made = self._texts.get((name, value))
        if made is None:
            made = self._texts[name, value] = text(name, value)
        return made


def outcome(match: Match, parts: Parts, missing: Missing) -> Resource:
    counts = [{"name": label, "valueInteger": match.counts.get(t, 0)} for t, label in LABELS.items()]
    questionnaire = [{"name": "questionnaire", "valueCanonical": match.trial.questionnaire}] if missing.asks else []
    parameters = [
        {"name": "verdict", "valueCode": VERDICTS[match.verdict]},
        *[{"name": "decided-by", "valueId": criterion} for criterion in match.decided_by],
        {"name": "reviewed", "valueBoolean": match.trial.reviewed},
        *[{"name": "set-aside", "valueCode": why} for why in match.set_aside],
        {"name": "counts", "part": counts},
        *map(parts.criterion, match.criteria),
        *missing.next,
        *questionnaire,
        {"name": "basis", "part": parts.basis(match.basis)},
        {"name": "on", "valueDate": match.on.isoformat()},
        *date("as-of", match.basis.as_of),
    ]
    return {"resourceType": "Parameters", "id": ID, "parameter": parameters}


def supersedes(existing: Resource, new: Resource) -> Part:
    before, after = _parameters(existing), _parameters(new)
    version = existing.get("meta", {}).get("versionId", "")
    verdict = [{"name": "verdict", "valueCode": p["valueCode"]} for p in before if p.get("name") == "verdict"]
    causes = [{"name": "cause", "valueCode": cause} for cause in _causes(before, after)]
    return {"name": "supersedes", "part": [*text("version", version), *verdict, *causes]}


def _causes(before: list[Part], after: list[Part]) -> list[str]:
    """`facts`: the evidence itself is another; `time`: the same evidence speaks otherwise on the new date."""
    old, new = _by_name(before, "basis"), _by_name(after, "basis")
    causes = [name for name in (*HASHES, "completeness") if old.get(name) != new.get(name)]
    if _codes(before, "set-aside") != _codes(after, "set-aside"):
        causes.append("set-aside")
    if "tree" not in causes and _facts(before) != _facts(after):
        causes.append("facts")
    return causes or (["time"] if _truths(before) != _truths(after) else [])


def _parameters(guidance: Resource) -> list[Part]:
    contained = guidance.get("contained", [])
    return next((c.get("parameter", []) for c in contained if c.get("resourceType") == "Parameters"), [])


def _by_name(parts: list[Part], name: str) -> dict[str, Part]:
    return {p["name"]: p for part in parts if part.get("name") == name for p in part.get("part", [])}


def _codes(parts: list[Part], name: str) -> list[str]:
    return [p["valueCode"] for p in parts if p.get("name") == name]


def _facts(parts: list[Part]) -> list[list[Part]]:
    criteria = [p.get("part", []) for p in parts if p.get("name") == "criterion"]
    return [[p for p in criterion if p.get("name") == "evidence"] for criterion in criteria]


def _truths(parts: list[Part]) -> list[list[str]]:
    criteria = [p.get("part", []) for p in parts if p.get("name") == "criterion"]
    return [[*_codes(criterion, "truth"), *_codes(criterion, "reason")] for criterion in criteria]
