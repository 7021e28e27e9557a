"""Attrition of one screening: criterion by criterion, how many patients came to it, how many remain, and each truth.

The counts are those of `fhirtrial.matching.attrition`; the parts have the ids of the Measure's. One report per trial,
rewritten each index date.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fhirtrial.matching.attrition import Attrition, Step
from fhirtrial.plugins import Draft, Publication, Resource, Summary
from fhirtrial_mappings.identity import POPULATION, POPULATIONS, library_url, part_id, slug
from fhirtrial_mappings.narrative import narrative
from fhirtrial_mappings.results.device import NAME, author
from fhirtrial_mappings.results.pair import identifier

ALTERNATE = "http://hl7.org/fhir/StructureDefinition/alternate-reference"
TRUTH, VERDICT = "truth", "verdict"


def r4(summary: Summary, to: Publication) -> list[Draft]:
    trial, found = summary.trial, summary.attrition
    on = found.on.isoformat()
    words = f"Screening of {found.screened} patients for {trial.id} on {on}: {found.remained} not ruled out"
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
        "group": [_verdicts(found, to), *(_step(step, found, to) for step in found.steps)],
    }
    return [Draft(resource)]


def r5(summary: Summary, to: Publication) -> list[Draft]:
    return [Draft(_in_r5(draft.resource)) for draft in r4(summary, to)]


def merge(existing: Resource, new: Resource) -> Resource | None:
    """The new report, unless the server's says the same of the same period."""
    return None if all(existing.get(key) == new[key] for key in ("measure", "period", "group")) else new


def _verdicts(found: Attrition, to: Publication) -> Resource:
    counts = (found.screened, found.judged, found.remained)
    return _group(VERDICT, found, to, counts, _stratifier(VERDICT, VERDICT, found.verdicts))


def _step(step: Step, found: Attrition, to: Publication) -> Resource:
    counts = (found.screened, step.came, step.remained)
    return _group(step.criterion, found, to, counts, _stratifier(step.criterion, TRUTH, step.truths))


def _group(name: str, found: Attrition, to: Publication, counts: tuple[int, int, int], strata: Resource) -> Resource:
    populations = [
        {"id": part_id(name, code), **_population(code, count)} for code, count in zip(POPULATIONS, counts, strict=True)
    ]
    return {
        "id": name,
        "code": {"coding": [{"system": library_url(found.trial, to), "code": name}], "text": name},
        "population": populations,
        "stratifier": [strata],
    }


def _stratifier(group: str, name: str, counts: Mapping[str, int]) -> dict[str, Any]:
    strata = [{"value": {"text": level}, "population": [_population(POPULATIONS[0], n)]} for level, n in counts.items()]
    return {"id": part_id(group, name), "code": [{"text": name}], "stratum": strata}


def _population(code: str, count: int) -> Resource:
    return {"code": {"coding": [{"system": POPULATION, "code": code}]}, "count": count}


def _in_r5(report: Resource) -> Resource:
    """R5 names the Measure's parts by their linkIds; one code per stratifier, and a typed value per stratum.

    A stratifier has no linkId here, as the Measure has none for a criterion without CQL; its code is enough.
    """
    return {**report, "group": [_group_in_r5(group) for group in report["group"]]}


def _group_in_r5(group: Resource) -> Resource:
    populations = [{**p, "linkId": p["id"]} for p in group["population"]]
    stratifiers = [
        {**s, "code": s["code"][0], "stratum": [_stratum_in_r5(stratum) for stratum in s["stratum"]]}
        for s in group["stratifier"]
    ]
    return {**group, "linkId": group["id"], "population": populations, "stratifier": stratifiers}


def _stratum_in_r5(stratum: Resource) -> Resource:
    return {"valueCodeableConcept": stratum["value"], "population": stratum["population"]}
