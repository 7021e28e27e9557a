"""Trials as they run: read back from what was published, be it a file, a folder, a server, or mapped just now.

There is one way in: a normalized record is mapped first and its artifacts are read, so that files, bundles and servers
give the same trials.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from fhirtrial.client import FhirSession, Server
from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.document import criteria_hash
from fhirtrial.errors import ArtifactError, InputError, Problem, RecordError
from fhirtrial.job.foreign import group_files, trial_of
from fhirtrial.job.publish import map_trial, publication, registry
from fhirtrial.matching.result import Trial
from fhirtrial.plugins import Fhir, Registry, Resource
from fhirtrial.records.read import read_trials
from fhirtrial.records.record import TrialRecord
from fhirtrial.site import Site

log = logging.getLogger(__name__)

BUNDLE = ".bundle.json"
PARTS = ("ResearchStudy", "PlanDefinition", "Library", "Group", "Questionnaire")
"""The resources a trial is read back from."""
R5_ELEMENTS = {"recruitment", "progressStatus", "associatedParty", "comparisonGroup", "outcomeMeasure", "label"}


def load_trials(
    source: str | Path | Sequence[TrialRecord],
    site: Site | None = None,
    failures: list[Problem] | None = None,
    fhir: Fhir = "R4",
    *,
    foreign: bool = True,
) -> tuple[Trial, ...]:
    """Normalized records, published Bundles (a file or folder of `map`) or a FHIR base URL → trials, sorted by id.

    Records are mapped to `fhir` first; what was published says itself in which version. Among files, a definitional
    Group that others published (`foreign`) is a trial, too. Suspended trials are left out. What cannot be read goes to
    `failures`; without that list the first one raises.
    """
    site = site or Site()
    mappings = registry(site)
    found: dict[str, Trial] = {}
    for resources in _sets(source, site, failures, fhir, foreign=foreign):
        try:
            found |= {trial.id: trial for trial in trials_of(resources, mappings)}
        except InputError as error:
            _failed(error, failures)
    for group in _foreign(source).values() if foreign else ():
        try:
            trial = trial_of(group, mappings, publication(site, fhir).terminology)
        except InputError as error:
            _failed(error, failures)
        else:
            found[trial.id] = trial
    return tuple(found[i] for i in sorted(found) if i not in site.suspended)


def bundles(
    source: str | Path | Sequence[TrialRecord],
    site: Site,
    failures: list[Problem] | None = None,
    fhir: Fhir = "R4",
    *,
    foreign: bool = False,
) -> Iterator[Resource]:
    """The transaction Bundles of files: published ones as they are, records mapped now.

    With `foreign`, Groups that others published are passed over; without, they are no records and fail.
    """
    if not isinstance(source, str | Path):
        yield from (map_trial(record, fhir, site) for record in source)
        return
    path = Path(source)
    files = sorted(path.glob(f"*{BUNDLE}")) if path.is_dir() else [path] if path.name.endswith(BUNDLE) else []
    for file in files:
        try:
            yield _bundle(file)
        except InputError as error:
            _failed(error, failures)
    if files:
        return
    read = read_trials(path)
    passed = _foreign(source) if foreign else {}
    for problem in (p for p in read.failures if p.where not in passed):
        _failed(RecordError(f"{problem.where}{problem.path}", problem.got, problem.todo), failures)
    yield from (map_trial(record, fhir, site) for record in read.records)


def on_server(source: object) -> bool:
    """Whether the trials are a FHIR base URL's."""
    return isinstance(source, str) and source.startswith(("http://", "https://"))


def version_of(resources: Iterable[Resource]) -> Fhir:
    """The FHIR version that these resources are written in, by elements that only R5's ResearchStudy has."""
    studies = (r for r in resources if r.get("resourceType") == "ResearchStudy")
    return "R5" if any(R5_ELEMENTS & study.keys() for study in studies) else "R4"


