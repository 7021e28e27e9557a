"""The sample records that are shipped, and the trials made of them, each read once in a process."""

from __future__ import annotations

from functools import cache

from fhirtrial.job.trials import load_trials
from fhirtrial.matching.result import Trial
from fhirtrial.records.read import read_trials
from fhirtrial.records.record import TrialRecord
from fhirtrial.samples import sample_bundles

__all__ = ["RECORDS", "samples", "trials"]

RECORDS = sample_bundles() / "trials"


@cache
def samples() -> tuple[TrialRecord, ...]:
    result = read_trials(RECORDS)
    assert result.failures == ()
    return result.records


@cache
def trials() -> tuple[Trial, ...]:
    """Mapped to FHIR and read back from it."""
    return load_trials(samples())
