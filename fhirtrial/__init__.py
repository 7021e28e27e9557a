"""Matches patients to clinical trials in FHIR: read, map, load, match, explain, ask, report, post.

    records = fhirtrial.read_trials("trials/").records
    trials = fhirtrial.load_trials(records)
    for match in fhirtrial.match(trials, "patients/", on=date(2026, 11, 1)):
        print(match.patient.reference, match.trial.id, match.verdict.label)

Names are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fhirtrial.client import Server, post
    from fhirtrial.job.cohort import match_population
    from fhirtrial.job.matching import explain, match
    from fhirtrial.job.publish import map_trial
    from fhirtrial.job.report import report
    from fhirtrial.job.trials import load_trials
    from fhirtrial.matching.next_best import next_best
    from fhirtrial.records.read import read_trials
    from fhirtrial.site import Site, load_site

_HOMES = {
    "Server": "client",
    "Site": "site",
    "explain": "job.matching",
    "load_site": "site",
    "load_trials": "job.trials",
    "map_trial": "job.publish",
    "match": "job.matching",
    "match_population": "job.cohort",
    "next_best": "matching.next_best",
    "post": "client",
    "read_trials": "records.read",
    "report": "job.report",
}

__all__ = [
    "Server",
    "Site",
    "explain",
    "load_site",
    "load_trials",
    "map_trial",
    "match",
    "match_population",
    "next_best",
    "post",
    "read_trials",
    "report",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    from importlib import import_module

    return getattr(import_module(f"fhirtrial.{_HOMES[name]}"), name)
