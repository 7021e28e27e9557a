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

import re
from collections.abc import Mapping as Table
from typing import Any

from fhirtrial.criteria.truth import Truth, Verdict
from fhirtrial.matching.next_best import Next, next_best
from fhirtrial.matching.result import Basis, CriterionResult, Evidence, Match, Need, Trial
from fhirtrial.plugins import Publication, Resource, Screening
from fhirtrial_mappings.artifacts.primitives import string
from fhirtrial_mappings.results.pair import source

Part = dict[str, Any]
Heads = Table[str, tuple[list[Part], list[Part]]]
ID = "outcome"
# Enum members spell their labels anew each time: a table is ten times faster, and there are millions of results.
LABELS = {t: t.label for t in reversed(Truth)}
VERDICTS = {v: v.label for v in Verdict}
HASHES = ("engine", "tree", "terminology", "policy")
# http://hl7.org/fhir/R4/datatypes.html#dateTime
DATE_TIME = re.compile(r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d))?)?)?")


def heads(trial: Trial) -> Heads:
    """Per criterion what is the same for every patient: what stands before and after its truth."""
    return {
        c.id: ([{"name": "id", "valueId": c.id}, {"name": "kind", "valueCode": c.kind}], _text("text", c.text))
        for c in trial.criteria
    }


def outcome(screening: Screening, match: Match, to: Publication, known: Heads) -> Resource:
    parameters = [
        {"name": "verdict", "valueCode": VERDICTS[match.verdict]},
        *({"name": "decided-by", "valueId": criterion} for criterion in match.decided_by),
        {"name": "reviewed", "valueBoolean": match.trial.reviewed},
        *({"name": "set-aside", "valueCode": why} for why in match.set_aside),
        {
            "name": "counts",
            "part": [{"name": label, "valueInteger": match.counts.get(t, 0)} for t, label in LABELS.items()],
        },
        *(_criterion(screening, result, to, *known[result.criterion.id]) for result in match.criteria),
        *({"name": "next", "part": _next(one)} for one in _next_items(match)),
        *_questionnaire(match),
        {"name": "basis", "part": _basis(match.basis)},
        {"name": "on", "valueDate": match.on.isoformat()},
        *_date("as-of", match.basis.as_of),
    ]
    return {"resourceType": "Parameters", "id": ID, "parameter": parameters}


def _criterion(
    screening: Screening, result: CriterionResult, to: Publication, before: list[Part], text: list[Part]
) -> Part:
    part = [
        *before,
        {"name": "truth", "valueCode": LABELS[result.truth]},
        *({"name": "reason", "valueCode": reason} for reason in result.reasons),
        *text,
        *({"name": "evidence", "part": p} for e in result.evidence if (p := _evidence(screening, e, to))),
        *({"name": "need", "part": p} for need in result.needs if (p := _need(need))),
    ]
    return {"name": "criterion", "part": part}


def _evidence(screening: Screening, evidence: Evidence, to: Publication) -> list[Part]:
    resource: list[Part] = []
    if evidence.resource:
        resource.append({"name": "resource", "valueReference": source(screening, to, evidence.resource)})
    return [
        *resource,
        *_text("version", evidence.version),
        *_text("path", evidence.path),
        *_text("value", evidence.value),
        *_date("date", evidence.date),
        *_text("compared", evidence.compared),
    ]


def _need(need: Need) -> list[Part]:
    return [*_text("text", need.text), *_text("question", need.question)]


def _next_items(match: Match) -> tuple[Next, ...]:
    return next_best([match]).get(match.patient.reference, ())


def _next(one: Next) -> list[Part]:
    asked = [part for question in one.questions for part in _text("question", question)]
    return [*_text("text", one.item), *asked, {"name": "settles", "valueCode": "surely" if one.surely else "perhaps"}]


def _questionnaire(match: Match) -> list[Part]:
    asks = any(need.question for result in match.criteria for need in result.needs)
    return [{"name": "questionnaire", "valueCanonical": match.trial.questionnaire}] if asks else []


def _basis(basis: Basis) -> list[Part]:
    hashes = [part for name in HASHES for part in _text(name, getattr(basis, name))]
    families = [{"name": family, "valueCode": level} for family, level in sorted(basis.completeness.items())]
    return [*hashes, {"name": "completeness", "part": families}] if families else hashes


def _text(name: str, text: str) -> list[Part]:
    """FHIR has no empty strings and no control characters; nearly all texts have neither."""
    found = text if text.isprintable() and text == text.strip() else string(text)
    return [{"name": name, "valueString": found}] if found else []


def _date(name: str, date: str) -> list[Part]:
    return [{"name": name, "valueDateTime": date}] if DATE_TIME.fullmatch(date) else _text(name, date)


def supersedes(existing: Resource, new: Resource) -> Part:
    before, after = _parameters(existing), _parameters(new)
    version = existing.get("meta", {}).get("versionId", "")
    verdict = [{"name": "verdict", "valueCode": p["valueCode"]} for p in before if p.get("name") == "verdict"]
    causes = [{"name": "cause", "valueCode": cause} for cause in _causes(before, after)]
    return {"name": "supersedes", "part": [*_text("version", version), *verdict, *causes]}


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
