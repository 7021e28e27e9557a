"""The sample patients against their tables of expected truths: the tables judge, by story and rule, never by a run."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import pytest
from sample_tables import PAGE, PATIENTS, Cell, Table, criteria, page, rules, tables, verdict
from shipped import trials

import fhirtrial
from fhirtrial.criteria.truth import Truth, Verdict
from fhirtrial.matching.result import Match
from fhirtrial.samples import DEMO_DATE

TABLES = tables()
every_table = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.trial)
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
    run = fhirtrial.match(trials(), PATIENTS, on=DEMO_DATE)
    found = {(match.patient.reference.removeprefix("Patient/"), match.trial.id): match for match in run}
    assert not run.failures
    return found


def cells(match: Match) -> dict[str, Cell]:
    return {
        result.criterion.id: Cell(result.truth, tuple(sorted(result.reasons)) if result.truth == Truth.UNKNOWN else ())
        for result in match.criteria
    }


@every_table
def test_each_criterion_of_each_patient_has_the_truth_of_the_table(table: Table, matches: Matches) -> None:
    told = {row.patient: cells(matches[row.patient, table.trial]) for row in table.rows}
    wrong = {
        f"{row.patient} {name}, {row.story}": (told[row.patient].get(name), row.truths.get(name))
        for row in table.rows
        for name in row.truths.keys() | told[row.patient].keys()
        if told[row.patient].get(name) != row.truths.get(name)
    }
    assert wrong == {}, "(told, expected)"


@every_table
def test_each_patient_has_the_verdict_of_the_table(table: Table, matches: Matches) -> None:
    found = {row.patient: matches[row.patient, table.trial] for row in table.rows}
    told = {patient: (match.verdict, match.set_aside) for patient, match in found.items()}
    assert told == {row.patient: (row.verdict, row.set_aside) for row in table.rows}


def test_nobody_is_matched_whom_the_tables_leave_out(matches: Matches) -> None:
    assert set(matches) == {(row.patient, table.trial) for table in TABLES for row in table.rows}


@every_table
def test_the_tables_verdicts_follow_from_their_truths(table: Table) -> None:
    of = criteria(table.trial)
    assert {row.patient for row in table.rows if [c.id for c in of] != list(row.truths)} == set()
    assert {row.patient: row.verdict for row in table.rows} == {row.patient: verdict(row, of) for row in table.rows}
    for row in table.rows:
        for name, cell in row.truths.items():
            assert bool(cell.reasons) == (cell.truth == Truth.UNKNOWN), (row.patient, name)


@every_table
def test_the_patients_reach_every_verdict_that_the_trial_allows(table: Table) -> None:
    assert {row.verdict for row in table.rows} == REACHED[table.trial]


@every_table
def test_every_sample_has_its_row_in_every_table(table: Table) -> None:
    assert table.on == DEMO_DATE.isoformat() == dt.date.fromisoformat(table.on).isoformat()
    assert {row.patient for row in table.rows} == {path.stem for path in PATIENTS.glob("*.json")}
    assert {row.patient: row.story for row in table.rows} == {row.patient: row.story for row in TABLES[0].rows}


def test_every_sample_shows_a_rule() -> None:
    assert {patient for one in rules() for patient in one.patients} == {row.patient for row in TABLES[0].rows}


def test_the_page_is_written_from_the_tables() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python tests/sample_tables.py"
