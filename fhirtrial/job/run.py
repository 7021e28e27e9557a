"""The main job, all of it: match, then write trials and results to a server or into a folder, once.

Patients go through in lots: matched, counted, their results written and forgotten, so that memory does not grow with
their number; what is said of all of a trial's patients is written at the end.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from fhirtrial.client import FhirSession, Server, capability, post
from fhirtrial.errors import ConfigError, Problem, ServerError
from fhirtrial.job.folder import Growing, write_json
from fhirtrial.job.kept import Kept
from fhirtrial.job.matching import Patients, match
from fhirtrial.job.outcome import Outcome
from fhirtrial.job.publish import transaction
from fhirtrial.job.reconcile import merged, references
from fhirtrial.job.report import distinct, reporting, screenings
from fhirtrial.job.trials import bundles, load_trials, on_server, resources_of, version_of
from fhirtrial.matching.match import Run
from fhirtrial.matching.result import Match
from fhirtrial.patients.completeness import Loaded
from fhirtrial.patients.people import patient_resources
from fhirtrial.plugins import Draft, Fhir, Resource
from fhirtrial.records.record import TrialRecord
from fhirtrial.site import Site

LOT = 500
"""Pairs after which a lot of patients ends; patients of one transaction."""


@dataclass(frozen=True)
class Job:
    """What to run: trials (records, published Bundles or a server), patients, and the index date.

    With a `cache` folder the facts of files are kept there, and what did not change is not read again.
    """

    trials: str | Path | Sequence[TrialRecord]
    patients: Patients
    on: dt.date
    site: Site
    fhir: Fhir = "R4"
    loaded: Loaded | None = None
    seen: Callable[[Match], None] | None = None
    cache: Path | None = None


def to_server(job: Job, server: Server, *, journal: Path | None = None, with_patients: bool = False) -> Outcome:
    """Publishes the trials, matches, and posts what is new; a second run leaves the server as the first did."""
    outcome, artifacts, matching = _started(job)
    made, kept = reporting(job.site, job.fhir), Kept()
    lots = _lots(matching, job, outcome)
    first = list(islice(lots, 1))  # what cannot be matched at all is found before anything is written

    def send(found: Iterable[Resource]) -> None:
        receipt = post(found, server, journal=journal)
        outcome.receipt = receipt.counted if outcome.receipt is None else outcome.receipt.with_more(receipt)

    def reconcile(drafts: Iterable[Draft]) -> None:
        if changed := merged(distinct(drafts), made.mappings, job.fhir, session):
            send([transaction(changed, job.site.canonical_base)])

    with FhirSession(server) as session:
        capability(session, job.fhir)
        if with_patients:
            people = _people(job)
            while some := list(islice(people, LOT)):
                send([transaction(some, job.site.canonical_base)])
        send(artifacts)
        try:
            for lot in chain(first, lots):
                known, problems = references((m.patient for m in lot), session)
                outcome.problems.extend(problems)
                found = screenings((m for m in lot if m.patient.reference in known), known)
                kept.add(found)
                reconcile([d for s in found for d in made.pairs(s)] + [d for s in found for d in made.corrections(s)])
            for summary in kept.summaries():
                reconcile(made.summary(summary))
        except ServerError as error:
            if outcome.receipt is None or not outcome.receipt.unsent:
                raise
            todo = "run again when the server answers; what it holds already stays as it is"
            outcome.problems.append(Problem(error.where, "", f"{error.got}; the rest was not matched", todo))
    return _finished(outcome, matching, kept)


def to_folder(job: Job, out: Path) -> Outcome:
    """Writes what would be posted: trials/<id>.bundle.json and results/<id>.bundle.json.

    No server can be asked what it holds, so that only the pairs that the site asks for are written.
    """
    outcome, artifacts, matching = _started(job)
    made, kept = reporting(job.site, job.fhir), Kept()
    growing: dict[str, Growing] = {}
    lots = _lots(matching, job, outcome)
    first = list(islice(lots, 1))
    for bundle in artifacts:
        outcome.written.append(write_json(out / "trials" / f"{study_id(bundle)}.bundle.json", bundle))
    for lot in chain(first, lots):
        found = screenings(lot)
        kept.add(found)
        for screening in found:
            name = screening.trial.id
            if name not in growing:
                growing[name] = Growing(out / "results", name.lower(), job.site.canonical_base)
            growing[name].add(made.pairs(screening))
    for summary in kept.summaries():
        bundle_of = growing[summary.trial.id]
        bundle_of.add(made.summary(summary), together=True)
        outcome.written.extend(bundle_of.finish())
    return _finished(outcome, matching, kept)


def _started(job: Job) -> tuple[Outcome, list[Resource], Run]:
    """The Bundles of the trials, unless they are on the server already, and the matches to come."""
    outcome = Outcome()
    trials = load_trials(job.trials, job.site, outcome.problems, job.fhir, foreign=False)
    artifacts = [] if on_server(job.trials) else list(_artifacts(job))
    return outcome, artifacts, match(trials, job.patients, job.on, job.loaded, job.site, cache=job.cache)


def _finished(outcome: Outcome, matching: Run, kept: Kept) -> Outcome:
    outcome.attrition = kept.attrition
    outcome.problems.extend(matching.failures)
    return outcome


def _lots(matches: Iterable[Match], job: Job, outcome: Outcome) -> Iterator[list[Match]]:
    """All matches of some patients at a time."""
    lot: list[Match] = []
    for one in matches:
        if len(lot) >= LOT and one.patient.reference != lot[-1].patient.reference:
            outcome.see(lot)
            yield lot
            lot = []
        lot.append(one)
        if job.seen is not None:
            job.seen(one)
    if lot:
        outcome.see(lot)
        yield lot


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
