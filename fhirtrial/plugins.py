"""The mapping contract: how a package turns trials and matches into FHIR resources, and how it is found.

A mapping is a pure function per resource and FHIR version, registered as a list under the entry point group
`fhirtrial.mappings`; a hospital adds its own package. Two claims on one resource are an error that names both,
unless the site file names the winner: `mappings = { "R4/ResearchStudy" = "hospital" }`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Mapping as Table
from dataclasses import dataclass
from datetime import date
from importlib.metadata import entry_points
from typing import Any, Literal

from fhirtrial.errors import ConfigError
from fhirtrial.matching.result import Match, Trial
from fhirtrial.records.record import TrialRecord
from fhirtrial.terminology import Terminology

GROUP = "fhirtrial.mappings"
Fhir = Literal["R4", "R5"]
Resource = dict[str, Any]


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
    """One trial and its matches of one run, and how each patient is referred to on the target server."""

    trial: Trial
    matches: tuple[Match, ...]
    references: Table[str, str]

    def subject(self, match: Match) -> dict[str, str]:
        return {"reference": self.references.get(match.patient.reference, match.patient.reference)}


@dataclass(frozen=True)
class Draft:
    """A resource to write: by PUT on its id, or, with `if_none_exist`, by conditional create on that query.

    `if_match` is the server's version that the resource was merged with.
    """

    resource: Resource
    if_none_exist: str = ""
    if_match: str = ""


@dataclass(frozen=True)
class Mapping:
    """One resource type in one FHIR version.

    `build` makes drafts from a TrialRecord (of="trial") or a Screening (of="match"). `read` takes a published
    resource apart again (Library: criteria). `merge` joins a draft with what the server already holds and returns
    None where nothing would change; without it the draft replaces what is there. `adopt` makes a trial of a resource
    that somebody else published.
    """

    resource: str
    fhir: Fhir
    of: Literal["trial", "match"]
    build: Callable[[Any, Publication], Sequence[Draft]]
    read: Callable[[Resource], Any] | None = None
    merge: Callable[[Resource, Resource], Resource | None] | None = None
    adopt: Callable[[Resource, Terminology], Trial] | None = None


@dataclass(frozen=True)
class Registry:
    """The mappings in force, by (fhir, resource, of)."""

    mappings: tuple[Mapping, ...]

    def build(self, of: Literal["trial", "match"], subject: TrialRecord | Screening, to: Publication) -> list[Draft]:
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
