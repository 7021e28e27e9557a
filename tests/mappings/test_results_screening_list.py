"""The screening list belongs to people and machine: merging loses nobody's entry and flags only whom it screened."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mappings.matches import ON, TO, summed, trial, verdict

from fhirtrial.criteria.truth import Verdict
from fhirtrial.matching.result import Trial
from fhirtrial.plugins import Publication, Resource
from fhirtrial_mappings.results import screening_list

YES, PRESUMED, NO = Verdict.ELIGIBLE, Verdict.PRESUMED_ELIGIBLE, Verdict.INELIGIBLE
LATER = ON + dt.timedelta(1)
BY_HAND: dict[str, Any] = {"item": {"reference": "Patient/9"}, "flag": {"text": "asked by Dr. A."}}
Row = tuple[str, str, str]


def listed(
    verdicts: dict[int, Verdict], *, on: dt.date = ON, of: Trial | None = None, to: Publication = TO
) -> Resource:
    of = of or trial()
    (draft,) = screening_list.r4(summed(*(verdict(v, f"Patient/{n}", on=on, of=of) for n, v in verdicts.items())), to)
    return draft.resource


def rows(resource: Resource | None) -> list[Row]:
    """(patient, flag, date) of each entry."""
    assert resource is not None
    return [
        (
            e["item"]["reference"],
            e["flag"].get("text") or e["flag"]["coding"][0]["code"],
            e.get("date", ""),
        )
        for e in resource.get("entry", [])
    ]


def test_it_lists_the_candidates_and_no_one_else() -> None:
    found = listed({1: YES, 2: PRESUMED, 3: Verdict.UNDETERMINED, 4: Verdict.PRESUMED_INELIGIBLE, 5: NO})
    assert rows(found) == [("Patient/1", "candidate", "2026-11-01"), ("Patient/2", "presumed", "2026-11-01")]
    assert "emptyReason" not in found


@pytest.mark.parametrize(
    ("of", "to", "code", "text"),
    [
        (trial(), TO, None, "No screened patient is a candidate"),
        (trial(status="COMPLETED"), TO, "closed", "The trial is not recruiting"),
        (trial(reviewed=False), TO, "withheld", "The criteria were not reviewed by a person"),
    ],
)
def test_an_empty_list_says_why(of: Trial, to: Publication, code: str | None, text: str) -> None:
    found = listed({1: NO if of.recruiting and of.reviewed else YES}, of=of, to=to)
    assert "entry" not in found
    assert found["emptyReason"]["text"] == text
    assert [c["code"] for c in found["emptyReason"].get("coding", [])] == ([code] if code else [])


FIRST = [("Patient/1", "candidate", "2026-11-01"), ("Patient/2", "presumed", "2026-11-01")]


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ({1: YES, 2: PRESUMED}, None),
        ({1: YES}, None),
        ({3: NO}, None),
        ({1: YES, 2: PRESUMED, 3: YES}, [*FIRST, ("Patient/3", "candidate", "2026-11-02")]),
        ({3: YES}, [*FIRST, ("Patient/3", "candidate", "2026-11-02")]),
        ({1: NO, 2: PRESUMED}, [("Patient/1", "no-longer-matching", "2026-11-02"), FIRST[1]]),
        ({1: Verdict.UNDETERMINED}, [("Patient/1", "no-longer-matching", "2026-11-02"), FIRST[1]]),
        ({2: YES}, [FIRST[0], ("Patient/2", "candidate", "2026-11-02")]),
    ],
)
def test_a_later_screening(now: dict[int, Verdict], expected: list[Row] | None) -> None:
    merged = screening_list.merge(listed({1: YES, 2: PRESUMED}), listed(now, on=LATER))
    assert merged is None if expected is None else rows(merged) == expected


def test_a_patient_who_returns_is_flagged_as_before() -> None:
    away = screening_list.merge(listed({1: YES}), listed({1: NO}, on=LATER))
    assert away is not None
    assert screening_list.merge(away, listed({1: NO}, on=LATER + dt.timedelta(1))) is None
    back = screening_list.merge(away, listed({1: YES}, on=LATER + dt.timedelta(2)))
    assert rows(back) == [("Patient/1", "candidate", "2026-11-04")]


@pytest.mark.parametrize("of", [trial(reviewed=False), trial(status="COMPLETED")])
def test_closing_a_trial_or_losing_its_review_takes_no_candidate_off_the_list(of: Trial) -> None:
    assert screening_list.merge(listed({1: YES}), listed({1: YES, 2: YES}, on=LATER, of=of)) is None


def test_a_closed_trial_still_tells_who_no_longer_matches() -> None:
    merged = screening_list.merge(listed({1: YES}), listed({1: NO}, on=LATER, of=trial(status="COMPLETED")))
    assert rows(merged) == [("Patient/1", "no-longer-matching", "2026-11-02")]


@pytest.mark.parametrize(
    "flag",
    [
        {"text": "declined"},
        {"coding": [{"system": "https://hospital.example/flags", "code": "declined"}]},
        {**listed({1: YES})["entry"][0]["flag"], "text": "declined"},
        {},
    ],
)
@pytest.mark.parametrize("now", [YES, PRESUMED, NO])
def test_a_flag_that_a_person_gave_stays(flag: dict[str, Any], now: Verdict) -> None:
    first = listed({1: YES, 2: YES})
    entry = {"item": {"reference": "Patient/1"}, **({"flag": flag} if flag else {})}
    stored = {**first, "entry": [entry, first["entry"][1]]}
    assert screening_list.merge(stored, listed({1: now, 2: YES}, on=LATER)) is None


def test_what_people_wrote_on_the_list_stays() -> None:
    stored = {
        **listed({1: YES}),
        "status": "retired",
        "note": [{"text": "discuss on Friday"}],
        "orderedBy": {"text": "by name"},
        "meta": {"versionId": "4"},
    }
    stored["entry"] = [*stored["entry"], BY_HAND, {"item": {"display": "a patient without a record"}}]
    stored["extension"] = [*stored["extension"], {"url": "https://hospital.example/own", "valueBoolean": True}]
    merged = screening_list.merge(stored, listed({1: NO, 2: YES}, on=LATER))
    assert merged is not None
    assert {k: merged[k] for k in ("status", "note", "orderedBy")} == {
        k: stored[k] for k in ("status", "note", "orderedBy")
    }
    assert [e["item"] for e in merged["entry"]] == [
        {"reference": "Patient/1"},
        {"reference": "Patient/9"},
        {"display": "a patient without a record"},
        {"reference": "Patient/2"},
    ]
    assert {"url": "https://hospital.example/own", "valueBoolean": True} in merged["extension"]


def test_a_clinicians_nilknown_stays_until_there_is_a_candidate() -> None:
    system = "http://terminology.hl7.org/CodeSystem/list-empty-reason"
    stored = {**listed({1: NO}), "emptyReason": {"coding": [{"system": system, "code": "nilknown"}]}}
    assert screening_list.merge(stored, listed({1: NO}, on=LATER)) is None
    merged = screening_list.merge(stored, listed({1: YES}, on=LATER))
    assert merged is not None
    assert "emptyReason" not in merged


def test_why_it_is_empty_follows_the_trial() -> None:
    merged = screening_list.merge(listed({1: YES}, of=trial(status="COMPLETED")), listed({1: NO}, on=LATER))
    assert merged is not None
    assert merged["emptyReason"] == {"text": "No screened patient is a candidate"}


def test_the_authors_version_is_content() -> None:
    newer = replace(TO, software_version="0.2.0")
    merged = screening_list.merge(listed({1: YES}), listed({1: YES}, on=LATER, to=newer))
    assert merged is not None
    assert merged["source"] == {"reference": "Device/fhirtrial-0.2.0"}


VERDICTS = st.dictionaries(st.integers(1, 6), st.sampled_from(list(Verdict)), min_size=1)
PEOPLES = st.lists(
    st.fixed_dictionaries(
        {"item": st.builds(lambda n: {"reference": f"Patient/{n}"}, st.integers(1, 8))},
        optional={"flag": st.just({"text": "by hand"}), "deleted": st.just(False)},
    ),
    max_size=4,
)


@given(st.lists(VERDICTS, min_size=1, max_size=4), PEOPLES)
def test_merging_is_idempotent_and_loses_no_entry(screenings: Sequence[dict[int, Verdict]], peoples: list[Any]) -> None:
    stored = listed(screenings[0])
    entries = [*peoples, *stored.get("entry", [])]
    stored = {k: v for k, v in stored.items() if k != "emptyReason"} | ({"entry": entries} if entries else {})
    for day, verdicts in enumerate(screenings):
        new = listed(verdicts, on=ON + dt.timedelta(day))
        kept = copy.deepcopy((stored, new))
        merged = screening_list.merge(stored, new) or stored
        assert (stored, new) == kept
        assert screening_list.merge(merged, merged) is None
        assert screening_list.merge(merged, new) is None
        assert merged.get("entry", [])[: len(peoples)] == peoples
        before, after = stored.get("entry", []), merged.get("entry", [])
        assert [e["item"] for e in after[: len(before)]] == [e["item"] for e in before]
        machine = [r for r in rows({"entry": [e for e in after if e not in peoples]}) if r[2]]
        assert len({reference for reference, _, _ in machine}) == len(machine)
        stored = merged
