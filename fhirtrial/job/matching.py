"""Patients against trials, with everything a match needs but the caller does not care about filled in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fhirtrial import terminology
from fhirtrial.errors import ConfigError, PatientError
from fhirtrial.matching.match import Run
from fhirtrial.matching.result import Match, Trial
from fhirtrial.patients.cache import cached_patients
from fhirtrial.patients.completeness import Loaded
from fhirtrial.patients.facts import Facts
from fhirtrial.patients.read import facts_of, read_patients
from fhirtrial.site import Site
from fhirtrial.terminology.policy import Policy, load_policy
from fhirtrial.version import VERSION

Patients = str | Path | Mapping[str, Any] | Iterable[Facts]


def match(
    trials: Sequence[Trial],
    patients: Patients,
    on: dt.date,
    loaded: Loaded | None = None,
    site: Site | None = None,
    horizon: int = 0,
    cache: Path | None = None,
) -> Run:
    """A Run to iterate: one Match per patient and trial at the index date.

    `patients` is a path (Bundle, folder, NDJSON, gzip), one Bundle as a dict, or chunks of facts. With a `horizon` in
    days each Match says on which day time alone next gives another verdict. With a `cache` folder the facts of files
    are kept there, and what did not change is not read again.
    """
    site = site or Site()
    return Run(
        trials=trials,
        chunks=_chunks(patients, loaded, on, site, cache),
        on=on,
        terminology=terminology.load().with_local(site.codes),
        policy=_policy(site),
        site=site,
        engine=f"fhirtrial {VERSION}",
        horizon=horizon,
    )


def explain(trial: Trial, patient: Patients, on: dt.date, site: Site | None = None) -> Match:
    """One patient, one trial, every reason; PatientError where `patient` is not exactly one."""
    found = list(match((trial,), patient, on, site=site))
    if len(found) != 1:
        raise PatientError("explain", f"{len(found)} patients", "give one patient's Bundle")
    return found[0]


def match_of(run: Run, reference: str, *, to_end: bool) -> Match | None:
    """The first trial's match of the patient with this reference.

    Others are only read, and those after only if it is `to_end`: a cache is kept when its source was read wholly.
    """
    found: Match | None = None
    for facts in run.chunks:
        if found is None and any(patient.reference == reference for patient in facts.patients):
            found = next(match for match in run.matches(facts) if match.patient.reference == reference)
            if not to_end:
                break
    return found


def _chunks(patients: Patients, loaded: Loaded | None, on: dt.date, site: Site, cache: Path | None) -> Iterable[Facts]:
    if cache is not None:
        source = source_files(patients)
        return cached_patients(source, cache, loaded=loaded, record_start=site.record_start, on=on)
    if isinstance(patients, str | Path):
        return read_patients(patients, loaded=loaded, record_start=site.record_start, on=on)
    if isinstance(patients, Mapping):
        return (facts_of(patients, loaded=loaded, record_start=site.record_start, on=on),)
    return patients


def source_files(patients: Patients) -> Path:
    """A source that can be read again; ConfigError for any other."""
    if isinstance(patients, str | Path) and str(patients) != "-":
        return Path(patients)
    raise ConfigError("--cache", "patients that come from no file", "name a file or folder of patients")


def _policy(site: Site) -> Policy:
    return load_policy().with_site(
        absence=site.absence,
        recency_days=site.recency_days,
        presume_sensitive=False if site.forbid_sensitive_presumption else None,
    )
