"""A MeasureReport of `measure_report` → its attrition, in R4 and R5 alike; what the report does not say stays unsaid.

It has counts alone: why patients were set aside, and the criteria's texts, are not in it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from fhirtrial.errors import ArtifactError
from fhirtrial.matching.attrition import Attrition, Step
from fhirtrial.plugins import Resource

SET_ASIDE = "reason not in the report"
_KINDS = {"exc": "exclusion", "defect": "defect"}


def attrition(report: Resource) -> Attrition:
    where = f"MeasureReport/{report.get('id', '')}"
    try:
        trial = report["identifier"][0]["value"]
        verdicts = next(g for g in report["group"] if _text(g["code"]) == "verdict")
        screened, judged = _count(verdicts, "initial-population"), _count(verdicts, "denominator")
        return Attrition(
            trial=trial,
            title=trial,
            on=dt.date.fromisoformat(report["period"]["start"]),
            screened=screened,
            set_aside={SET_ASIDE: screened - judged} if screened != judged else {},
            verdicts=_strata(verdicts, "verdict"),
            steps=tuple(_step(g) for g in report["group"] if g is not verdicts),
        )
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, StopIteration, ValidationError) as error:
        todo = "give the MeasureReport that `fhirtrial run` wrote"
        raise ArtifactError(where, "it is no attrition of a screening", todo) from error


def _step(group: Mapping[str, Any]) -> Step:
    criterion = group["code"]["text"]
    return Step(
        criterion=criterion,
        kind=_KINDS.get(criterion.partition("-")[0], "inclusion"),
        text="",
        came=_count(group, "denominator"),
        remained=_count(group, "numerator"),
        truths=_strata(group, "truth"),
    )


def _strata(group: Mapping[str, Any], name: str) -> dict[str, int]:
    found = next(s for s in group["stratifier"] if _text(s["code"]) == name)
    return {
        (s.get("value") or s["valueCodeableConcept"])["text"]: _count(s, "initial-population") for s in found["stratum"]
    }


def _count(part: Mapping[str, Any], name: str) -> int:
    return next(int(p["count"]) for p in part["population"] if p["code"]["coding"][0]["code"] == name)


def _text(code: Any) -> str:
    """R4 lists a stratifier's codes, R5 has one."""
    return str((code[0] if isinstance(code, list) else code)["text"])
