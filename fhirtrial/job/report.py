"""Matches → FHIR: which pairs are reported, what the mappings make of them, and the Bundles of a list of matches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from fhirtrial.criteria.truth import Verdict
from fhirtrial.job.kept import Kept
from fhirtrial.job.publish import publication, registry, transaction
from fhirtrial.matching.result import Match
from fhirtrial.plugins import Draft, Fhir, Publication, Registry, Resource, Screening, Summary
from fhirtrial.site import Results, Site

NOWHERE: Mapping[str, str] = {}


@dataclass(frozen=True)
class Reporting:
    """How one run makes results: the mappings in force, what they may use, and which pairs are asked for."""

    mappings: Registry
    to: Publication
    results: Results

    def pairs(self, screening: Screening) -> list[Draft]:
        """Of the pairs that are asked for."""
        return self._pairs(screening, asked=True)

    def corrections(self, screening: Screening) -> list[Draft]:
        """Of all other pairs: no result is made for them, but one that is there must not say what no longer holds."""
        return [replace(draft, update_only=True) for draft in self._pairs(screening, asked=False)]

    def summary(self, summary: Summary) -> list[Draft]:
        return self.mappings.build("screening", summary, self.to)

    def _pairs(self, screening: Screening, *, asked: bool) -> list[Draft]:
        matches = tuple(m for m in screening.matches if asked_for(m, self.results) is asked)
        return self.mappings.build("match", replace(screening, matches=matches), self.to)


def reporting(site: Site, fhir: Fhir) -> Reporting:
    return Reporting(registry(site), publication(site, fhir), site.results)


def asked_for(match: Match, results: Results) -> bool:
    """Whether the pair has results of its own; each is counted in its trial's summary, whatever the answer."""
    if results == "candidates":
        return match.candidate
    return results == "all" or match.verdict is not Verdict.INELIGIBLE


def screenings(matches: Iterable[Match], references: Mapping[str, str] = NOWHERE) -> tuple[Screening, ...]:
    """The matches by trial, in the order in which trials and patients first came."""
    by_trial: dict[str, list[Match]] = {}
    for match in matches:
        by_trial.setdefault(match.trial.id, []).append(match)
    return tuple(Screening(found[0].trial, tuple(found), references) for found in by_trial.values())


def summary(screening: Screening) -> Summary:
    """Of all matches of one trial at once."""
    kept = Kept()
    kept.add([screening])
    (found,) = kept.summaries()
    return found


def distinct(drafts: Iterable[Draft]) -> list[Draft]:
    """The first draft of each identity: what all pairs refer to is made for each lot of them anew."""
    found: dict[tuple[str, str], Draft] = {}
    for draft in drafts:
        found.setdefault(draft.identity, draft)
    return list(found.values())


def report(matches: Iterable[Match], fhir: Fhir = "R4", site: Site | None = None) -> Iterator[Resource]:
    """One transaction Bundle per trial: ResearchSubject, GuidanceResponse, MeasureReport, List, Device, Provenance.

    The site says for which pairs (`results`); MeasureReport and List speak of all.
    """
    site = site or Site()
    made = reporting(site, fhir)
    for screening in screenings(matches):
        drafts = distinct([*made.pairs(screening), *made.summary(summary(screening))])
        yield transaction(drafts, site.canonical_base)
