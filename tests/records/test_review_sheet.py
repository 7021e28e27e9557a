"""The reviewer's sheet: what is written, what comes back, and every mistake that a person makes in a text editor."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import yaml
from criteria.trees import nodes, texts
from hypothesis import given, settings
from hypothesis import strategies as st

from fhirtrial.criteria.criterion import Criterion, Note, Review, text_hash
from fhirtrial.criteria.tree import Age, All, Any, Condition, Measurement, Medication, Node, Offset, Residue, Window
from fhirtrial.records.record import SCHEMA_VERSION, Source, TrialRecord
from fhirtrial.records.reviewed import join_reviewed
from fhirtrial.records.sheet import review_sheet, reviewable
from fhirtrial.records.sheet_reading import SheetResult, Stamp, read_sheet
from fhirtrial.terminology import load

TERMS = load()
STAMP = Stamp("Ada Lovelace", "2026-11-22")
SOURCE = Source(format="page", name="page.txt", hash="0" * 64)
MONTHS = Window(anchor="screening", start=Offset(value=-3, unit="mo"))
TREES: dict[str, tuple[str, Node]] = {
    "inc-1": (
        "Creatinine no more than 1.5 mg/dL, and hypertension that is well controlled",
        All(
            nodes=(
                Measurement(concept="creatinine", op="<=", value=1.5, unit="mg/dL"),
                Condition(concept="hypertension", when="active"),
                Residue(text="the hypertension is well controlled", reason="judgement"),
            )
        ),
    ),
    "exc-1": (
        "Rituximab in the last 3 months",
        Medication(concept="rituximab", window=MONTHS),
    ),
}
TREE = """\
all of:
- Creatinine (latest) <= 1.5 mg/dL
- diagnosis of Hypertension (active)
- a person confirms (judgement): the hypertension is well controlled
"""
SHEET = """\
# Review of NCT00000001
# Read each text and its tree. Where they do not agree, correct the tree; where they do, write "reviewed: true".
# Then: fhirtrial review RECORD --from THIS-FILE --reviewer "YOUR NAME" -o DIR
# Lines like these, after "#", are for you; they are not read back. Texts stay as they are.
trial: NCT00000001
criteria:

- id: inc-1
  kind: inclusion
  reviewed: false
  text: |
    Creatinine no more than 1.5 mg/dL, and hypertension that is well controlled
  tree: |
    all of:
    - Creatinine (latest) <= 1.5 mg/dL
    - diagnosis of Hypertension (active)
    - a person confirms (judgement): the hypertension is well controlled
  notes:
  - text: "How well is not said."
    reason: vague_term
  # info: the source is flawed here: vague_term

- id: exc-1
  kind: exclusion
  reviewed: false
  text: |
    Rituximab in the last 3 months
  tree: |
    treatment with Rituximab (ever; within 3 months before screening)
