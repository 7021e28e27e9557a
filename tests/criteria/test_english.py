"""The canonical English: one wording for a node, every kind and every field of it said."""

from __future__ import annotations

import pytest
from criteria.trees import ATOMS, nodes
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from fhirtrial.criteria.document import node_from_json
from fhirtrial.criteria.english import english, sentence
from fhirtrial.criteria.tree import Atom, Node

DAY = {"value": 0, "unit": "d"}
SCREENED = {"anchor": "screening", "start": {"value": -24, "unit": "wk"}}
ONSET = {"anchor": "symptom-onset", "start": DAY, "end": {"value": 1, "unit": "mo"}}
FEMALE = {"kind": "sex", "value": "female"}
ADULT = {"kind": "age", "low": 18}


@pytest.mark.parametrize(
    ("node", "words"),
    [
        (ADULT, "age >= 18 years"),
        ({"kind": "age", "low": 6, "low_op": ">", "high": 17.5, "unit": "mo"}, "age > 6 months and <= 17.5 months"),
        (FEMALE, "female sex"),
        (
            {"kind": "condition", "concept": "infection", "when": "active", "severity": "severe", "course": "chronic"},
            "diagnosis of infection (active; chronic course; at least severe)",
        ),
        (
            {"kind": "condition", "concept": "cancer", "unless": ["a", "b"], "stage": "IV", "window": SCREENED},
            "diagnosis of cancer other than a or b (ever; stage IV; within 24 weeks before screening)",
        ),
        (
            {"kind": "measurement", "concept": "creatine-kinase", "op": "<=", "value": 1.5, "of": "uln"},
            "creatine kinase (latest) <= 1.5 × ULN",
        ),
        (
            {"kind": "measurement", "concept": "pao2", "over": "fio2", "op": ">=", "value": 200, "unit": "mm[Hg]"},
            "pao2 / fio2 (latest) >= 200 mm[Hg]",
        ),
        (
            {"kind": "measurement", "concept": "mmt-8", "op": "<=", "value": 142, "scale_max": 150, "select": "min"},
            "mmt 8 (lowest; on a scale up to 150) <= 142",
        ),
        (
            {"kind": "measurement", "concept": "x", "op": ">", "value": 1, "select": "any", "count": 2},
            "x (any; at least 2 results) > 1",
        ),
        (
            {"kind": "ordinal", "concept": "nyha-class", "op": ">=", "rank": 3, "label": "III"},
            "nyha class (latest) >= III (rank 3)",
        ),
        ({"kind": "result", "concept": "igra", "result": "positive", "select": "any"}, "igra (any) positive"),
        (
            {
                "kind": "change",
                "concept": "fvc",
                "direction": "decrease",
                "op": ">",
                "amount": 10,
                "unit": "%",
                "relative": True,
                "window": ONSET,
            },
            "fvc (within 1 month after symptom onset) decrease > 10 % of the earlier value",
        ),
        (
            {
                "kind": "medication",
                "concept": "glucocorticoid",
                "when": "current",
                "route": "oral",
                "indication": "asthma",
                "dose": {"op": ">", "value": 0.5, "unit": "mg/kg/d", "equivalent": "prednisone"},
                "min_duration": {"value": 3, "unit": "mo"},
                "distinct": 2,
                "outcome": "failed",
            },
            (
                "treatment with glucocorticoid (current; oral route; for asthma; dose > 0.5 mg/kg/d as prednisone; "
                "for at least 3 months; at least 2 different drugs; outcome failed)"
            ),
        ),
        (
            {
                "kind": "medication",
                "concept": "antibiotic",
                "window": {"anchor": "enrolment", "start": {"value": -5, "unit": "half-life"}},
            },
            "treatment with antibiotic (ever; within 5 half-lives before enrolment)",
        ),
        ({"kind": "procedure", "concept": "lung-transplantation"}, "procedure lung transplantation (ever)"),
        (
            {"kind": "encounter", "setting": "inpatient", "reason": "infection"},
            "inpatient stay or visit for infection (ever)",
        ),
        ({"kind": "encounter"}, "stay or visit of any kind (ever)"),
        ({"kind": "allergy", "concept": "sulfonamide"}, "allergy to or intolerance of sulfonamide"),
        ({"kind": "immunization", "concept": "live-vaccine"}, "immunization with live vaccine (ever)"),
        ({"kind": "reproductive", "state": "childbearing-potential"}, "able to bear children"),
        (
            {"kind": "finding", "modality": "hrct-chest", "finding": "pneumonia"},
            "pneumonia found by hrct chest",
        ),
        (
            {"kind": "data", "text": "HBV DNA was measured", "concept": "hbv-dna"},
            "data at hand: HBV DNA was measured (any result of hbv dna)",
        ),
        (
            {"kind": "data", "text": "HBV DNA (PCR) was measured", "concept": "hbv-dna"},
            'data at hand: "HBV DNA (PCR) was measured" (any result of hbv dna)',
        ),
        (
            {"kind": "residue", "reason": "open_list", "text": 'a drug (any), e.g. "X": more'},
            'a person confirms (open list): a drug (any), e.g. "X": more',
        ),
        (
            {"kind": "residue", "reason": "open_list", "text": "one\ntwo"},
            'a person confirms (open list): "one\\ntwo"',
        ),
        ({"kind": "other", "who": "partner", "text": "can have children"}, "partner: can have children"),
        (
            {"kind": "classification", "name": "criteria of X", "year": 1975, "target": "myositis"},
            "meets the criteria of X for myositis (of 1975)",
        ),
        (
            {"kind": "attestation", "topic": "contraception", "text": "willing", "period": "12 months after"},
            "a person says (contraception): willing (12 months after)",
        ),
        (
            {"kind": "treatment-state", "state": "new-onset", "text": "is new"},
            "state of treatment (new-onset): is new",
        ),
        (
            {
                "kind": "expected",
                "text": "a live vaccine",
                "concept": "live-vaccine",
                "window": {"anchor": "last-dose", "start": DAY, "end": {"value": 4, "unit": "mo"}},
            },
            "planned or expected: a live vaccine (of live vaccine; within 4 months after the last dose)",
        ),
        (
            {"kind": "residue", "reason": "open_list", "text": "another drug"},
            "a person confirms (open list): another drug",
        ),
        (
            {"kind": "not-computable", "reason": "source_truncated", "text": "list lost"},
            "not computable (source truncated): list lost",
        ),
        (
            {"kind": "defect", "code": "missing_list", "text": "no items"},
            "defect of the source (missing list): no items",
        ),
        ({"kind": "not", "node": FEMALE}, "not: female sex"),
        ({"kind": "all", "nodes": [ADULT, FEMALE]}, "all of:\n- age >= 18 years\n- female sex"),
        (
            {"kind": "not", "node": {"kind": "any", "nodes": [ADULT, FEMALE]}},
            "not: any of:\n- age >= 18 years\n- female sex",
        ),
        (
            {"kind": "at-least", "k": 1, "nodes": [ADULT, {"kind": "all", "nodes": [FEMALE, ADULT]}]},
            "at least 1 of:\n- age >= 18 years\n- all of:\n  - female sex\n  - age >= 18 years",
        ),
        (
            {"kind": "if", "condition": FEMALE, "then": ADULT},
            "if the first holds, the second:\n- female sex\n- age >= 18 years",
        ),
        (
            {"kind": "except", "base": ADULT, "unless": FEMALE},
            "the first, except the second:\n- age >= 18 years\n- female sex",
        ),
        ({"kind": "def", "term": "adult", "body": ADULT}, '"adult" means: age >= 18 years'),
    ],
)
def test_the_words_of(node: dict[str, object], words: str) -> None:
    assert english(node_from_json(node, "test")) == words


