"""The mapping contract: how a package turns trials and matches into FHIR resources, and how it is found.

A mapping is a pure function per resource and FHIR version, registered as a list under the entry point group
`fhirtrial.mappings`; a hospital adds its own package. Two claims on one resource are an error that names both,
unless the site file names the winner: `mappings = { "R4/ResearchStudy" = "hospital" }`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Mapping as Table
from dataclasses import dataclass
from datetime import date
from importlib.metadata import entry_points
from typing import Any, Literal, NamedTuple

from fhirtrial.criteria.truth import Verdict
from fhirtrial.errors import ConfigError
from fhirtrial.matching.attrition import Attrition
from fhirtrial.matching.result import Match, Trial
from fhirtrial.records.record import TrialRecord
from fhirtrial.terminology import Terminology

GROUP = "fhirtrial.mappings"
Fhir = Literal["R4", "R5"]
Of = Literal["trial", "match", "screening"]
Resource = dict[str, Any]
MARK = 8
"""Bytes by which a `Summary` knows a patient."""


@dataclass(frozen=True)
class Publication:
    """What every build may use besides its subject: the canonical base URL, the version and the concepts.

    `candidates_when_not_recruiting` is the site's leave to propose patients for trials that do not recruit (yet).
    `on` is the screening day of what holds for one day only, which is not built without it.
    """

    base: str
    fhir: Fhir
    terminology: Terminology
    software_version: str
    candidates_when_not_recruiting: bool = False
    on: date | None = None

    def canonical(self, kind: str, identifier: str) -> str:
        return f"{self.base}/{kind}/{identifier}"


@dataclass(frozen=True)
class Screening:
    """Matches of one trial whose results are written together, a part of all; how the target server names patients."""

    trial: Trial
    matches: tuple[Match, ...]
    references: Table[str, str]

    def subject(self, match: Match) -> dict[str, str]:
        return {"reference": self.references.get(match.patient.reference, match.patient.reference)}


class Candidate(NamedTuple):
    """A patient whom a person should look at next, as the target server names them."""

    reference: str
    verdict: Verdict


@dataclass(frozen=True)
class Summary:
    """What is left of one trial's matches when all were seen: counts, the candidates, and a mark of everybody screened.

    It takes eight bytes for each patient, so that it can be kept of any number of them.
    """

    trial: Trial
    attrition: Attrition
    candidates: tuple[Candidate, ...]
    screened: bytes


def mark(reference: str) -> bytes:
    """The patient in `Summary.screened`, by the reference under which the target server knows them."""
    return hashlib.sha256(reference.encode()).digest()[:MARK]


@dataclass(frozen=True)
class Draft:
    """A resource to write: by PUT on its id, or, with `if_none_exist`, by conditional create on that query.

    `if_match` is the server's version that the resource was merged with. With `update_only` it is written only where
    the server holds it already, or holds what refers to it.
    """

    resource: Resource
    if_none_exist: str = ""
    if_match: str = ""
    update_only: bool = False

    @property
    def identity(self) -> tuple[str, str]:
        """What it is written to: two drafts of one identity cannot stand in one transaction."""
        return str(self.resource["resourceType"]), self.if_none_exist or str(self.resource["id"])


@dataclass(frozen=True)
class Mapping:
    """One resource type in one FHIR version.

    `build` makes drafts from a TrialRecord (of="trial"), from a Screening, of which a trial has any number in one run
    (of="match"), or from a Summary, once per trial and run, at its end (of="screening"). `read` takes a published
    resource apart again (Library: criteria). `merge` joins a draft with what the server already holds and returns
    None where nothing would change; without it the draft replaces what is there. `adopt` makes a trial of a resource
    that somebody else published.
    """

    resource: str
    fhir: Fhir
    of: Of
    build: Callable[[Any, Publication], Sequence[Draft]]
    read: Callable[[Resource], Any] | None = None
    merge: Callable[[Resource, Resource], Resource | None] | None = None
    adopt: Callable[[Resource, Terminology], Trial] | None = None


@dataclass(frozen=True)
class Registry:
    """The mappings in force, by (fhir, resource, of)."""

    mappings: tuple[Mapping, ...]

    def build(self, of: Of, subject: TrialRecord | Screening | Summary, to: Publication) -> list[Draft]:
        """Every draft for `subject`, in the order of the mappings."""
        chosen = (m for m in self.mappings if m.of == of and m.fhir == to.fhir)
        return [draft for mapping in chosen for draft in mapping.build(subject, to)]

    def of_resource(self, resource: str, fhir: Fhir) -> Mapping | None:
        return next((m for m in self.mappings if (m.resource, m.fhir) == (resource, fhir)), None)


def installed(winners: Table[str, str]) -> Registry:
    """The installed mappings, with `winners` ("R4/List" → entry point name) deciding between two claims."""
    found = entry_points(group=GROUP)
    if not found:
        raise ConfigError(GROUP, "no mapping package is installed", "install fhirtrial as a package (pip install .)")
    return choose(((point.name, point.load()) for point in sorted(found, key=lambda p: p.name)), winners)


def choose(packages: Iterable[tuple[str, Sequence[Mapping]]], winners: Table[str, str]) -> Registry:
    chosen: dict[tuple[str, str, str], tuple[str, Mapping]] = {}
    for name, mappings in packages:
        for mapping in mappings:
            key = (mapping.fhir, mapping.resource, mapping.of)
            rival = chosen.get(key)
            label = f"{mapping.fhir}/{mapping.resource}"
            if rival is None or winners.get(label) == name:
                chosen[key] = (name, mapping)
            elif winners.get(label) != rival[0]:
                todo = f'name one in the site file: mappings = {{ "{label}" = "{name}" }}'
                raise ConfigError(label, f"claimed by the mapping packages {rival[0]!r} and {name!r}", todo)
    return Registry(tuple(mapping for _, mapping in chosen.values()))