"""


def record(trees: dict[str, tuple[str, Node]] = TREES) -> TrialRecord:
    note = Note(text="How well is not said.", reason="vague_term")
    criteria = tuple(
        Criterion(
            id=name,
            kind="inclusion" if name.startswith("inc") else "exclusion",
            text=text,
            tree=tree,
            notes=(note,) if name == "inc-1" else (),
            defects=("vague_term",) if name == "inc-1" else (),
        )
        for name, (text, tree) in trees.items()
    )
    age = Criterion(id="age", kind="inclusion", text="18 Years", tree=Age(low=18))
    return TrialRecord(schema_version=SCHEMA_VERSION, id="NCT00000001", source=SOURCE, criteria=(*criteria, age))


def back(sheet: str, of: TrialRecord | None = None) -> SheetResult:
    return read_sheet(sheet.encode(), "x.review.yaml", [of or record()], TERMS, STAMP)


def all_marked(sheet: str) -> str:
    return sheet.replace("reviewed: false", "reviewed: true")


def test_the_sheet_is_text_beside_tree_with_every_flag() -> None:
    written = "\n".join(line for line in review_sheet(record(), TERMS).split("\n") if "left to a person" not in line)
    assert written == SHEET


def test_a_sheet_that_nobody_touched_changes_nothing() -> None:
    assert back(review_sheet(record(), TERMS)) == SheetResult(record(), ())


def test_what_is_marked_is_stamped_and_the_trees_are_the_same() -> None:
    found = back(all_marked(SHEET))
    assert (found.problems, found.stamped) == ((), ("inc-1", "exc-1"))
    assert found.record is not None
    for c, old in zip(found.record.criteria, record().criteria, strict=True):
        stamp = (
            None if c.id == "age" else Review(reviewer="Ada Lovelace", date="2026-11-22", text_hash=text_hash(c.text))
        )
        assert c == old.model_copy(update={"review": stamp})


def test_what_comes_back_is_joined_to_the_document_when_it_is_read_again() -> None:
    found = back(all_marked(SHEET).replace("<= 1.5 mg/dL", "<= 1.4 mg/dL")).record
    assert found is not None
    (joined,) = join_reviewed([record()], [found])
    assert [c.review is not None for c in joined.criteria] == [True, True, False]
    assert joined.criteria[0].tree == found.criteria[0].tree != record().criteria[0].tree


def test_an_earlier_review_stays_where_nothing_changed() -> None:
    earlier = Stamp("Grace Hopper", "2026-01-01")
    first = read_sheet(all_marked(SHEET).encode(), "x", [record()], TERMS, earlier).record
    assert first is not None
    sheet = review_sheet(first, TERMS)
    assert "reviewed: true  # Grace Hopper, 2026-01-01" in sheet
    second = back(sheet.replace("within 3 months", "within 4 months"), first)
    assert second.stamped == ("exc-1",)
    assert second.record is not None
    assert [c.review.reviewer for c in second.record.criteria if c.review] == ["Grace Hopper", "Ada Lovelace"]


def test_a_review_can_be_taken_back() -> None:
    first = back(all_marked(SHEET)).record
    assert first is not None
    assert back(SHEET, first) == SheetResult(record(), ())


def test_notes_are_the_reviewers_too() -> None:
    edited = all_marked(SHEET).replace(
        "    reason: vague_term\n", "    reason: judgement\n  - text: Ask the investigator.\n"
    )
    found = back(edited).record
    assert found is not None
    assert found.criteria[0].notes == (
        Note(text="How well is not said.", reason="judgement"),
        Note(text="Ask the investigator."),
    )


def test_other_ways_to_write_yaml_are_as_good() -> None:
    flat = {
        "trial": "NCT00000001",
        "criteria": [
            {"id": c.id, "kind": c.kind, "reviewed": True, "text": c.text, "tree": tree, "notes": notes}
            for c, tree, notes in zip(
                record().criteria,
                (
                    TREE.replace("H", "h"),
                    "treatment with rituximab (within 3 months before screening; ever)",
                ),
                ([{"text": "How well is not said.", "reason": "vague_term"}], None),
                strict=False,
            )
        ],
    }
    assert back(yaml.safe_dump(flat)).record == back(all_marked(SHEET)).record


def replaced(old: str, new: str) -> Callable[[str], str]:
    def edit(sheet: str) -> str:
        assert old in sheet
        return sheet.replace(old, new, 1)

    return edit


@pytest.mark.parametrize(
    ("edit", "problems"),
    [
        (
            replaced("of Hypertension", "of Hypertensin"),
            ['line 16, inc-1: tree: no concept is called "Hypertensin"; expected "Hypertension"'],
        ),
        (
            replaced("1.5 mg/dL\n    - d", "1,5 mg/dL\n    - d"),
            ['line 15, inc-1: tree: "1,5 mg/dL"; expected a number, such as 1.5'],
        ),
        (
            replaced("<= 1.5 mg/dL", "<= 1.5 mg/xL"),
            ["line 13, inc-1: 'mg/xL' is no UCUM unit; write the unit in UCUM"],
        ),
        (
            replaced("<= 1.5 mg/dL", "<= 1.5 mm[Hg]"),
            ['line 13, inc-1: unit "mm[Hg]"; Creatinine is measured in units such as "'],
        ),
        (
            replaced("(active)", "(activ)"),
            ['line 16, inc-1: tree: "activ"; expected when: ever, active, onset, history'],
        ),
        (
            replaced("1.5 mg/dL, and", "2.5 mg/dL, and"),
            ['line 11, inc-1: not the record\'s words ("2.5 mg/dL, and" where it had "1.5 mg/dL, and")'],
        ),
        (
            replaced("kind: exclusion", "kind: inclusion"),
            ['line 24, exc-1: kind "inclusion"; the record says "exclusion"'],
        ),
        (replaced("reviewed: false", "reviewed: maybe"), ['line 10, inc-1: reviewed "maybe"; write true or false']),
        (replaced("  reviewed: false\n", ""), ['line 8, inc-1: "reviewed" is missing; write the sheet anew']),
        (lambda s: s[: s.index("- id: exc-1")], ["line 8, exc-1: is missing from the sheet; put it back"]),
        (replaced("id: exc-1", "id: exc-2"), ["line 23, exc-2: no criterion of NCT00000001; give one of inc-1, exc-1"]),
        (replaced("id: exc-1", "id: inc-1"), ["line 23, inc-1: the same criterion a second time; keep one of the two"]),
        (
            replaced("trial: NCT00000001", "trial: NCT00000002"),
            ["line 5: a review of NCT00000002; give its record; here is"],
        ),
        (
            replaced("  notes:", "  note:"),
            ['line 18, inc-1: "note"; expected one of id, kind, reviewed, text, tree, notes'],
        ),
        (
            replaced("reason: vague_term", "reason: vague"),
            ['line 20, inc-1: reason "vague"; expected one of judgement, '],
        ),
        (replaced("    - diagnosis", "\t- diagnosis"), ["line 16: no YAML (while scanning"]),
        (replaced("    - diagnosis", "    \t- diagnosis"), ["line 16, inc-1: tree: a tab; expected spaces"]),
        (replaced("  text: |\n    Rit", " text: |\n    Rit"), ["line 26: no YAML (while parsing a block"]),
        (replaced("    - diagnosis", "- diagnosis"), ["line 17: no YAML ("]),
        (lambda _: "", ["line 1: no review sheet; write the sheet anew"]),
        (lambda _: "- a\n- b\n", ["line 1: no review sheet; write the sheet anew"]),
        (lambda _: "a: \x00", ["line 1: no YAML (unacceptable character #x0000"]),
        (
            lambda s: s.replace("Hypertension (", "Hypertensoin (").replace("months before", "moths before"),
            [
                'line 16, inc-1: tree: no concept is called "Hypertensoin"; expected "Hypertension" or ',
                'line 29, exc-1: tree: "3 moths before screening"; expected a time, such as 24 weeks',
            ],
        ),
    ],
)
def test_a_mistake_is_told_with_line_and_reason_and_nothing_is_taken(
    edit: Callable[[str], str], problems: list[str]
) -> None:
    found = back(edit(all_marked(SHEET) if "reviewed" not in str(problems[0]).split(";")[0] else SHEET))
    said = [str(p).removeprefix("x.review.yaml: ") for p in found.problems]
    assert found.record is None
    assert len(said) >= len(problems)
    assert all(one.startswith(wanted) for one, wanted in zip(said, problems, strict=False)), said


def test_a_change_that_is_not_marked_is_never_taken_in_silence() -> None:
    found = back(SHEET.replace("<= 1.5 mg/dL", "<= 15 mg/dL"))
    assert [(p.path, p.got) for p in found.problems] == [("line 10, inc-1", "changed, but not reviewed")]


def test_a_tree_that_contradicts_itself_is_refused() -> None:
    edited = all_marked(SHEET).replace("diagnosis of Hypertension (active)", "Creatinine (latest) > 1.5 mg/dL")
    assert any("can never hold together" in p.got for p in back(edited).problems)


def test_a_sheet_of_other_bytes_says_so() -> None:
    found = read_sheet("trial: é\n".encode("latin-1"), "x", [record()], TERMS, STAMP)
    assert [(p.path, p.got) for p in found.problems] == [("line 1", "not UTF-8 text")]


@given(text=st.text(min_size=1, max_size=200) | texts, tree=nodes(max_leaves=4))
@settings(max_examples=60)
def test_any_words_and_any_tree_come_back(text: str, tree: Node) -> None:
    own = record({"inc-1": (text, tree), "exc-1": ("no", Any(nodes=(tree,)))})
    sheet = review_sheet(own, TERMS)
    found = back(sheet, own)
    if text.strip():
        assert found == SheetResult(own, ())
    assert [c.id for c in reviewable(own)] == ["inc-1", "exc-1"]
