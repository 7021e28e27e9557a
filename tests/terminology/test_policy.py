"""The world policy and the recency of results."""

from __future__ import annotations

import pytest

from fhirtrial.errors import ConfigError
from fhirtrial.terminology import load
from fhirtrial.terminology.policy import load_policy


@pytest.mark.parametrize(
    ("kind", "concept", "absence"),
    [
        ("condition", "heart-failure", "presumed-no"),
        ("condition", "hiv-infection", "presumed-no"),
        ("medication", "methotrexate", "presumed-no"),
        ("procedure", "lung-transplantation", "presumed-no"),
        ("immunization", "live-vaccine", "presumed-no"),
        ("allergy", "sulfonamide", "presumed-no"),
        ("lab", "creatinine", "unknown"),
        ("imaging", "hrct-chest", "unknown"),
        ("a-kind-nobody-listed", "heart-failure", "unknown"),
    ],
)
def test_absence(kind: str, concept: str, absence: str) -> None:
    assert load_policy().absence(kind, load().concept(concept)) == absence


@pytest.mark.parametrize(
    ("concept", "days"),
    [
        ("creatine-kinase", 28),
        ("body-weight", 90),
        ("dlco-percent-predicted", 90),
        ("hrct-chest", 90),
        ("cdasi-activity", 90),
        ("hbsag", None),
        ("anti-mda5-antibody", None),
    ],
)
def test_recency(concept: str, days: int | None) -> None:
    assert load_policy().recency_days(load().concept(concept)) == days


def test_a_site_changes_it_and_the_hash_shows_it() -> None:
    policy, terminology = load_policy(), load()
    site = policy.with_site({"condition": "unknown"}, {"lab": 14, "hbsag": 365}, presume_sensitive=False)
    assert site.absence("condition", terminology.concept("heart-failure")) == "unknown"
    assert site.absence("procedure", terminology.concept("hysterectomy")) == "unknown"
    assert site.absence("procedure", terminology.concept("lung-transplantation")) == "presumed-no"
    assert site.recency_days(terminology.concept("alt")) == 14
    assert site.recency_days(terminology.concept("hbsag")) == 365
    assert site.recency_days(terminology.concept("body-weight")) == 90
    assert policy.recency_days(terminology.concept("alt")) == 28
    assert site.hash != policy.hash
    assert policy.with_site().hash == policy.hash


def test_a_wrong_policy_is_refused() -> None:
    with pytest.raises(ConfigError, match="absence of condition"):
        load_policy().with_site({"condition": "no"})
    with pytest.raises(ConfigError, match="recency of lab"):
        load_policy().with_site(recency_days={"lab": -1})


@pytest.mark.parametrize(
    "concept",
    ["hiv-infection", "hiv-antibody", "drug-abuse", "alcohol-abuse", "mental-disorder", "pregnancy", "lactation"],
)
def test_what_people_do_not_tell_is_marked(concept: str) -> None:
    assert load().concept(concept).sensitive