def trials_of(resources: Iterable[Resource], mappings: Registry) -> Iterator[Trial]:
    """The trials in one set of published resources; every part of one must stand on the same criteria tree.

    A ResearchStudy whose PlanDefinition is not there, or states no tree, was published by somebody else and is none
    of ours; so is a Library without a tree, unless a trial of ours lacks its own.
    """
    by_type: dict[str, dict[str, Resource]] = {}
    for resource in resources:
        by_type.setdefault(str(resource.get("resourceType")), {})[str(resource.get("id"))] = resource
    fhir = version_of(by_type.get("ResearchStudy", {}).values())
    read = partial(_read, mappings, fhir)
    trees, unread = _trees(by_type.get("Library", {}).values(), read)
    for name, study in by_type.get("ResearchStudy", {}).items():
        plan = by_type.get("PlanDefinition", {}).get(name)
        tree = None if plan is None else read(plan)
        if tree is None:
            log.info("ResearchStudy/%s has no PlanDefinition of ours", name)
            continue
        groups = [g for i, g in by_type.get("Group", {}).items() if i.startswith(f"{name}-")]
        questionnaire = by_type.get("Questionnaire", {}).get(name)
        if tree not in trees and len(unread) == 1:
            raise unread[0]
        if tree not in trees or questionnaire is None or {read(g) for g in groups} - {tree}:
            got = "its PlanDefinition, Groups, Questionnaire and Library do not stand on one criteria tree"
            raise ArtifactError(f"ResearchStudy/{name}", got, "publish the whole Bundle again (fhirtrial map)")
        asked = read(questionnaire)
        yield Trial(**read(study), criteria=trees[tree], questionnaire=asked, tree_hash=tree)


def _trees(
    libraries: Iterable[Resource], read: Callable[[Resource], Any]
) -> tuple[dict[str, tuple[Criterion, ...]], list[ArtifactError]]:
    """The criteria in the Libraries by their hash, and what those said that have none that can be used."""
    trees: dict[str, tuple[Criterion, ...]] = {}
    unread: list[ArtifactError] = []
    for library in libraries:
        try:
            criteria = read(library)
        except ArtifactError as error:
            unread.append(error)
        else:
            trees[criteria_hash(criteria)] = criteria
    return trees, unread


def _foreign(source: str | Path | Sequence[TrialRecord]) -> dict[str, Resource]:
    """Groups in files by file name; the ones that this project published stand in Bundles."""
    return {} if on_server(source) or not isinstance(source, str | Path) else group_files(Path(source))


def _sets(
    source: str | Path | Sequence[TrialRecord],
    site: Site,
    failures: list[Problem] | None,
    fhir: Fhir,
    *,
    foreign: bool,
) -> Iterator[list[Resource]]:
    if on_server(source):
        yield _from_server(Server(str(source)))
    else:
        yield from (resources_of(bundle) for bundle in bundles(source, site, failures, fhir, foreign=foreign))


def _bundle(file: Path) -> Resource:
    try:
        bundle = orjson.loads(file.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise RecordError(str(file), f"no JSON ({error})", "write it again with `fhirtrial map`") from error
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        raise RecordError(str(file), "no Bundle", "give the .bundle.json that `fhirtrial map` wrote")
    return bundle


def resources_of(bundle: Resource) -> list[Resource]:
    return [entry["resource"] for entry in bundle.get("entry", ()) if "resource" in entry]


def _from_server(server: Server) -> list[Resource]:
    with FhirSession(server) as session:
        return [r for kind in PARTS for r in session.search(kind)]


def _read(mappings: Registry, fhir: Fhir, resource: Mapping[str, Any]) -> Any:
    mapping = mappings.of_resource(str(resource["resourceType"]), fhir)
    if mapping is None or mapping.read is None:
        raise ArtifactError(str(resource["resourceType"]), "no mapping reads it back", "install the standard mappings")
    return mapping.read(dict(resource))


def _failed(error: InputError, failures: list[Problem] | None) -> None:
    if failures is None:
        raise error
    failures.append(error.problem)
