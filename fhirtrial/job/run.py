"""The main job, all of it: match, then write trials and results to a server or into a folder, once."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from fhirtrial.client import FhirSession, Receipt, Server, capability, post
from fhirtrial.errors import ConfigError, Problem
from fhirtrial.job.matching import Patients, match
from fhirtrial.job.publish import registry, transaction
from fhirtrial.job.reconcile import merged, references
from fhirtrial.job.report import drafts, screenings
from fhirtrial.job.trials import bundles, load_trials, on_server, resources_of, version_of
from fhirtrial.matching.result import Match
from fhirtrial.patients.completeness import Loaded
from fhirtrial.patients.people import patient_resources
from fhirtrial.plugins import Draft, Fhir, Resource, Screening
from fhirtrial.records.record import TrialRecord
from fhirtrial.site import Site


@dataclass
class Outcome:
    """What a run came to: the matches, what could not be used, and, with a server, its receipt."""

    matches: list[Match]
    problems: list[Problem] = field(default_factory=list)
    receipt: Receipt | None = None
    written: list[Path] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        if self.receipt is not None and not self.receipt.complete:
            return 3
        return 1 if self.problems else 0


@dataclass(frozen=True)
class Job:
    """What to run: trials (records, published Bundles or a server), patients, and the index date."""

    trials: str | Path | Sequence[TrialRecord]
    patients: Patients
    on: dt.date
    site: Site
    fhir: Fhir = "R4"
    loaded: Loaded | None = None
    seen: Callable[[Match], None] | None = None


def to_server(job: Job, server: Server, *, journal: Path | None = None, with_patients: bool = False) -> Outcome:
    """Publishes the trials, matches, and posts what is new; a second run leaves the server as the first did."""
    outcome, artifacts = _matched(job)
    with FhirSession(server) as session:
        capability(session, job.fhir)
        people = [transaction(_people(job), job.site.canonical_base)] if with_patients else []
        published = post((*people, *artifacts), server, journal=journal)
        known, problems = references((m.patient for m in outcome.matches), session)
        outcome.problems.extend(problems)
        reachable = [m for m in outcome.matches if m.patient.reference in known]
        results = _reconciled(screenings(reachable, known), session, job)
        outcome.receipt = joined((published, post(results, server, journal=journal)))
    return outcome


def to_folder(job: Job, out: Path) -> Outcome:
    """Writes what would be posted: trials/<id>.bundle.json and results/<id>.bundle.json."""
    outcome, artifacts = _matched(job)
    for bundle in artifacts:
        outcome.written.append(write_json(out / "trials" / f"{study_id(bundle)}.bundle.json", bundle))
    for screening in screenings(outcome.matches):
        path = out / "results" / f"{screening.trial.id.lower()}.bundle.json"
        bundle = transaction(drafts(screening, job.fhir, job.site), job.site.canonical_base)
        outcome.written.append(write_json(path, bundle, private=True))
    return outcome


def _matched(job: Job) -> tuple[Outcome, list[Resource]]:
    """Every match, and the Bundles of the trials unless they are on the server already."""
    problems: list[Problem] = []
    trials = load_trials(job.trials, job.site, problems, job.fhir, foreign=False)
    artifacts = [] if on_server(job.trials) else list(_artifacts(job))
    matching = match(trials, job.patients, job.on, job.loaded, job.site)
    matches = list(_watched(matching, job.seen))
    return Outcome(matches, [*problems, *matching.failures]), artifacts


def _artifacts(job: Job) -> Iterator[Resource]:
    for bundle in bundles(job.trials, job.site, [], job.fhir):
        found = version_of(resources_of(bundle))
        if found != job.fhir:
            raise ConfigError(
                str(job.trials),
                f"Bundles published in FHIR {found}, and {job.fhir} is to be written",
                f"map the records with --fhir {job.fhir}, or run with --fhir {found}",
            )
        yield bundle


def _people(job: Job) -> Iterator[Draft]:
    if not isinstance(job.patients, str | Path) or str(job.patients) == "-":
        raise ConfigError("--with-patients", "patients that come from no file", "name a file or folder of patients")
    return (Draft(resource) for resource in patient_resources(job.patients))


def study_id(bundle: Resource) -> str:
    """The id of the ResearchStudy in a trial's Bundle."""
    resources = (entry["resource"] for entry in bundle["entry"])
    return str(next(r["id"] for r in resources if r["resourceType"] == "ResearchStudy"))


def write_json(path: Path, content: Resource, *, private: bool = False) -> Path:
    """Canonical JSON; what speaks of patients is readable by its owner alone."""
    data = orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600 if private else 0o644)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
    except OSError as error:
        raise ConfigError(
            str(path), f"cannot be written ({error.strerror})", "name a folder you can write to"
        ) from error
    return path


def joined(receipts: Sequence[Receipt]) -> Receipt:
    """Several deliveries to one server as one receipt."""
    first, *rest = receipts
    for receipt in rest:
        first = Receipt(
            results=(*first.results, *receipt.results),
            rejected=(*first.rejected, *receipt.rejected),
            unsent=first.unsent + receipt.unsent,
            unsent_path=receipt.unsent_path or first.unsent_path,
            dead_letters=receipt.dead_letters or first.dead_letters,
            failure=receipt.failure or first.failure,
        )
    return first


def _watched(matches: Iterable[Match], seen: Callable[[Match], None] | None) -> Iterator[Match]:
    for one in matches:
        if seen is not None:
            seen(one)
        yield one


def _reconciled(found: Iterable[Screening], session: FhirSession, job: Job) -> Iterator[Resource]:
    mappings = registry(job.site)
    for screening in found:
        changed = list(merged(drafts(screening, job.fhir, job.site), mappings, job.fhir, session))
        if changed:
            yield transaction(changed, job.site.canonical_base)
