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
STATE = "http://terminology.hl7.org/CodeSystem/research-subject-state"


def open_to_candidates(trial: Trial, to: Publication) -> bool:
    """Whether the trial takes patients, or the site asks all the same, and a person has read its criteria."""
    return trial.reviewed and (trial.recruiting or to.candidates_when_not_recruiting)


def candidates(screening: Screening, to: Publication) -> list[Match]:
    """The pairs that a person should look at next."""
    return [m for m in screening.matches if m.candidate] if open_to_candidates(screening.trial, to) else []


def r4(screening: Screening, to: Publication) -> list[Draft]:
    return [_draft(screening, match, to) for match in candidates(screening, to)]


def r5(screening: Screening, to: Publication) -> list[Draft]:
    return [_in_r5(draft) for draft in r4(screening, to)]


def _in_r5(draft: Draft) -> Draft:
    """R5's status is the record's own; where the person stands is `progress`, and the person is the `subject`."""
    kept = {key: value for key, value in draft.resource.items() if key not in {"status", "individual"}}
    state = {"coding": [{"system": STATE, "code": draft.resource["status"]}]}
    patient = draft.resource["individual"]
    return Draft(
        {**kept, "status": "active", "progress": [{"subjectState": state}], "subject": patient},
        if_none_exist=_query("subject", patient, kept["study"]),
    )


def _query(element: str, patient: dict[str, str], study: dict[str, str]) -> str:
    """By patient and study, not by our identifier: a ResearchSubject that a person made must be found, too."""
    return f"{element}={quote(patient['reference'], safe='/:')}&study={study['reference']}"


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
    return Draft(resource, if_none_exist=_query("individual", patient, trial))
