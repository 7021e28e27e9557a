"""The public nouns, in one place to import from; SemVer covers them."""

from __future__ import annotations

from fhirtrial.client import Receipt, Server
from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.truth import Truth, Verdict
from fhirtrial.errors import Problem
from fhirtrial.job.cohort import Population
from fhirtrial.job.outcome import Outcome
from fhirtrial.matching.attrition import Attrition, Step
from fhirtrial.matching.match import Run
from fhirtrial.matching.result import Basis, CriterionResult, Evidence, Match, Need, Trial
from fhirtrial.patients.facts import Facts, Patient
from fhirtrial.records.record import TrialRecord
from fhirtrial.site import Site

__all__ = [
    "Attrition",
    "Basis",
    "Criterion",
    "CriterionResult",
    "Evidence",
    "Facts",
    "Match",
    "Need",
    "Outcome",
    "Patient",
    "Population",
    "Problem",
    "Receipt",
    "Run",
    "Server",
    "Site",
    "Step",
    "Trial",
    "TrialRecord",
    "Truth",
    "Verdict",
]
