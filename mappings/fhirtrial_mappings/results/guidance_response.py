"""One GuidanceResponse per patient and trial: the verdict's status, and all that it stands on, contained.

success: decided for certain, or set aside, so that nothing more is asked for · data-requested: presumed, more data
would make it certain · data-required: undetermined until there are more data.
A result is rewritten only when its content apart from dates changes, and then says which version it supersedes.
"""

from __future__ import annotations

from fhirtrial.criteria.truth import Truth, Verdict
from fhirtrial.matching.result import Match, Need
from fhirtrial.plugins import Draft, Publication, Resource, Screening
from fhirtrial_mappings.identity import slug
from fhirtrial_mappings.narrative import narrative
from fhirtrial_mappings.results.content import content, same
from fhirtrial_mappings.results.device import author
from fhirtrial_mappings.results.messages import messages
from fhirtrial_mappings.results.outcome import LABELS, VERDICTS, Heads, heads, outcome, supersedes
from fhirtrial_mappings.results.pair import identifier, pair_id, registration
from fhirtrial_mappings.results.requirements import requirements

STATUS = {
    Verdict.ELIGIBLE: "success",
    Verdict.PRESUMED_ELIGIBLE: "data-requested",
    Verdict.UNDETERMINED: "data-required",
    Verdict.PRESUMED_INELIGIBLE: "data-requested",
    Verdict.INELIGIBLE: "success",
}
# Where only a person can answer: the linkIds stand with the needs of the criteria, the Questionnaire with the outcome.
ANSWERS: Resource = {"type": "QuestionnaireResponse", "mustSupport": ["questionnaire", "item.linkId", "item.answer"]}
Asked = dict[Need, tuple[Resource, ...]]


def r4(screening: Screening, to: Publication) -> list[Draft]:
    known, asked = heads(screening.trial), Asked()
    return [Draft(_guidance(screening, match, to, known, asked)) for match in screening.matches]


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


def _guidance(screening: Screening, match: Match, to: Publication, known: Heads, asked: Asked) -> Resource:
    name = pair_id(screening, match)
    said = messages(match)
    found = outcome(screening, match, to, known)
    resource: Resource = {
        "resourceType": "GuidanceResponse",
        "id": name,
        "text": narrative(f"Screening for {screening.trial.id} on {match.on}", _summary(match)),
        "contained": [found, said] if said else [found],
        "requestIdentifier": registration(screening.trial, to),
        "identifier": [identifier(to, "guidance", name), content(screening, match, to)],
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
    requirements = [] if match.set_aside else _requirements(match, to, asked)
    return {**resource, "dataRequirement": requirements} if requirements else resource


def _in_r5(guidance: Resource) -> Resource:
    """R5 has one kind of reason and one message."""
    changed = dict(guidance)
    if "reasonCode" in changed:
        changed["reason"] = [{"concept": why} for why in changed.pop("reasonCode")]
    if "evaluationMessage" in changed:
        (changed["evaluationMessage"],) = changed["evaluationMessage"]
    return changed


def _requirements(match: Match, to: Publication, asked: Asked) -> list[Resource]:
    """What would settle the unknown criteria, each requirement once; many patients lack the same."""
    found: list[Resource] = []
    for need in (n for r in match.criteria if r.truth is Truth.UNKNOWN for n in r.needs):
        if need not in asked:
            asked[need] = (ANSWERS,) if need.question else requirements(need, match.on, to)
        found += [one for one in asked[need] if one not in found]
    return found


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
