"""Matches → FHIR: per trial, a transaction Bundle of results, referring to patients as the target server knows them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from fhirtrial.job.publish import publication, registry, transaction
from fhirtrial.matching.result import Match
from fhirtrial.plugins import Draft, Fhir, Resource, Screening
from fhirtrial.site import Site

NOWHERE: Mapping[str, str] = {}


def screenings(matches: Iterable[Match], references: Mapping[str, str] = NOWHERE) -> tuple[Screening, ...]:
    """The matches by trial, in the order in which trials and patients first came."""
    by_trial: dict[str, list[Match]] = {}
    for match in matches:
        by_trial.setdefault(match.trial.id, []).append(match)
    return tuple(Screening(found[0].trial, tuple(found), references) for found in by_trial.values())


def drafts(screening: Screening, fhir: Fhir = "R4", site: Site | None = None) -> list[Draft]:
    site = site or Site()
    return registry(site).build("match", screening, publication(site, fhir))


def report(matches: Iterable[Match], fhir: Fhir = "R4", site: Site | None = None) -> Iterator[Resource]:
    """One transaction Bundle per trial: ResearchSubject, GuidanceResponse, MeasureReport, List, Device, Provenance."""
    base = (site or Site()).canonical_base
    for screening in screenings(matches):
        yield transaction(drafts(screening, fhir, site), base)
