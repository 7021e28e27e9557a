"""What holds for every text: nothing is lost, nothing depends on chance, nothing crashes, time grows with length."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yaml_tables import read_table

from fhirtrial.criteria.criterion import Kind
from fhirtrial.criteria.document import criteria_from_bytes, criteria_to_bytes, node_from_json, node_to_json
from fhirtrial.criteria.lower import lower
from fhirtrial.criteria.text.conservation import lost
from fhirtrial.criteria.text.lexer import lex
from fhirtrial.criteria.text.names import names_of
from fhirtrial.criteria.text.normalize import normalize
from fhirtrial.criteria.text.parse import MAX_CHARACTERS, MAX_TOGETHER, Parsed, parse, parse_criterion
from fhirtrial.criteria.tree import NotComputable
from fhirtrial.records.eligibility import read_eligibility
from fhirtrial.records.fields import Eligibility
from fhirtrial.terminology import load

CASES = Path(__file__).parent / "cases"
WORDS = [
    "patients",
    "with",
    "history",
    "of",
    "asthma",
    "diabetes",
    "mellitus",
    "ALT",
    "AST",
    "hemoglobin",
    "creatinine",
    "prednisone",
    "malignancy",
    "dialysis",
    "pregnancy",
    ">=",
    "<=",
    ">",
    "<",
    "=",
    "3",
    "1.5",
    "10",
    "18",
    "years",
    "mg/dL",
    "g/dL",
    "x",
    "ULN",
    "within",
    "6",
    "months",
    "prior",
    "to",
    "screening",
    "before",
    "randomization",
    "no",
    "not",
    "without",
    "except",
    "unless",
    "or",
    "and",
    "and/or",
    ",",
    ";",
    ".",
    ":",
    "(",
    ")",
    "[",
    "]",
    "such",
    "as",
    "including",
    "e.g.",
    "any",
    "all",
    "of",
    "the",
    "following",
    "at",
    "least",
    "two",
    "one",
    "more",
    "severe",
    "active",
    "chronic",
    "significant",
    "uncontrolled",
    "suspected",
    "family",
    "planned",
    "\n*",
    "\n1.",
    "\n",
    "",
    "-",
    "NYHA",
    "class",
    "III",
    "IV",
    "positive",
    "negative",
    "test",
    "for",
    "at",
    "least",
    "%",
    "≥",
    "≤",
    "×",
    "10⁹/L",
    "allergy",
    "to",
    "consent",
    "willing",
]
# The parser's own vocabulary, a few words of it over and over: what joins, denies and limits, without a sentence.
SOUP = [
    *WORDS, "women", "men", "must be", "must not exceed", "should not be more than", "allowed", "if", "other than",
    "history of", "neither", "nor", "i.e.", "as evidenced by", "defined as", "due to", "failed", "ALL", "1. ", "\n1. ",
    "\n  a) ", "acute or chronic", "inhaled", "CT", "contraception", "investigator", "> 5 mg/dL or", "/",
    "all of the following:\n",
]  # fmt: skip
SOUPS = st.lists(st.sampled_from(SOUP), min_size=1, max_size=4).flatmap(
    lambda words: st.lists(st.sampled_from(words), min_size=1, max_size=30).map(" ".join)
)
LENGTHS = st.sampled_from((1, 4, 40, 400, 4_000))
KINDS = st.sampled_from(("inclusion", "exclusion"))
TEXTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=40).map(" ".join)


def parsed(text: str, kind: Kind) -> Parsed:
    return parse_criterion(text, kind, load())


def keeps_everything(text: str, kind: Kind) -> None:
    result = parsed(text, kind)
    counted = [
        f
        for f in result.found
        if f.kind in {"compare", "number", "window", "duration"}
        or (f.kind == "concept" and (f.start, f.end) not in result.repeated)
    ]
    lexemes = {(x.start, x.end): x for x in lex(normalize(text).text, names_of(load()))}
    if isinstance(result.tree, NotComputable):
        assert " ".join(result.tree.text.split()) == " ".join(text.split())
        return
    normal = normalize(text)
    spans = {normal.source_span(*k): x for k, x in lexemes.items()}
    held = [spans[f.start, f.end] for f in counted if (f.start, f.end) in spans]
    words = [text[f.start : f.end] for f in counted if (f.start, f.end) in spans]
    assert not lost(result.tree, [n.text for n in result.notes], held, words)


@settings(max_examples=100)
@given(text=TEXTS, kind=KINDS)
def test_every_number_comparator_and_name_is_in_an_atom_or_a_residue(text: str, kind: Kind) -> None:
    keeps_everything(text, kind)


@settings(max_examples=60)
@given(text=st.text(max_size=300), kind=KINDS)
def test_any_text_makes_a_tree(text: str, kind: Kind) -> None:
    lower(parsed(text, kind).tree)


@settings(max_examples=60)
@given(text=TEXTS, kind=KINDS)
def test_spans_lie_in_the_text_and_nothing_depends_on_chance(text: str, kind: Kind) -> None:
    one, other = parsed(text, kind), parsed(text, kind)
    assert one == other
    assert all(0 <= f.start < f.end <= len(text) for f in one.found)


@settings(max_examples=60)
@given(text=TEXTS)
def test_a_tree_survives_its_json(text: str) -> None:
    criteria = parse(read_eligibility(f"Inclusion Criteria:\n* {text}", Eligibility()).criteria, load())
    assert criteria_from_bytes(criteria_to_bytes(criteria), "test") == criteria


@settings(max_examples=40)
@given(text=SOUPS, times=LENGTHS, kind=KINDS)
def test_any_soup_of_its_own_words_makes_a_tree_that_keeps_everything(text: str, times: int, kind: Kind) -> None:
    """Up to 20,000 characters, past what is read as one criterion."""
    soup = f"{text} " * times
    keeps_everything(soup[:20_000].strip() or "asthma", kind)


@pytest.mark.parametrize("unit", ["1. ", "\n1. ", "all of the following:\n", "asthma. if ", "(", "no ", "except "])
@pytest.mark.parametrize("kind", ["inclusion", "exclusion"])
def test_one_word_over_and_over_nests_nothing(unit: str, kind: Kind) -> None:
    tree = parsed((unit * MAX_CHARACTERS)[:MAX_CHARACTERS], kind).tree
    lower(tree)
    assert node_from_json(node_to_json(tree), "test") == tree


def test_past_a_length_that_no_trial_has_items_stay_to_a_person() -> None:
    items = "\n".join(
        f"* Asthma {n}, treated in the clinic of a hospital that lies too far from here" for n in range(1_500)
    )
    found = [
        c for c in parse(read_eligibility(f"Exclusion Criteria:\n{items}", Eligibility()).criteria, load()) if c.span
    ]
    read = sum(len(c.text) for c in found if not isinstance(c.tree, NotComputable))
    unread = [c for c in found if any(n.text.startswith("not read") for n in c.notes)]
    assert read <= MAX_TOGETHER
    assert len(unread) == 1
    assert all(isinstance(c.tree, NotComputable) for c in found[found.index(unread[0]) :])


def own_words() -> list[tuple[Kind, str]]:
    rows: list[tuple[Kind, str]] = []
    for path in sorted(CASES.glob("*.yaml")):
        for row in read_table(path):
            rows += [(kind, row[kind]) for kind in ("inclusion", "exclusion") if kind in row]
    return rows


SPELLINGS = (
    (">=", "≥"),
    ("≥", ">="),
    ("≥", "⩾"),
    ("≥ ", "≥"),
    ("≤", "<="),
    ("×", "x"),
    ("⁹", "^9"),
    ("-", "–"),
    (" ", "\u00a0"),
    (" ", "  "),
    ("µ", "μ"),
)


@pytest.mark.parametrize(("kind", "text"), own_words())
def test_spelling_changes_nothing(kind: Kind, text: str) -> None:
    tree = lower(parsed(text, kind).tree)
    for old, new in SPELLINGS:
        changed = text.replace(old, new)
        if changed != text and "\n" not in text:
            told = lower(parsed(changed, kind).tree)
            assert shape(told) == shape(tree), changed


def shape(node: object) -> str:
    """The tree without the words that it cites."""
    import re

    return re.sub(r"text='[^']*'|text=\"[^\"]*\"|term='[^']*'|name='[^']*'", "", repr(node))


BAD = {
    "empty": "",
    "spaces": " \n\t ",
    "null bytes": "Asthma\x00 or\x00 diabetes mellitus",
    "html": "<p>Hemoglobin &gt;= 9 g/dL</p><br/><ul><li>asthma</li></ul>",
    "chinese": "年龄≥18岁;自愿参加本研究并签署知情同意书",
    "right to left": "مرضى السكري ≥ 18 سنة",
    "only signs": ">= <= × % ( [ { ; : , . -",
    "unclosed": "((((((((((asthma ((((",
    "closers": "asthma )))) or ]]] diabetes mellitus",
    "surrogates": "asthma \ud800 or 5 mg",
    "cut": "Any of the following:",
    "code points": "stage <U+2162> or <U+110000> asthma <U+2265> 3",
}


@pytest.mark.parametrize("name", sorted(BAD))
@pytest.mark.parametrize("kind", ["inclusion", "exclusion"])
def test_bad_input_ends_in_a_tree(name: str, kind: Kind) -> None:
    lower(parsed(BAD[name], kind).tree)


HOSTILE = {
    "bullets": "* asthma\n" * 20_000,
    "one paragraph": "Hemoglobin >= 9 g/dL and no asthma, except diabetes (such as prednisone within 6 months); "
    * 11_000,
    "windows": "within 6 months prior to " * 40_000,
    "items of the longest length": f"* {'no asthma or history of ' * 330}\n" * 120,
    "short items": "* Myocardial infarction within 6 months or ALT > 3 x ULN\n" * 18_000,
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_a_megabyte_ends_within_seconds(name: str) -> None:
    started = time.process_time()
    criteria = parse(read_eligibility(f"Inclusion Criteria:\n\n{HOSTILE[name]}", Eligibility()).criteria, load())
    assert criteria
    assert time.process_time() - started < 20


def test_time_grows_with_length() -> None:
    unit = "Hemoglobin >= 9 g/dL and no asthma, except diabetes (such as prednisone within 6 months); "
    seconds = []
    for times in (20, 80):
        text = unit * times
        assert len(text) < MAX_CHARACTERS
        started = time.process_time()
        parsed(text, "exclusion")
        seconds.append(time.process_time() - started)
    assert seconds[1] < 12 * max(seconds[0], 0.01)
