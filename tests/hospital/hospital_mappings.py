"""Matches → Tasks on the study nurse's list: one per patient to look at, made once, then hers alone."""

from __future__ import annotations

import hashlib

from fhirtrial.plugins import Draft, Mapping, Publication, Screening
from fhirtrial.types import Match


def r4(screening: Screening, to: Publication) -> list[Draft]:
    return [_task(screening, match, to) for match in screening.matches if match.candidate]


def _task(screening: Screening, match: Match, to: Publication) -> Draft:
    patient = screening.subject(match)
    name = hashlib.sha256(f"{screening.trial.id} {patient['reference']}".encode()).hexdigest()[:32]
    system = to.canonical("NamingSystem", "screening-task")
    task = {
        "resourceType": "Task",
        "identifier": [{"system": system, "value": name}],
        "status": "requested",
        "intent": "proposal",
        "description": f"Look at this patient for {screening.trial.id}: {match.verdict.label}",
        "for": patient,
        "authoredOn": match.on.isoformat(),
    }
    # made only where it is not there yet: what she did with it since is never overwritten
    return Draft(task, if_none_exist=f"identifier={system}|{name}")


MAPPINGS = (Mapping("Task", "R4", "match", r4),)
