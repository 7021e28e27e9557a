"""Attrition of one screening: criterion by criterion, how many patients came to it, how many remain, and each truth.

A patient remains while no criterion rules him out, for certain or presumably; an unknown rules nobody out. Those set
aside (deceased, enrolled, refused…) never come to the first criterion. One report per trial, rewritten each index date.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from fhirtrial.criteria.truth import Truth, Verdict, negate
from fhirtrial.matching.result import CriterionResult
from fhirtrial.plugins import Draft, Publication, Resource, Screening
from fhirtrial_mappings.identity import criterion_coding, library_url, slug
from fhirtrial_mappings.narrative import narrative
from fhirtrial_mappings.results.device import NAME, author
from fhirtrial_mappings.results.pair import identifier

POPULATION = "http://terminology.hl7.org/CodeSystem/measure-population"
ALTERNATE = "http://hl7.org/fhir/StructureDefinition/alternate-reference"
TRUTHS, VERDICTS = tuple(reversed(Truth)), tuple(reversed(Verdict))


def r4(screening: Screening, to: Publication) -> list[Draft]:
    matches = screening.matches
    if not matches:
        return []
    trial, on = screening.trial, matches[0].on.isoformat()
    groups, reached = [_verdicts(screening, to)], [m for m in matches if not m.set_aside]
    for place, criterion in enumerate(trial.criteria):
        remaining = [m for m in reached if not _ruled_out(m.criteria[place])]
        code = {"coding": [criterion_coding(criterion, trial.id, to)], "text": criterion.id}
        counts = {"initial-population": len(matches), "denominator": len(reached), "numerator": len(remaining)}
        truths = _stratifier("truth", TRUTHS, (m.criteria[place].truth for m in matches))
        groups.append({"code": code, "population": _populations(counts), "stratifier": [truths]})
        reached = remaining
    words = f"Screening of {len(matches)} patients for {trial.id} on {on}: {len(reached)} not ruled out"
    resource = {
        "resourceType": "MeasureReport",
        "id": slug(trial.id),
        "text": narrative(words),
        "identifier": [identifier(to, "attrition", trial.id)],
        "status": "complete",
        "type": "summary",
        "measure": to.canonical("Measure", slug(trial.id)),
        "date": on,
        # R4 lets no Device report: the reference stands in the extension that is made for it.
        "reporter": {"extension": [{"url": ALTERNATE, "valueReference": author(to)}], "display": NAME},
        "period": {"start": on, "end": on},
        "group": groups,
    }
    return [Draft(resource)]


def r5(screening: Screening, to: Publication) -> list[Draft]:
    return [Draft(_in_r5(draft.resource)) for draft in r4(screening, to)]


def merge(existing: Resource, new: Resource) -> Resource | None:
    """The new report, unless the server's says the same of the same period."""
    return None if all(existing.get(key) == new[key] for key in ("measure", "period", "group")) else new


def _ruled_out(result: CriterionResult) -> bool:
    fits = result.truth if result.criterion.kind != "exclusion" else negate(result.truth)
    return fits <= Truth.PRESUMED_NO


def _verdicts(screening: Screening, to: Publication) -> Resource:
    judged = [m.verdict for m in screening.matches if not m.set_aside]
    coding = {"system": library_url(screening.trial.id, to), "code": "verdict"}
    counts = {"initial-population": len(screening.matches), "denominator": len(judged)}
    return {
        "code": {"coding": [coding], "text": "verdict"},
        "population": _populations(counts),
        "stratifier": [_stratifier("verdict", VERDICTS, judged)],
    }


def _stratifier(name: str, levels: Sequence[Truth | Verdict], found: Iterable[Truth | Verdict]) -> dict[str, Any]:
    counts = Counter(found)
    strata = [
        {"value": {"text": level.label}, "population": _populations({"initial-population": counts[level]})}
        for level in levels
    ]
    return {"code": [{"text": name}], "stratum": strata}


def _populations(counts: dict[str, int]) -> list[Resource]:
    return [{"code": {"coding": [{"system": POPULATION, "code": code}]}, "count": n} for code, n in counts.items()]


def _in_r5(report: Resource) -> Resource:
    """R5 names the Measure's group by its linkId, and has one code per stratifier and a typed value per stratum."""
    return {**report, "group": [_group_in_r5(group) for group in report["group"]]}


def _group_in_r5(group: Resource) -> Resource:
    stratifiers = [
        {"code": s["code"][0], "stratum": [_stratum_in_r5(stratum) for stratum in s["stratum"]]}
        for s in group["stratifier"]
    ]
    return {**group, "linkId": group["code"]["coding"][0]["code"], "stratifier": stratifiers}


def _stratum_in_r5(stratum: Resource) -> Resource:
    return {"valueCodeableConcept": stratum["value"], "population": stratum["population"]}
