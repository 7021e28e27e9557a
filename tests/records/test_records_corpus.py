"""The five registry pages and the API records of the shared corpus (FHIRTRIAL_CORPUS), against what SEEDS.md says."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from corpus import PAGES, ROOT, STUDIES, needs_corpus, read, together

from fhirtrial.criteria.text.unescape import unescape
from fhirtrial.records.api_v2 import OMITTED, record_from_study
from fhirtrial.records.eligibility import Parts, read_eligibility
from fhirtrial.records.fields import Eligibility
from fhirtrial.records.read import read_trials
from fhirtrial.records.record import TrialRecord, record_to_bytes

pytestmark = [needs_corpus, together]

# Keys that the repositories which kept these studies have added; the API has no such fields.
ADDED_BY_OTHERS = {"locations_nested", "interventionMappedName"}
EXPECTED = {
    "000": [f"inc-{n}" for n in range(1, 6)] + [f"exc-{n}" for n in range(1, 6)],
    "001": [f"exc-{n}" for n in range(1, 15)],
    "002": [],
    "003": [f"inc-{n}" for n in range(1, 5)] + [f"exc-{n}" for n in range(1, 7)],
    "004": [f"inc-{n}" for n in range(2, 7)] + [f"exc-{n}" for n in range(1, 15)],
}
DEFECTS = {
    "000": [],
    "001": ["missing_list@defect-1", "source_truncated@exc-14", "unit_implausible@exc-6", "no_age_information"],
    "002": ["missing_section@defect-1", "no_age_information"],
    "003": [
        *("run_on@exc-2", "run_on@exc-3", "source_typo@exc-4"),
        *("unclosed_bracket@exc-5", "no_age_information"),
    ],
    "004": [
        *("numbering_gap", "source_typo@inc-6", "source_typo@inc-6", "source_typo@inc-6"),
        *("unclosed_bracket@inc-6", "repeated_member@exc-9", "direction_implausible@exc-11"),
    ],
}
BEGINNINGS = {
    "000": {"inc-4": "refractory disease, defined", "exc-5": "Patients with Anti-MDA5"},
    "001": {
        "exc-3": "Any of the following laboratory",
        "exc-9": "Allergy to the active",
        "exc-14": "Patients who used",
    },
    "003": {"inc-4": "Interstitial pneumonia:", "exc-3": "Confirmed Positive", "exc-6": "History of any"},
    "004": {"inc-2": "Diagnostics meet", "inc-6": "Active Disease means", "exc-14": "Adolescents with DM"},
}
ENDINGS = {
    "000": {"inc-5": "≥3 months.", "exc-5": "dermatomyositis."},
    "001": {"exc-8": "PaO₂/FiO₂≥200 mmHg.", "exc-3": "≤45 mL/min)", "exc-14": "prior to screening:"},
    "003": {"inc-4": "4. serum anti-MDA5 (+).", "exc-6": "malignancy."},
    "004": {"inc-6": "(MDAAT).", "exc-14": "connective tissue disease."},
}
DECOYS = {
    "000": ["11 baseline", "111 participants", "October 31", "doctor", "trial coordinator", "January 2020"],
    "001": ["110 participants", "Hanqi", "every two weeks", "Loading"],
    "002": ["arthritis", "ULN", "ESR", "7.5 mg", "12 months"],
    "003": ["8 weeks", "3-5mg/kg", "52 week", "MedPath", "Shanghai"],
    "004": ["NCT04062019", "One million units", "Peking", "CSAIL2", "18 Years"],
}


def items(record: TrialRecord) -> dict[str, str]:
    return {c.id: c.text for c in record.criteria if c.id.startswith(("inc", "exc"))}


def lost(record: TrialRecord) -> list[str]:
    text = record.eligibility_text or ""
    counts = [0] * len(text)
    spans = [c.span for c in record.criteria if c.span]
    for span in [*spans, *record.eligibility_headings, *record.eligibility_notes]:
        for position in range(span.start, span.end):
            counts[position] += 1
    return [text[max(0, i - 20) : i + 20] for i, n in enumerate(counts) if not text[i].isspace() and n != 1]


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.name[:3])
def test_seed_criteria(path: Path) -> None:
    record, number = read(path), path.name[:3]
    found = items(record)
    assert list(found) == EXPECTED[number]
    for name, begin in BEGINNINGS.get(number, {}).items():
        assert found[name].startswith(begin)
    for name, end in ENDINGS.get(number, {}).items():
        assert found[name].endswith(end)
    defects = [f"{d.code}@{d.criterion}" if d.criterion else d.code for d in record.defects]
    assert defects == DEFECTS[number]
    assert lost(record) == []
    assert record_to_bytes(record) == record_to_bytes(read_trials(path).records[0])


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.name[:3])
def test_seed_text_and_spans(path: Path) -> None:
    record = read(path)
    page = path.read_text(encoding="utf-8")
    for criterion in record.criteria:
        if criterion.span is None:
            continue
        source = (record.eligibility_text or "")[criterion.span.start : criterion.span.end]
        assert source in page
        assert criterion.text in unescape(source).text
    for decoy in DECOYS[path.name[:3]]:
        assert all(decoy not in text for text in items(record).values())
    assert str(path.parent) not in record_to_bytes(record).decode()


def test_blocking_defects_are_those_that_may_hide_a_criterion() -> None:
    found = {p.name[:3]: [c.tree.kind for c in read(p).criteria if c.kind == "defect"] for p in PAGES}
    assert {k: len(v) for k, v in found.items()} == {"000": 0, "001": 2, "002": 1, "003": 0, "004": 0}


def test_seed_fields() -> None:
    zero, one, two, three, four = (read(p) for p in PAGES)
    assert (zero.id, zero.overall_status, zero.phases) == ("NCT07662265", "COMPLETED", ("NA",))
    assert (zero.eligibility.minimum_age, zero.eligibility.sex) == ("18 Years", "ALL")
    assert zero.enrollment is not None
    assert zero.enrollment.count == 111
    assert zero.start_date is not None
    assert zero.start_date.date == "2022-01-01"
    assert one.id.startswith("doc-")
    assert one.eligibility.sex is one.eligibility.minimum_age is None
    assert [c.name for c in one.central_contacts] == ["Hanqi Wang"]
    assert (two.study_type, two.design.allocation, two.design.primary_purpose, two.design.masking) == (
        *("INTERVENTIONAL", "RANDOMIZED", "TREATMENT", "NONE"),
    )
    assert two.enrollment is not None
    assert (two.enrollment.count, len(two.arms), len(two.unranked_outcomes)) == (80, 2, 5)
    assert (three.id, three.eligibility.sex, three.overall_status) == ("NCT03192657", "ALL", "UNKNOWN")
    assert [a.intervention_names for a in three.arms] == [
        ("Calcineurin Inhibitors", "Steroids", "Basiliximab"),
        ("Calcineurin Inhibitors", "Steroids"),
    ]
    assert [o.measure for o in three.secondary_outcomes][-1] == "Serum KL-6"
    assert {o.time_frame for o in three.secondary_outcomes} == {"52 week"}
    assert three.lead_sponsor is not None
    assert three.lead_sponsor.name == "RenJi Hospital"
    assert (four.id, four.phases, four.overall_status) == ("NCT04237987", ("PHASE2",), "UNKNOWN")
    assert four.eligibility.minimum_age == "18 Years"
    assert (four.eligibility.sex, four.eligibility.healthy_volunteers) == ("ALL", False)
    assert four.org_study_id is not None
    assert four.org_study_id.id == "CSAIL2"
    assert [len(a.intervention_names) for a in four.arms] == [2, 1]


def test_nothing_falls_out_of_thousands_of_texts() -> None:
    with gzip.open(ROOT / "data/trials/eligibility_text.jsonl.gz", "rt", encoding="utf-8") as lines:
        texts = [text for line in lines for text in json.loads(line)["texts"].values()]
    assert len(texts) > 2000
    wrong = [text[:60] for text in texts if covered_once(text, read_eligibility(text, Eligibility())) is False]
    assert wrong == []


def covered_once(text: str, parts: Parts) -> bool:
    """Spans in order neither overlap nor leave anything but white space between them."""
    spans = sorted(
        (s.start, s.end) for s in [*(c.span for c in parts.criteria if c.span), *parts.headings, *parts.asides]
    )
    edges = [0, *(edge for span in spans for edge in span), len(text)]
    return all(a <= b and not text[a:b].strip() for a, b in zip(edges[::2], edges[1::2], strict=True))


@pytest.mark.parametrize("path", STUDIES, ids=lambda p: p.stem)
def test_study_is_read_whole(path: Path) -> None:
    record = read(path)
    assert record.id == path.stem
    assert lost(record) == []
    for criterion in record.criteria:
        if criterion.span is not None:
            source = (record.eligibility_text or "")[criterion.span.start : criterion.span.end]
            assert criterion.text in unescape(source).text


@pytest.mark.parametrize("path", STUDIES, ids=lambda p: p.stem)
def test_no_field_is_silently_lost(path: Path) -> None:
    """Every leaf's value stands in the record as often as in the study, is noted by its path, or is an omission."""
    data = json.loads(path.read_bytes())
    record = record_from_study(data, path.name, "")
    told = tuple(n.path for n in record.notes)
    source = Counter(plain(v) for at, v in leaves(data) if v not in (None, "") and not at.startswith((*OMITTED, *told)))
    carried = Counter(plain(v) for _, v in leaves(json.loads(record_to_bytes(record))))
    assert {value: count for value, count in source.items() if carried[value] < count} == {}
    unknown = {n.path.rsplit(".", 1)[-1] for n in record.notes if n.code == "unknown-field"}
    assert unknown <= ADDED_BY_OTHERS


def plain(value: Any) -> str:
    return repr(float(value)) if isinstance(value, (int, float)) and not isinstance(value, bool) else repr(value)


def leaves(data: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(data, dict):
        for key, value in data.items():
            yield from leaves(value, f"{at}.{key}" if at else key)
    elif isinstance(data, list):
        for place, value in enumerate(data):
            yield from leaves(value, f"{at}[{place}]")
    else:
        yield at, data