@pytest.mark.parametrize(
    ("window", "words"),
    [
        ({}, "any time up to the index date (anchor not stated)"),
        ({"anchor": "randomization"}, "any time up to randomization"),
        ({"anchor": "first-dose", "start": {"value": -3, "unit": "mo"}}, "within 3 months before the first dose"),
        ({"anchor": "during-study", "start": DAY, "end": None}, "from the start of the study on"),
        ({"anchor": "baseline", "start": {"value": 3, "unit": "mo"}, "end": None}, "from 3 months after baseline on"),
        ({"end": None}, "at any time, also after the index date (anchor not stated)"),
        (
            {"anchor": "screening", "start": {"value": -1, "unit": "a"}, "end": {"value": 1, "unit": "wk"}},
            "from 1 year before screening to 1 week after screening",
        ),
        ({"anchor": "screening", "start": DAY}, "on the day of screening"),
    ],
)
def test_the_words_of_a_window(window: dict[str, object], words: str) -> None:
    node = node_from_json({"kind": "procedure", "concept": "dialysis", "window": window}, "test")
    assert english(node) == f"procedure dialysis ({words})"


def test_one_line_keeps_the_branches() -> None:
    node = {"kind": "not", "node": {"kind": "at-least", "k": 2, "nodes": [ADULT, FEMALE]}}
    assert sentence(node_from_json(node, "test")) == "not: at least 2 of [age >= 18 years; female sex]"


def test_labels_come_from_whoever_knows_them() -> None:
    node = node_from_json({"kind": "result", "concept": "hbsag", "result": "positive"}, "test")
    assert english(node, str.upper) == "HBSAG (latest) positive"


@given(nodes())
def test_every_tree_has_words(node: Node) -> None:
    assert english(node) == english(node)
    assert sentence(node).startswith(english(node).split(":\n")[0].split("\n")[0][:20])


@pytest.mark.parametrize("kind", ATOMS, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_every_field_of_an_atom_is_said(kind: type[Atom], data: st.DataObject) -> None:
    """Two atoms that differ in one field only never read alike."""
    one, other = data.draw(ATOMS[kind]), data.draw(ATOMS[kind])
    for field in kind.model_fields:
        changed = {**{f: getattr(one, f) for f in kind.model_fields}, field: getattr(other, field)}
        try:
            hybrid = kind.model_validate(changed)
        except ValidationError:
            assume(False)
            continue
        assert (english(hybrid) == english(one)) == (hybrid == one), field
