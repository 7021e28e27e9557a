"""The conformance kit: the matcher, the scalar evaluator and, where there is CQL, an independent engine, row by row.

The tables were written from docs/truth.md and the design; a difference is settled by these, never by a run.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, get_args

import orjson
import pytest
from conformance import SCHEMA, Row, Table, documents, tables
from expressions.agreement import Case, Execute, opened, without_answers
from fhir_shapes import faults
from jsonschema import Draft202012Validator
from scalar.evaluate import criterion as scalar
from scalar.kernel import Kernel
from scalar.person import people

from fhirtrial.criteria import tree
from fhirtrial.criteria.english import english
from fhirtrial.criteria.truth import Truth
from fhirtrial.expressions.cql import Define, cql, library
from fhirtrial.patients.completeness import ALL
from fhirtrial.patients.facts import Facts
from fhirtrial.patients.read import facts_of
from fhirtrial.site import Site
from fhirtrial.terminology import load
from fhirtrial.terminology.policy import load_policy

TABLES = {table.kind: table for table in tables()}
GATES = (tree.All, tree.Any, tree.AtLeast, tree.Not, tree.If, tree.Except, tree.Def)
every_table = pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)


def facts(row: Row) -> Facts:
    return facts_of(row.bundle, loaded=row.loaded, on=row.on)


@every_table
def test_the_matcher_says_what_the_table_says(table: Table) -> None:
    kernels = {name: Kernel((table.trial(name),), table.on) for name in table.criteria}
    told = {}
    for row in table.rows:
        (match,) = kernels[row.criterion].run.matches(facts(row))
        (found,) = match.criteria
        told[row.name] = (found.truth, set(found.reasons))
    assert told == {row.name: (row.truth, set(row.reasons)) for row in table.rows}


@every_table
def test_the_scalar_evaluator_says_what_the_table_says(table: Table) -> None:
    told = {}
    for row in table.rows:
        (person,) = people(facts(row), row.on, load(), load_policy(), Site())
        study = table.trial(row.criterion)
        told[row.name] = scalar(person, study, study.criteria[0]).truth
    assert told == {row.name: row.truth for row in table.rows}


@pytest.mark.node
def test_the_cql_engine_says_what_the_tables_say(cql_execute: Execute) -> None:
    """In three values, all tables in one library; what a person answered is the matcher's alone."""
    said = {
        (kind, name): criterion.model_copy(update={"id": f"{kind} {name}"})
        for kind, table in TABLES.items()
        for name, criterion in table.criteria.items()
        if isinstance(cql(criterion, load()), Define)
    }
    rows = [r for t in TABLES.values() for r in t.rows if (r.kind, r.criterion) in said and asks_records(r)]
    cases = [Case(r.bundle, facts(r)) for r in rows]
    runs = cql_execute(
        library("Conformance", "1", list(said.values()), load()),
        [opened(c.bundle) for c in cases],
        own=[c.parameters(r.on) for c, r in zip(cases, rows, strict=True)],
        defines=[c.id for c in said.values()],
    )
    got = [(r, run.error or run.results[said[r.kind, r.criterion].id]) for r, run in zip(rows, runs, strict=True)]
    print(f"{len(rows)} of {sum(len(t.rows) for t in TABLES.values())} rows compared")
    assert {f"{r.kind}: {r.name}": (value, r.value) for r, value in got if value is not r.value} == {}


def asks_records(row: Row) -> bool:
    return without_answers(row.bundle) == row.bundle


def test_the_tables_fit_their_schema() -> None:
    schema = orjson.loads(SCHEMA.read_bytes())
    Draft202012Validator.check_schema(schema)
    for document in documents():
        Draft202012Validator(schema).validate(document)


def test_every_kind_of_node_has_its_table() -> None:
    kinds = {m.model_fields["kind"].default for m in (*get_args(tree.Atom), *GATES)}
    assert set(TABLES) == kinds
    for kind, table in TABLES.items():
        assert all(f'"kind":"{kind}"' in c.tree.model_dump_json() for n, c in table.criteria.items())
        assert len({r.name for r in table.rows}) == len(table.rows)
        assert {r.criterion for r in table.rows} == set(table.criteria)


def test_the_english_is_the_trees() -> None:
    def label(name: str) -> str:
        return load().concept(name).label

    for table in TABLES.values():
        assert {n: english(c.tree, label) for n, c in table.criteria.items()} == dict(table.english)


def collapsed(row: Row) -> bool | None:
    """A presumption is a value only where the record was read to its end."""
    firm = row.truth in (Truth.YES, Truth.NO) or (row.truth is not Truth.UNKNOWN and row.loaded == ALL)
    return row.truth > Truth.UNKNOWN if firm else None


@every_table
def test_the_three_values_follow_from_the_five(table: Table) -> None:
    assert {row.name: row.value for row in table.rows} == {row.name: collapsed(row) for row in table.rows}


@every_table
def test_the_patients_are_valid_resources(table: Table) -> None:
    assert {row.name for row in table.rows if row.patient[0]["resourceType"] != "Patient"} == set()
    found = {row.name: faults(map(dict, row.patient)) for row in table.rows}
    assert {name: told for name, told in found.items() if told} == {}


def reached(rows: Sequence[Row]) -> set[Any]:
    return {r.truth for r in rows}


def test_the_tables_reach_every_truth_and_are_dated() -> None:
    assert reached([r for t in TABLES.values() for r in t.rows]) == set(Truth)
    assert {t.on for t in TABLES.values()} == {dt.date(2026, 11, 1)}
