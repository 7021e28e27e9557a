"""The public nouns, in one place to import from; SemVer covers them."""

from __future__ import annotations

from fhirtrial.client import Receipt, Server
from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.truth import Truth, Verdict
from fhirtrial.errors import Problem
from fhirtrial.job.outcome import Outcome
from fhirtrial.matching.match import Run
from fhirtrial.matching.result import Basis, CriterionResult, Evidence, Match, Need, Trial
from fhirtrial.patients.facts import Facts, Patient
from fhirtrial.records.record import TrialRecord
from fhirtrial.site import Site

__all__ = [
    "Basis",
    "Criterion",
    "CriterionResult",
    "Evidence",
    "Facts",
    "Match",
    "Need",
    "Outcome",
    "Patient",
    "Problem",
    "Receipt",
    "Run",
    "Server",
    "Site",
    "Trial",
    "TrialRecord",
    "Truth",
    "Verdict",
]
