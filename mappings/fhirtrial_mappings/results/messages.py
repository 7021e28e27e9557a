"""What a reader must know before trusting a result, as the OperationOutcome inside a GuidanceResponse.

Only what somebody can repair is said here: trees that nobody reviewed, sources that lost criteria, data that could
not be read as they are. That a result is missing or old is no fault; it stands with its criterion.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fhirtrial.matching.result import Match, Trial
from fhirtrial.plugins import Resource

Issue = dict[str, Any]
ID = "messages"
UNREVIEWED = "The criteria were not reviewed by a person, so that no candidate is written"

# reason → (issue type of http://hl7.org/fhir/issue-type, words)
FAULTS: dict[str, tuple[str, str]] = {
    "not-loaded": ("incomplete", "data that were not loaded"),
    "partial": ("incomplete", "data that were loaded in part"),
    "redacted": ("suppressed", "data that were withheld or masked"),
    "undated": ("required", "statements without the date that decides"),
    "unit-not-convertible": ("value", "results in a unit that cannot be converted"),
    "no-reference-range": ("required", "results without their reference range"),
    "code-too-coarse": ("code-invalid", "codes that are too coarse to decide"),
    "uncoded": ("code-invalid", "statements in text only"),
    "concept-incomplete": ("code-invalid", "code systems in which the concept is not fully coded"),
    "conflicting": ("value", "statements that contradict each other"),
}


def messages(match: Match, of_source: Iterable[Issue]) -> Resource | None:
    """One issue per fault with the criteria it concerns; None where there is none."""
    issues = [*of_source, *_data_issues(match)]
    return {"resourceType": "OperationOutcome", "id": ID, "issue": issues} if issues else None


def source_issues(trial: Trial) -> list[Issue]:
    """The faults that all the trial's matches share."""
    issues = []
    if not trial.reviewed:
        unread = (c.id for c in trial.criteria if c.review is None and c.kind != "defect")
        issues.append(_issue("business-rule", UNREVIEWED, [name for name in unread if name not in {"age", "sex"}]))
    defects = [c.id for c in trial.criteria if c.kind == "defect"]
    return [*issues, _issue("incomplete", "The trial's source may have lost criteria", defects)] if defects else issues


def _data_issues(match: Match) -> list[Issue]:
    concerned: dict[str, list[str]] = {}
    for result in match.criteria:
        for reason in result.reasons:
            concerned.setdefault(reason, []).append(result.criterion.id)
    return [
        _issue(code, f"Undecided because of {words}", concerned[reason])
        for reason, (code, words) in FAULTS.items()
        if reason in concerned
    ]


def _issue(code: str, words: str, criteria: list[str]) -> Issue:
    """Names the criteria it concerns; a trial whose source lists none has none to name."""
    named = {"diagnostics": ", ".join(criteria)} if criteria else {}
    return {"severity": "warning", "code": code, "details": {"text": words}, **named}
