"""The shared corpus (FHIRTRIAL_CORPUS names its folder): its pages and studies, each read once in a process."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest

from fhirtrial.records.read import read_trials
from fhirtrial.records.record import TrialRecord

__all__ = ["CORPUS", "PAGES", "ROOT", "STUDIES", "SYNTHEA", "each_study", "needs_corpus", "read", "together"]

CORPUS = os.environ.get("FHIRTRIAL_CORPUS")
ROOT = Path(CORPUS or "/nowhere")
PAGES = sorted(ROOT.glob("seeds/*.txt"))
STUDIES = sorted(ROOT.glob("data/trials/ctgov_v2/*.json"))
SYNTHEA = ROOT / "data" / "patients" / "synthea_bundles.ndjson.gz"
needs_corpus = pytest.mark.skipif(CORPUS is None, reason="FHIRTRIAL_CORPUS names no corpus")
# Modules that read most of the records do so in one process.
together = pytest.mark.xdist_group("corpus")
# What takes seconds for all studies is asked of every third in the quick suite.
each_study = pytest.mark.parametrize(
    "path", [pytest.param(path, id=path.stem, marks=[pytest.mark.slow] * (i % 3 > 0)) for i, path in enumerate(STUDIES)]
)


@cache
def read(path: Path) -> TrialRecord:
    """With the trees that the parser alone makes."""
    result = read_trials(path)
    assert result.failures == ()
    return result.records[0]
