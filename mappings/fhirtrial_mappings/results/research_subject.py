"""Candidates as ResearchSubjects: created where no person and no run has made one, and never touched again.

A machine writes `candidate` and nothing else; what comes after is a person's to say.
"""

from __future__ import annotations

from urllib.parse import quote

from fhirtrial.matching.result import Match, Trial
from fhirtrial.plugins import Draft, Publication, Screening
from fhirtrial_mappings.narrative import narrative
from fhirtrial_mappings.results.pair import identifier, pair_id, study

CANDIDATE = "candidate"


def open_to_candidates(trial: Trial, to: Publication) -> bool:
    """Whether the trial takes patients, or the site asks all the same, and a person has read its criteria."""
    return trial.reviewed and (trial.recruiting or to.candidates_when_not_recruiting)


def candidates(screening: Screening, to: Publication) -> list[Match]:
    """The pairs that a person should look at next."""
    return [m for m in screening.matches if m.candidate] if open_to_candidates(screening.trial, to) else []


def r4(screening: Screening, to: Publication) -> list[Draft]:
    return [_draft(screening, match, to) for match in candidates(screening, to)]


def _draft(screening: Screening, match: Match, to: Publication) -> Draft:
    patient, trial = screening.subject(match), study(screening.trial)
    resource = {
        "resourceType": "ResearchSubject",
        "text": narrative(f"Candidate for {screening.trial.id}, proposed by software; a person decides."),
        "identifier": [identifier(to, "candidate", pair_id(screening, match))],
        "status": CANDIDATE,
        "study": trial,
        "individual": patient,
    }
    # By patient and study, not by our identifier: a ResearchSubject that a person made must be found, too.
    query = f"individual={quote(patient['reference'], safe='/:')}&study={trial['reference']}"
    return Draft(resource, if_none_exist=query)
