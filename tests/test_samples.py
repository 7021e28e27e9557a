"""The sample patients against their tables of expected truths: the tables judge, by story and rule, never by a run."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import pytest
from sample_tables import PAGE, PATIENTS, TRIALS, Cell, Row, Table, criteria, page, rules, tables, verdict

import fhirtrial
from fhirtrial.criteria.truth import Truth, Verdict
from fhirtrial.matching.result import Match
from fhirtrial.samples import DEMO_DATE

TABLES = tables()
PAIRS = [pytest.param(table, row, id=f"{row.patient}-{table.trial}") for table in TABLES for row in table.rows]
EVERY = frozenset(Verdict)
REACHED = {
    "NCT07662265": EVERY,
    "NCT03192657": EVERY - {Verdict.ELIGIBLE},
    "NCT04237987": EVERY - {Verdict.ELIGIBLE},
    "doc-056893a8ce172277": EVERY - {Verdict.ELIGIBLE, Verdict.PRESUMED_ELIGIBLE},
    "doc-e5dd9d9ca5d5a060": {Verdict.UNDETERMINED},
}
Matches = Mapping[tuple[str, str], Match]


@pytest.fixture(scope="module")
def matches() -> Matches:
    run = fhirtrial.match(fhirtrial.load_trials(TRIALS), PATIENTS, on=DEMO_DATE)
    found = {(match.patient.reference.removeprefix("Patient/"), match.trial.id): match for match in run}
    assert not run.failures
    return found


@pytest.mark.parametrize(("table", "row"), PAIRS)
def test_each_criterion_of_each_pair_has_the_truth_of_the_table(table: Table, row: Row, matches: Matches) -> None:
    match = matches[row.patient, table.trial]
    told = {
        result.criterion.id: Cell(result.truth, tuple(sorted(result.reasons)) if result.truth == Truth.UNKNOWN else ())
        for result in match.criteria
    }
    wrong = {name: (cell, row.truths[name]) for name, cell in told.items() if cell != row.truths[name]}
    assert wrong == {}, f"(told, expected): {row.story}"
    assert told.keys() == row.truths.keys()
    assert (match.verdict, match.set_aside) == (row.verdict, row.set_aside)


def test_nobody_is_matched_whom_the_tables_leave_out(matches: Matches) -> None:
    assert set(matches) == {(row.patient, table.trial) for table in TABLES for row in table.rows}


@pytest.mark.parametrize(("table", "row"), PAIRS)
def test_the_tables_verdict_follows_from_its_truths(table: Table, row: Row) -> None:
    of = criteria(table.trial)
    assert [c.id for c in of] == list(row.truths)
    assert row.verdict == verdict(row, of)
    assert all(bool(cell.reasons) == (cell.truth == Truth.UNKNOWN) for cell in row.truths.values())


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.trial)
def test_the_patients_reach_every_verdict_that_the_trial_allows(table: Table) -> None:
    assert {row.verdict for row in table.rows} == REACHED[table.trial]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.trial)
def test_every_sample_has_its_row_in_every_table(table: Table) -> None:
    assert table.on == DEMO_DATE.isoformat() == dt.date.fromisoformat(table.on).isoformat()
    assert {row.patient for row in table.rows} == {path.stem for path in PATIENTS.glob("*.json")}
    assert {row.patient: row.story for row in table.rows} == {row.patient: row.story for row in TABLES[0].rows}


def test_every_sample_shows_a_rule() -> None:
    assert {patient for one in rules() for patient in one.patients} == {row.patient for row in TABLES[0].rows}


def test_the_page_is_written_from_the_tables() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python tests/sample_tables.py"
