"""The conformance kit as data: tables of `cases/conformance`, one per kind of node; nothing here runs an engine."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yaml_tables import read_table

from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.truth import Truth
from fhirtrial.matching.result import Trial
from fhirtrial.patients.completeness import ALL, Loaded, loaded_families

FOLDER = Path(__file__).parent / "cases" / "conformance"
SCHEMA = FOLDER / "schema.json"
QUESTIONNAIRE = "https://fhirtrial.example/fhir/Questionnaire/conformance"


@dataclass(frozen=True)
class Row:
    kind: str
    name: str
    criterion: str
    on: dt.date
    truth: Truth
    reasons: tuple[str, ...]
    value: bool | None
    loaded: Loaded
    patient: Sequence[Mapping[str, Any]]

    @property
    def bundle(self) -> dict[str, Any]:
        entries = [{"resource": dict(resource)} for resource in self.patient]
        return {"resourceType": "Bundle", "type": "collection", "entry": entries}


@dataclass(frozen=True)
class Table:
    kind: str
    on: dt.date
    criteria: Mapping[str, Criterion]
    english: Mapping[str, str]
    rows: tuple[Row, ...]

    def trial(self, name: str) -> Trial:
        """The criterion alone, as the inclusion inc-1 of a trial."""
        return Trial(name, name, "RECRUITING", (self.criteria[name],), QUESTIONNAIRE, name)


def documents() -> Iterator[Any]:
    for path in sorted(FOLDER.glob("*.yaml")):
        yield read_table(path)


def tables() -> tuple[Table, ...]:
    return tuple(map(_table, documents()))


def _table(document: Mapping[str, Any]) -> Table:
    kind, on = document["kind"], dt.date.fromisoformat(document["index_date"])
    criteria = {
        name: Criterion.model_validate(
            {"id": "inc-1", "kind": "inclusion", "text": one["english"], "tree": one["tree"]}
        )
        for name, one in document["criteria"].items()
    }
    rows = tuple(_row(kind, on, one) for one in document["rows"])
    return Table(kind, on, criteria, {name: one["english"] for name, one in document["criteria"].items()}, rows)


def _row(kind: str, on: dt.date, one: Mapping[str, Any]) -> Row:
    loaded = (
        ALL if one["loaded"] == "all" else loaded_families(",".join(one["loaded"])) if one["loaded"] else frozenset()
    )
    return Row(
        kind,
        one["row"],
        one["criterion"],
        on,
        Truth.of(one["truth"]),
        tuple(one.get("reasons", ())),
        one["value"],
        loaded,
        one["patient"],
    )
