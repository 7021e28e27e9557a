"""Reviewed trees join records by trial and criterion; a changed text never counts as reviewed."""

from __future__ import annotations

from fhirtrial.criteria.criterion import Criterion, Note, Review, text_hash
from fhirtrial.criteria.tree import Age, Condition, Node, NotComputable
from fhirtrial.records.eligibility import read_eligibility
from fhirtrial.records.fields import Eligibility
from fhirtrial.records.record import SCHEMA_VERSION, Source, TrialRecord
from fhirtrial.records.reviewed import join_reviewed

TREE = Condition(concept="asthma")
OTHER = Condition(concept="copd")
SOURCE = Source(format="page", name="p.txt", hash="0" * 64)


def record(text: str, name: str = "NCT00000001") -> TrialRecord:
    parts = read_eligibility(text, Eligibility(minimum_age="18 Years"))
    number = name if name.startswith("NCT") else None
    return TrialRecord(
        schema_version=SCHEMA_VERSION,
        id=name,
        nct_id=number,
        source=SOURCE,
        eligibility_text=text,
        criteria=parts.criteria,
    )


def reviewed(of: str, *, tree: Node = TREE, name: str = "NCT00000001", review: bool = True) -> TrialRecord:
    """Our own words for the item, reviewed against the source's."""
    made = Review(reviewer="A", date="2026-01-01", text_hash=text_hash(of)) if review else None
    own = Criterion(id="inc-1", kind="inclusion", text="Asthma is recorded", tree=tree, review=made)
    number = name if name.startswith("NCT") else None
    return TrialRecord(schema_version=SCHEMA_VERSION, id=name, nct_id=number, source=SOURCE, criteria=(own,))


PAGE = "Inclusion Criteria\n* Has asthma\nExclusion Criteria\n* HIV"


def test_a_fitting_tree_is_taken_with_its_review_and_the_page_keeps_its_words() -> None:
    before = record(PAGE)
    (joined,) = join_reviewed([before], [reviewed("Has  asthma")])
    item = joined.criteria[0]
    assert (item.tree, item.text) == (TREE, "Has asthma")
    assert item.review is not None
    assert item.span == before.criteria[0].span
    assert [n.code for n in joined.notes] == ["unmatched"]  # the exclusion has no reviewed tree
    assert before == record(PAGE)


def test_a_changed_text_is_flagged_and_keeps_its_unread_tree() -> None:
    (joined,) = join_reviewed([record(PAGE)], [reviewed("Has no asthma")])
    assert joined.criteria[0].review is None
    assert isinstance(joined.criteria[0].tree, NotComputable)
    assert ("text-changed", "inc-1") in {(n.code, n.path) for n in joined.notes}


def test_a_tree_without_review_is_not_taken() -> None:
    (joined,) = join_reviewed([record(PAGE)], [reviewed("Has asthma", review=False)])
    assert isinstance(joined.criteria[0].tree, NotComputable)
    assert ("review-dropped", "inc-1") in {(n.code, n.path) for n in joined.notes}


def parsed(of: TrialRecord) -> TrialRecord:
    """As if a parser had read the items that nobody reviewed, and had something to say of each."""
    items = [c.model_copy(update={"tree": OTHER, "notes": (*c.notes, Note(text="read"))}) for c in of.criteria]
    kept = (c if c.review or c.span is None else p for c, p in zip(of.criteria, items, strict=True))
    return of.model_copy(update={"criteria": tuple(kept)})


def test_the_parser_reads_what_no_review_fits_and_nothing_else() -> None:
    (joined,) = join_reviewed([record(PAGE)], [reviewed("Has asthma")], parsed)
    assert [c.tree for c in joined.criteria if c.span] == [TREE, OTHER]
    assert [[n.text for n in c.notes] for c in joined.criteria if c.span] == [[], ["read"]]
    (changed,) = join_reviewed([record(PAGE)], [reviewed("Has no asthma")], parsed)
    assert [c.tree for c in changed.criteria if c.span] == [OTHER, OTHER]
    assert ("text-changed", "inc-1") in {(n.code, n.path) for n in changed.notes}


def test_an_unsigned_tree_is_told_only_where_it_is_not_the_parsers() -> None:
    for tree, told in ((TREE, {"review-dropped"}), (OTHER, set())):
        (joined,) = join_reviewed([record(PAGE)], [reviewed("Has asthma", tree=tree, review=False)], parsed)
        assert joined.criteria[0].tree == OTHER
        assert {n.code for n in joined.notes if n.path == "inc-1"} == told


def test_structured_criteria_and_defects_stay_the_documents_own() -> None:
    (joined,) = join_reviewed([record("Inclusion Criteria\n* Has asthma")], [reviewed("Has asthma")])
    trees = {c.id: c.tree for c in joined.criteria}
    assert trees["age"] == Age(low=18)
    assert trees["defect-1"].kind == "defect"
    assert joined.notes == ()


def test_a_reviewed_criterion_that_the_document_lost_is_noted() -> None:
    (joined,) = join_reviewed([record("Inclusion Criteria\nExclusion Criteria\n* HIV")], [reviewed("Has asthma")])
    assert {n.path for n in joined.notes} == {"inc-1", "exc-1"}


def test_another_trial_is_left_alone() -> None:
    before = record(PAGE)
    assert join_reviewed([before], [reviewed("Has asthma", name="NCT00000002")]) == (before,)


def test_a_document_without_registry_id_is_found_by_its_items() -> None:
    before = record(PAGE, "doc-0000000000000000")
    (joined,) = join_reviewed([before], [reviewed("Has asthma", name="doc-1111111111111111")])
    assert joined.criteria[0].tree == TREE
    both = [reviewed("Has asthma", name=f"doc-{n * 16}") for n in ("1", "2")]
    assert join_reviewed([before], both) == (before,)
