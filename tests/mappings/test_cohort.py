"""Prefilters as Groups of the Bulk Data cohort profile: for a screening day, in R4, and part of their trial."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from desk import Desk
from fhir_shapes import faults
from mappings.publishing import SHIPPED, SHIPPED_R5, published
from shipped import samples
from small_trial import record_file

from fhirtrial.job.trials import load_trials
from fhirtrial.plugins import Publication, Resource
from fhirtrial.samples import DEMO_DATE

DATED = replace(SHIPPED, on=DEMO_DATE)


def cohorts(to: Publication) -> list[Resource]:
    return [r for record in samples() for r in published(record, to, "Group") if "-cohort-" in r["id"]]


def test_each_is_one_search_and_nothing_else() -> None:
    found = cohorts(DATED)
    assert found
    assert faults(found) == {}
    for group in found:
        assert "characteristic" not in group
        assert "member" not in group
        assert (group["type"], group["actual"]) == ("person", False)
        (filtered,) = group["modifierExtension"]
        assert filtered["url"] == "http://hl7.org/fhir/uv/bulkdata/StructureDefinition/member-filter"
        assert filtered["valueExpression"]["language"] == "application/x-fhir-query"
        assert filtered["valueExpression"]["expression"].startswith("Patient?")


@pytest.mark.parametrize("to", [SHIPPED, SHIPPED_R5, replace(SHIPPED_R5, on=DEMO_DATE)])
def test_without_a_day_or_in_r5_there_are_none(to: Publication) -> None:
    assert cohorts(to) == []


def test_they_are_written_for_a_day_and_belong_to_their_trial(tmp_path: Path, cli: Desk) -> None:
    record = record_file(tmp_path / "records")
    assert cli("map", record, "-o", tmp_path / "plain").code == 0
    assert cli("map", record, "-o", tmp_path / "dated", "--on", "2026-11-01").code == 0
    files = sorted((tmp_path / "dated" / "nct00000001").glob("Group-*-cohort-*.json"))
    searches = [orjson.loads(f.read_bytes())["modifierExtension"][0]["valueExpression"]["expression"] for f in files]
    assert searches == [
        "Patient?birthdate=le2008-11-01,gt2026-11-01&birthdate=gt1935-11-01",
        "Patient?birthdate:missing=true",
    ]
    assert load_trials(tmp_path / "dated") == load_trials(tmp_path / "plain")
