"""Canonical English and back: the same tree, whatever a text holds; and what a person mistypes is told by its place."""

from __future__ import annotations

import os

import pytest
from corpus import STUDIES, needs_corpus, read
from criteria.trees import CONCEPTS, nodes, texts
from hypothesis import given, settings
from hypothesis import strategies as st
from shipped import samples

from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.english import english
from fhirtrial.criteria.reading.english import read_english, reading
from fhirtrial.criteria.tree import Age, All, AtLeast, Condition, Medication, Node, Not, Procedure, Sex
from fhirtrial.criteria.wording import Names
from fhirtrial.errors import TreeError
from fhirtrial.terminology import load

PLAIN = Names.plain(CONCEPTS)
SHIPPED = Names.of(load())
LONG = bool(os.environ.get("FHIRTRIAL_LONG"))
CASES = 10_000 if LONG else 60
# Labels as adversaries choose them: two alike, one that is another's own name, and any words of the language.
labels = st.lists(texts | st.sampled_from(["Infection", "infection"]), min_size=len(CONCEPTS), max_size=len(CONCEPTS))
reviewed = [
    pytest.param(criterion, id=f"{record.id}-{criterion.id}") for record in samples() for criterion in record.criteria
]


@given(nodes())
@settings(max_examples=CASES)
def test_every_tree_is_read_back(node: Node) -> None:
    assert read_english(english(node, PLAIN.label), PLAIN, "test") == node


@given(nodes(max_leaves=4), labels)
@settings(max_examples=CASES)
def test_every_tree_is_read_back_whatever_its_concepts_are_called(node: Node, said: list[str]) -> None:
    names = Names(dict(zip(CONCEPTS, said, strict=True)))
    assert read_english(english(node, names.label), names, "test") == node


@given(st.text(max_size=80) | texts)
@settings(max_examples=CASES)
def test_any_words_are_a_tree_or_a_mistake_with_its_place(words: str) -> None:
    found = reading(words, PLAIN)
    assert (found.node is None) == bool(found.mistakes)
    assert all(0 < m.line <= words.count("\n") + 1 and m.column > 0 and m.expected for m in found.mistakes)


@given(nodes(max_leaves=4), st.data())
@settings(max_examples=CASES)
def test_a_sentence_that_lost_a_word_is_never_another_kind_of_error(node: Node, data: st.DataObject) -> None:
    words = english(node, PLAIN.label).split(" ")
    at = data.draw(st.integers(0, len(words) - 1))
    found = reading(" ".join(words[:at] + words[at + 1 :]), PLAIN)
    assert (found.node is None) == bool(found.mistakes)


@pytest.mark.parametrize("criterion", reviewed)
def test_the_shipped_trees_are_read_back(criterion: Criterion) -> None:
    assert read_english(english(criterion.tree, SHIPPED.label), SHIPPED, criterion.id) == criterion.tree


def test_every_shipped_concept_has_words_of_its_own() -> None:
    other = {name: found for name in load().concepts if (found := SHIPPED.concept(SHIPPED.label(name))) != name}
    assert not other


@needs_corpus
def test_the_trees_of_the_registry_are_read_back() -> None:
    trees = {f"{r.id} {c.id}": c.tree for r in map(read, STUDIES if LONG else STUDIES[::10]) for c in r.criteria}
    assert trees
    assert [n for n, tree in trees.items() if reading(english(tree, SHIPPED.label), SHIPPED).node != tree] == []


@pytest.mark.parametrize(
    ("words", "node"),
    [
        ("  age >= 18 years  \n\n", Age(low=18)),
        ("age >= 1 year", Age(low=1)),
        ("age < 75 years and >= 18 years", Age(low=18, high=75, high_op="<")),
        ("diagnosis of malignant-neoplasm (ever)", Condition(concept="malignant-neoplasm")),
        (
            "diagnosis of Infection (chronic course; active)",
            Condition(concept="infection", when="active", course="chronic"),
        ),
        (
            "all of:\n    - female sex\n    - age > 3 days",
            All(nodes=(Sex(value="female"), Age(low=3, low_op=">", unit="d"))),
        ),
        ("all of:\r\n- female sex\r\n- male sex\r\n", All(nodes=(Sex(value="female"), Sex(value="male")))),
        ("not: not: male sex", Not(node=Not(node=Sex(value="male")))),
        ('treatment with "rituximab" (current)', Medication(concept="rituximab", when="current")),
        ("procedure infection (ever)", Procedure(concept="infection")),
        ("at least 1 of:\n\n- male sex", AtLeast(k=1, nodes=(Sex(value="male"),))),
    ],
)
def test_what_a_person_may_write_otherwise(words: str, node: Node) -> None:
    assert reading(words, PLAIN).node == node


