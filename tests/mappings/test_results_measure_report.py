"""Attrition counts who came to each criterion, who remains after it, and how its truths fell."""

from __future__ import annotations

import datetime as dt

import pytest
from mappings.matches import ON, TO, match, summed

from fhirtrial.criteria.truth import Truth
from fhirtrial.plugins import Resource
from fhirtrial_mappings.results import measure_report

Y, PY, U, PN, N = Truth.YES, Truth.PRESUMED_YES, Truth.UNKNOWN, Truth.PRESUMED_NO, Truth.NO
PATIENTS = (
    match("Patient/1", (Y, Y, Y, N)),
    match("Patient/2", (Y, PN, Y, N)),
    match("Patient/3", (Y, U, N, N)),
    match("Patient/4", (Y, Y, U, PY)),
    match("Patient/5", (N, Y, Y, N)),
    match("Patient/6", (Y, Y, Y, N), set_aside=("deceased",)),
)


def report(on: dt.date = ON) -> Resource:
    (draft,) = measure_report.r4(summed(*(match(m.patient.reference, on=on) for m in PATIENTS)), TO)
    return draft.resource


def test_attrition() -> None:
    (draft,) = measure_report.r4(summed(*PATIENTS), TO)
    found = [
        (g["code"]["text"], {p["code"]["coding"][0]["code"]: p["count"] for p in g["population"]})
        for g in draft.resource["group"]
    ]
    assert found == [
        ("verdict", {"initial-population": 6, "denominator": 5, "numerator": 1}),
        ("age", {"initial-population": 6, "denominator": 5, "numerator": 4}),
        ("inc-1", {"initial-population": 6, "denominator": 4, "numerator": 3}),
        ("inc-2", {"initial-population": 6, "denominator": 3, "numerator": 2}),
        ("exc-1", {"initial-population": 6, "denominator": 2, "numerator": 1}),
    ]


@pytest.mark.parametrize(
    ("group", "counts"),
    [
        (0, {"eligible": 1, "presumed-eligible": 0, "undetermined": 0, "presumed-ineligible": 2, "ineligible": 2}),
        (2, {"yes": 4, "presumed-yes": 0, "unknown": 1, "presumed-no": 1, "no": 0}),
        (4, {"yes": 0, "presumed-yes": 1, "unknown": 0, "presumed-no": 0, "no": 5}),
    ],
)
def test_each_level_is_counted(group: int, counts: dict[str, int]) -> None:
    (draft,) = measure_report.r4(summed(*PATIENTS), TO)
    (stratifier,) = draft.resource["group"][group]["stratifier"]
    assert {s["value"]["text"]: s["population"][0]["count"] for s in stratifier["stratum"]} == counts


def test_its_period_is_the_index_date_and_its_id_the_trials() -> None:
    found = report()
    assert found["period"] == {"start": "2026-11-01", "end": "2026-11-01"}
    assert found["id"] == "nct01234567"


def test_the_same_period_with_the_same_counts_is_not_written_again() -> None:
    stored = {**report(), "meta": {"versionId": "1"}}
    assert measure_report.merge(stored, report()) is None
    later = report(ON + dt.timedelta(1))
    assert measure_report.merge(stored, later) == later
