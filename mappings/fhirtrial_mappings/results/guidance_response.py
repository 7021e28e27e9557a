"""One GuidanceResponse per patient and trial: the verdict's status, and all that it stands on, contained.

success: decided for certain, or set aside, so that nothing more is asked for · data-requested: presumed, more data
would make it certain · data-required: undetermined until there are more data.
A result is rewritten only when its content apart from dates changes, and then says which version it supersedes.
"""

from __future__ import annotations

from typing import NamedTuple

from fhirtrial.criteria.truth import Verdict
from fhirtrial.matching.result import Match
from fhirtrial.plugins import Draft, Publication, Resource, Screening
from fhirtrial_mappings.identity import slug
from fhirtrial_mappings.narrative import narrative
from fhirtrial_mappings.results.content import Contents, same
from fhirtrial_mappings.results.device import author
from fhirtrial_mappings.results.messages import Issue, messages, source_issues
from fhirtrial_mappings.results.missing import Lacks
from fhirtrial_mappings.results.outcome import LABELS, VERDICTS, Parts, outcome, supersedes
from fhirtrial_mappings.results.pair import identifier, pair_id, registration

STATUS = {
    Verdict.ELIGIBLE: "success",
    Verdict.PRESUMED_ELIGIBLE: "data-requested",
    Verdict.UNDETERMINED: "data-required",
    Verdict.PRESUMED_INELIGIBLE: "data-requested",
    Verdict.INELIGIBLE: "success",
}


class _Made(NamedTuple):
    """What the results of one trial's patients share."""

    parts: Parts
    lacks: Lacks
    contents: Contents
    source: list[Issue]


def r4(screening: Screening, to: Publication) -> list[Draft]:
    made = _Made(
        Parts(screening, to), Lacks(screening.matches, to), Contents(screening, to), source_issues(screening.trial)
    )
    return [Draft(_guidance(screening, match, to, made)) for match in screening.matches]


def r5(screening: Screening, to: Publication) -> list[Draft]:
    return [Draft(_in_r5(draft.resource)) for draft in r4(screening, to)]


def merge(existing: Resource, new: Resource) -> Resource | None:
    """The new result, with people's notes on the old one; a person's mark on an unchanged result stays, too."""
    if same(existing, new):
        return None
    parameters, *others = new["contained"]
    superseding = {**parameters, "parameter": [*parameters["parameter"], supersedes(existing, new)]}
    merged = {**new, "contained": [superseding, *others]}
    return {**merged, "note": existing["note"]} if "note" in existing else merged


def _guidance(screening: Screening, match: Match, to: Publication, made: _Made) -> Resource:
    name = pair_id(screening, match)
    said, missing = messages(match, made.source), made.lacks.of(match)
    found = outcome(match, made.parts, missing)
    resource: Resource = {
        "resourceType": "GuidanceResponse",
        "id": name,
        "text": narrative(f"Screening for {screening.trial.id} on {match.on}", _summary(match)),
        "contained": [found, said] if said else [found],
        "requestIdentifier": registration(screening.trial, to),
        "identifier": [identifier(to, "guidance", name), made.contents.of(match)],
        "moduleCanonical": to.canonical("PlanDefinition", slug(screening.trial.id)),
        "status": "success" if match.set_aside else STATUS[match.verdict],
        "subject": screening.subject(match),
        "occurrenceDateTime": match.on.isoformat(),
        "performer": author(to),
    }
    if match.set_aside:
        resource["reasonCode"] = [_set_aside(why, to) for why in match.set_aside]
    if said:
        resource["evaluationMessage"] = [{"reference": f"#{said['id']}"}]
    resource["outputParameters"] = {"reference": f"#{found['id']}"}
    return {**resource, "dataRequirement": missing.requirements} if missing.requirements else resource


def _in_r5(guidance: Resource) -> Resource:
    """R5 has one kind of reason and one message."""
    changed = dict(guidance)
    if "reasonCode" in changed:
        changed["reason"] = [{"concept": why} for why in changed.pop("reasonCode")]
    if "evaluationMessage" in changed:
        (changed["evaluationMessage"],) = changed["evaluationMessage"]
    return changed


def _set_aside(why: str, to: Publication) -> Resource:
    return {"coding": [{"system": to.canonical("CodeSystem", "set-aside"), "code": why}], "text": f"Set aside: {why}"}


def _summary(match: Match) -> list[str]:
    counts = ", ".join(f"{match.counts.get(t, 0)} {label}" for t, label in LABELS.items())
    lines = [
        f"The record says: {VERDICTS[match.verdict]}. This is a proposal of software; a person decides.",
        f"Decided by {', '.join(match.decided_by)}. Criteria: {counts}.",
    ]
    if match.set_aside:
        lines.insert(0, f"Set aside: {', '.join(match.set_aside)}.")
    if not match.trial.reviewed:
        lines.append("The criteria were not reviewed by a person.")
    return lines