@pytest.mark.parametrize(
    ("words", "mistakes"),
    [
        ("", ['line 1, column 1: no words; expected a criterion, such as "age >= 18 years"']),
        (
            "diagnosis of infecton (active)",
            ['line 1, column 14: no concept is called "infecton"; expected "infection"'],
        ),
        (
            "diagnosis of zzz (active)",
            ['line 1, column 14: no concept is called "zzz"; expected the name of a concept of the terminology'],
        ),
        (
            "diagnosis of infection",
            ["line 1, column 23: the end of the line; expected in round brackets, when: (ever), (active) or the like"],
        ),
        (
            "diagnosis of infection (activ)",
            ['line 1, column 25: "activ"; expected when: ever, active, onset, history'],
        ),
        (
            "diagnosis of infection (active; oral route)",
            ['line 1, column 33: "oral route"; expected a qualifier that fits here'],
        ),
        ("diagnosis of infection (active; active)", ['line 1, column 33: "active"; expected each qualifier once']),
        ("diagnosis of infection (active", ['line 1, column 31: the end of the line; expected ")" at the end']),
        (
            "procedure infection (ever; within 3 days before screening)",
            ['line 1, column 20: " (ever; within 3 days before screening)"; expected either (ever) or a window'],
        ),
        (
            "procedure infection (within 3 fortnights before screening)",
            ['line 1, column 29: "3 fortnights before screening"; expected a time, such as 24 weeks'],
        ),
        (
            "procedure infection (from 3 days before screening to enrolment)",
            ['line 1, column 50: " to enrolment"; expected both times counted from screening'],
        ),
        ("creatinine (latest) <= 1,5 mg/dL", ['line 1, column 24: "1,5 mg/dL"; expected a number, such as 1.5']),
        ("creatinine (latest) ≤ 1.5 mg/dL", ['line 1, column 21: "≤ 1.5 mg/dL"; expected one of < <= > >= =']),
        (
            "creatinine <= 1.5 mg/dL",
            ['line 1, column 12: "<= 1.5 mg/dL"; expected in round brackets, which results: (latest), (any)'],
        ),
        ("creatinine (latest) <= 1.5 mg / dL", ['line 1, column 30: " / dL"; expected the end of the line']),
        ("age >= 18", ["line 1, column 10: the end of the line; expected a space"]),
        ("age >= 18 years and > 20 years", ['line 1, column 21: "> 20 years"; expected one lower and one upper bound']),
        (
            "a person confirms (open lists): more",
            ['line 1, column 20: "open lists): more"; expected one of judgement, vague term, open list, '],
        ),
        ("any of:", ['line 1, column 1: no members below "any of:"; expected "- " and a member on the next line']),
        ("all of:\n- male sex\n\t- female sex", ["line 3, column 1: a tab; expected spaces"]),
        (
            "all of:\n- male sex\nfemale sex",
            ['line 3, column 1: "female sex"; expected "- " before each member of a list'],
        ),
        (
            "all of:\n  - male sex\n - female sex",
            ['line 3, column 4: "- " in column 2; expected "- " in column 3, as above'],
        ),
        (
            "male sex\n- female sex",
            ['line 2, column 3: "female sex"; expected nothing below "male sex", which is no list'],
        ),
        (
            "if the first holds, the second:\n- male sex",
            ["line 1, column 1: 1 members; expected two members"],
        ),
        ("at least 3 of:\n- male sex", ["line 1, column 1: at least 3 of 1 members; expected a number from 1 to 1"]),
        (
            "all of:\n- male sexes\n- any of:\n  - aged 18\n  - female sex",
            [
                'line 2, column 3: no concept is called "male sexes"; expected ',
                'line 4, column 5: no concept is called "aged 18"; expected ',
            ],
        ),
    ],
)
def test_a_mistake_says_where_what_and_what_was_expected(words: str, mistakes: list[str]) -> None:
    said = [str(m) for m in reading(words, PLAIN).mistakes]
    assert len(said) == len(mistakes)
    assert all(one.startswith(wanted) for one, wanted in zip(said, mistakes, strict=True)), said


def test_the_first_mistake_is_the_error() -> None:
    with pytest.raises(TreeError, match=r"inc-3, line 2, column 3: .* expected") as caught:
        read_english("all of:\n- x\n- y", PLAIN, "inc-3")
    assert caught.value.where == "inc-3, line 2, column 3"


def test_synonyms_help_to_find_a_concept() -> None:
    (mistake,) = reading("diagnosis of high blood pressure (active)", SHIPPED).mistakes
    assert mistake.expected == '"Hypertension"'
