"""A run over a population: the same rows and counts as matching, in every format; one process or several."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from cohort.populations import PATIENTS, pairs, run

from fhirtrial.job.cohort import match_population
from fhirtrial.job.matching import match
from fhirtrial.matching.attrition import Attrition, attrition
from fhirtrial.matching.result import Trial
from fhirtrial.samples import DEMO_DATE

pytest.importorskip("pyarrow.parquet", reason="the extra `parquet` is not installed")

pytestmark = pytest.mark.slow


def test_a_folder_holds_what_matching_says(trials: tuple[Trial, ...], source: Path, tmp_path: Path) -> None:
    matching = match(trials, source, DEMO_DATE)
    matches = list(matching)
    done = run(trials, source, tmp_path / "out")
    expected = [(m.patient.reference, m.trial.id, "2026-11-01", m.verdict.label, *m.set_aside) for m in matches]
    assert pairs(tmp_path / "out") == sorted(expected)
    assert sorted(map(str, done.problems)) == sorted(map(str, matching.failures))
    assert done.exit_code == 1, "one patient stands in two Bundles"
    of = {t.id: attrition(t, DEMO_DATE, [m for m in matches if m.trial is t]) for t in trials}
    assert {one.trial: one for one in done.attritions} == of
    said = [Attrition.model_validate(one) for one in orjson.loads((tmp_path / "out" / "attrition.json").read_bytes())]
    assert said == done.attritions
    assert done.patients == PATIENTS + 1


def test_formats_agree(trials: tuple[Trial, ...], cache: Path, tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    run(trials, cache, tmp_path / "columns", seen=lambda done, of: heard.append((done, of)))
    run(trials, cache, tmp_path / "lines", form="ndjson")
    assert pairs(tmp_path / "lines") == pairs(tmp_path / "columns")
    assert len(list((tmp_path / "columns" / "rows").iterdir())) == 5
    assert heard == [(0, 15), (3, 15), (6, 15), (9, 15), (12, 15), (15, 15)]


def test_only_ineligible_pairs_have_no_row_unless_they_are_asked_for(
    trials: tuple[Trial, ...], cache: Path, tmp_path: Path
) -> None:
    match_population(trials, cache, DEMO_DATE, tmp_path / "out", processes=1)
    run(trials, cache, tmp_path / "all")
    assert pairs(tmp_path / "out") == [row for row in pairs(tmp_path / "all") if row[3] != "ineligible"]
    assert len(pairs(tmp_path / "all")) == (PATIENTS + 1) * len(trials)
