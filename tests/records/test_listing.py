"""Eligibility text becomes a list of items: a table of layouts, and conservation over generated ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yaml_tables import read_table

from fhirtrial.criteria.text.unescape import unescape
from fhirtrial.criteria.tree import NotComputable
from fhirtrial.records.eligibility import Parts, read_eligibility
from fhirtrial.records.fields import Eligibility

CASES: list[dict[str, Any]] = read_table(Path(__file__).parent / "cases" / "listing.yaml")


def read(case: dict[str, Any]) -> Parts:
    return read_eligibility(case["text"], Eligibility(minimum_age=case.get("minimum_age")))


def lost(text: str, parts: Parts) -> list[str]:
    """Characters that are not in exactly one criterion, heading or note."""
    spans = [*(c.span for c in parts.criteria if c.span), *parts.headings, *parts.asides]
    counts = [0] * len(text)
    for span in spans:
        for position in range(span.start, span.end):
            counts[position] += 1
    return [f"{i}:{text[i]}" for i, n in enumerate(counts) if not text[i].isspace() and n != 1]


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_layout(case: dict[str, Any]) -> None:
    parts = read(case)
    items = {c.id: c.text for c in parts.criteria if c.span}
    assert items == case["items"]
    found = [f"{d.code}@{d.criterion}" if d.criterion else d.code for d in parts.defects]
    assert [d for d in found if d != "no_age_information"] == case.get("defects", [])
    assert [n.code for n in parts.notes] == case.get("notes", [])
    if "headings" in case:
        assert len(parts.headings) == case["headings"]
    assert lost(case["text"], parts) == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_every_item_is_its_own_words_with_its_span(case: dict[str, Any]) -> None:
    for criterion in read(case).criteria:
        if criterion.span is None:
            continue
        told = unescape(case["text"][criterion.span.start : criterion.span.end]).text
        assert criterion.text in told
        assert isinstance(criterion.tree, NotComputable)
        assert criterion.tree.text == criterion.text


def test_a_hiding_defect_is_a_criterion_and_an_explained_one_is_not() -> None:
    text = "Inclusion Criteria\n2. Asthma\nExclusion Criteria\n1. HIV"
    hiding = read_eligibility(text, Eligibility())
    explained = read_eligibility(text, Eligibility(minimum_age="18 Years"))
    assert [c.id for c in hiding.criteria] == ["inc-2", "exc-1", "defect-1"]
    assert [c.id for c in explained.criteria] == ["inc-2", "exc-1", "age"]
    assert explained.defects[0].explained_by == "minimum_age"


def test_missing_age_is_reported_and_hides_nothing() -> None:
    parts = read_eligibility("Inclusion Criteria\n* Asthma\nExclusion Criteria\n* HIV", Eligibility(sex="ALL"))
    assert [d.code for d in parts.defects] == ["no_age_information"]
    assert [c.id for c in parts.criteria] == ["inc-1", "exc-1"]


def test_an_item_under_a_sub_heading_carries_it() -> None:
    text = "Inclusion Criteria:\n\nFor part B:\n\n* Asthma\n\nExclusion Criteria:\n\n* HIV"
    first = read_eligibility(text, Eligibility()).criteria[0]
    assert [n.text for n in first.notes] == ["For part B:"]


def test_alternatives_across_bullets_are_flagged() -> None:
    text = "Inclusion Criteria:\n\n* Asthma; or\n* COPD\n\nExclusion Criteria:\n\n* HIV"
    first = read_eligibility(text, Eligibility()).criteria[0]
    assert [n.reason for n in first.notes] == ["ambiguous_logic"]


_LINES = st.sampled_from(
    (
        *(
            "Inclusion Criteria:",
            "Exclusion criteria",
            "* a",
            "  * b (c",
            "1. d; 2. e",
            "3. f:",
            "   4) g",
            "h i j",
            "",
        ),
        *("<!-- -->", "None", "(k \\>= 2)", "At least one of the following:", "① l", "- M", "a. n &lt; 5", "o P"),
        *("All of the following criteria:", "7. q", "  r s", "Age", "-", "Two or more of the following:"),
    )
)


@given(st.lists(_LINES, max_size=14).map("\n".join))
def test_nothing_falls_out_of_any_layout(text: str) -> None:
    parts = read_eligibility(text, Eligibility())
    assert lost(text, parts) == []
    assert len({c.id for c in parts.criteria}) == len(parts.criteria)


@given(st.text(alphabet="a\\*&;lt<>.1 \n#()", max_size=60))
def test_an_unescaped_position_leads_back_to_its_source(source: str) -> None:
    plain = unescape(source)
    assert plain.source(len(plain.text)) == len(source)
    positions = [plain.source(i) for i in range(len(plain.text) + 1)]
    assert positions == sorted(set(positions))
    for i, character in enumerate(plain.text):
        start, end = plain.source_span(i, i + 1)
        assert source[start:end] == character or unescape(source[start:end]).text == character
