"""What a result says, dates apart, as one hash: results with equal hashes are one result, whoever re-wrote the JSON.

It is taken over what the result is made of, not over its JSON: servers re-order, re-word narratives and drop versions
from references. The index date and the data's as-of time are left out; tree, terminology and policy stand for texts.
"""

from __future__ import annotations

import hashlib

import orjson

from fhirtrial.matching.result import CriterionResult, Match
from fhirtrial.plugins import Publication, Resource, Screening
from fhirtrial_mappings.results.pair import identifier

CONTENT = "content"


class Contents:
    """The hashes of one trial's matches; what a criterion says without evidence is written once for all of them."""

    def __init__(self, screening: Screening, to: Publication) -> None:
        self._screening, self._to = screening, to
        self._written: dict[int, orjson.Fragment] = {}

    def of(self, match: Match) -> dict[str, str]:
        """The hash as an identifier of the GuidanceResponse, by which its Provenance names it."""
        basis, screening, to = match.basis, self._screening, self._to
        made_of = (
            (to.base, to.fhir, to.software_version, screening.trial.id, match.trial.reviewed),
            (basis.engine, basis.tree, basis.terminology, basis.policy, sorted(basis.completeness.items())),
            (screening.subject(match)["reference"], match.verdict, match.decided_by, match.set_aside),
            [(t, n) for t, n in sorted(match.counts.items()) if n],
            [self._said(result) if result.evidence else self._alike(result) for result in match.criteria],
        )
        return identifier(to, CONTENT, hashlib.sha256(orjson.dumps(made_of)).hexdigest())

    def _alike(self, result: CriterionResult) -> orjson.Fragment:
        """By identity: the screening holds its results."""
        found = self._written.get(id(result))
        if found is None:
            found = self._written[id(result)] = orjson.Fragment(orjson.dumps(self._said(result)))
        return found

    def _said(self, result: CriterionResult) -> tuple[object, ...]:
        return (
            (result.criterion.id, result.truth, result.reasons),
            [(self._screening.references.get(e.resource), e) for e in result.evidence],
            [(need.text, need.question) for need in result.needs],
        )


def content_of(identifiers: object) -> str:
    """The hash among a resource's identifiers; empty where there is none."""
    for one in identifiers if isinstance(identifiers, list) else []:
        if isinstance(one, dict) and str(one.get("system", "")).endswith(f"/NamingSystem/{CONTENT}"):
            return str(one.get("value", ""))
    return ""


def same(existing: Resource, new: Resource) -> bool:
    return content_of(existing.get("identifier")) == content_of(new["identifier"])
