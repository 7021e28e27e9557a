"""A machine proposes a candidate only for a reviewed, recruiting trial, once, and never says more than `candidate`."""

from __future__ import annotations

from dataclasses import replace

import pytest
from mappings.matches import TO, screening, trial, verdict

from fhirtrial.criteria.truth import Verdict
from fhirtrial.matching.result import Trial
from fhirtrial_mappings.results import device, research_subject

LIFTED = replace(TO, candidates_when_not_recruiting=True)
OPEN = trial()


@pytest.mark.parametrize(
    ("level", "of", "to", "set_aside", "written"),
    [
        (Verdict.ELIGIBLE, OPEN, TO, (), True),
        (Verdict.PRESUMED_ELIGIBLE, OPEN, TO, (), True),
        (Verdict.UNDETERMINED, OPEN, TO, (), False),
        (Verdict.PRESUMED_INELIGIBLE, OPEN, TO, (), False),
        (Verdict.INELIGIBLE, OPEN, TO, (), False),
        (Verdict.ELIGIBLE, OPEN, TO, ("deceased",), False),
        (Verdict.ELIGIBLE, trial(reviewed=False), TO, (), False),
        (Verdict.ELIGIBLE, trial(reviewed=False), LIFTED, (), False),
        (Verdict.ELIGIBLE, trial(status="ENROLLING_BY_INVITATION"), TO, (), True),
        (Verdict.ELIGIBLE, trial(status="COMPLETED"), TO, (), False),
        (Verdict.ELIGIBLE, trial(status="UNKNOWN"), TO, (), False),
        (Verdict.ELIGIBLE, trial(status="COMPLETED"), LIFTED, (), True),
        (Verdict.UNDETERMINED, trial(status="COMPLETED"), LIFTED, (), False),
    ],
)
def test_who_is_proposed(level: Verdict, of: Trial, to: object, set_aside: tuple[str, ...], written: bool) -> None:
    found = research_subject.r4(screening(verdict(level, of=of, set_aside=set_aside)), to)  # type: ignore[arg-type]
    assert [d.resource["status"] for d in found] == (["candidate"] if written else [])


def test_it_is_created_only_where_patient_and_study_have_none() -> None:
    known = screening(verdict(Verdict.ELIGIBLE), references={"Patient/1": "Patient/p 1&x"})
    (draft,) = research_subject.r4(known, TO)
    assert draft.if_none_exist == "individual=Patient/p%201%26x&study=ResearchStudy/nct01234567"
    assert draft.resource["individual"] == {"reference": "Patient/p 1&x"}
    assert "id" not in draft.resource


def test_the_device_is_one_per_version_and_keeps_what_a_site_adds() -> None:
    one = screening(verdict(Verdict.ELIGIBLE))
    (first,), (again,) = device.r4(one, TO), device.r4(screening(verdict(Verdict.INELIGIBLE)), TO)
    assert first == again
    assert first.if_none_exist == ""
    (local,) = device.r4(one, replace(TO, software_version="1.0+site 3"))
    assert local.resource["id"] == "fhirtrial-1.0-site-3"
    owned = {**first.resource, "owner": {"reference": "Organization/1"}}
    assert device.merge(owned, first.resource) is None
    assert device.merge({**owned, "version": [{"value": "0"}]}, first.resource) == first.resource
