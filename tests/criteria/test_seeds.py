"""The shipped trees of five real trials against a table that a person wrote and can read, and the pages' numbers."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from corpus import PAGES, ROOT, read
from criteria.notation import notation
from shipped import samples
from yaml_tables import read_table

from fhirtrial.criteria.check import check, concepts_of, coverage, is_question
from fhirtrial.criteria.criterion import Criterion, text_hash
from fhirtrial.criteria.english import english
from fhirtrial.criteria.lower import Lowered, atoms, lower
from fhirtrial.criteria.tree import (
    Age,
    AtLeast,
    Atom,
    Change,
    Def,
    Defect,
    Encounter,
    Except,
    Finding,
    Measurement,
    Medication,
    Node,
    Not,
    Ordinal,
    Residue,
    Window,
)
from fhirtrial.criteria.tree import All as AllOf
from fhirtrial.criteria.tree import Any as AnyOf
from fhirtrial.criteria.truth import Truth, at_least, negate
from fhirtrial.records.record import TrialRecord, record_to_bytes
from fhirtrial.records.reviewed import join_reviewed
from fhirtrial.samples import sample_bundles
from fhirtrial.terminology import load

TRIALS = sample_bundles() / "trials"
TABLES = Path(__file__).parent.parent / "cases" / "seeds"
# Each page in the words of its table's file name; the two without a registry id are known by their opening words.
IDS = {
    "NCT07662265": "NCT07662265",
    "tocilizumab-anti-mda5": "doc-056893a8ce172277",
    "jak-inhibitor-ass-ild": "doc-e5dd9d9ca5d5a060",
    "NCT03192657": "NCT03192657",
    "NCT04237987": "NCT04237987",
}
# exact, with residue, attestation, not computable. A reader of the pages counted 24, 22, 6 and 1: exact, too, were the
# allergies to tocilizumab and to interleukin-2 (exc-9, exc-5), if the excipients on their labels were known.
COVERAGE = {
    "NCT07662265": (4, 4, 2, 0),
    "tocilizumab-anti-mda5": (6, 6, 1, 1),
    "jak-inhibitor-ass-ild": (0, 0, 0, 0),
    "NCT03192657": (6, 3, 1, 0),
    "NCT04237987": (6, 11, 2, 0),
}
DEFECTS = {
    "NCT07662265": [],
    "tocilizumab-anti-mda5": ["missing_list", "source_truncated"],
    "jak-inhibitor-ass-ild": ["missing_section"],
    "NCT03192657": [],
    "NCT04237987": [],
}
BOUNDS = {
    "NCT07662265": ["age >= 18"],
    "tocilizumab-anti-mda5": [
        *("leukocytes < 3 10*9/L", "neutrophils < 1 10*9/L", "lymphocytes < 0.5 10*9/L"),
        *("hemoglobin < 90 g/L", "platelets < 50 10*9/L"),
        *("alt >= 3 uln", "ast >= 3 uln", "bilirubin-total >= 1.5 uln", "creatinine-clearance <= 45 mL/min"),
        "hbv-dna > 1000 {copies}/L",
        *("fvc-percent-predicted > 10 %", "hrct-chest > 20 %", "pao2 > 10 mm[Hg]", "pao2 >= 200 mm[Hg]"),
        "prednisone > 2 mg/kg/d",
    ],
    "jak-inhibitor-ass-ild": [],
    "NCT03192657": [
        *("creatine-kinase <= 1.5 uln", "dlco-percent-predicted <= 60 %", "creatinine > 300 umol/L"),
        "egfr < 60 mL/min/{1.73_m2}",
        *("alt > 2 uln", "ast > 2 uln", "bilirubin-total > 2 uln"),
    ],
    "NCT04237987": [
        *("cdasi-activity >= 5 {score}", "mmt-8 <= 142/150 {score}"),
        *("patient-global-vas >= 2/10 cm", "physician-global-vas >= 2/10 cm", "extramuscular-global-vas >= 1/10 cm"),
        "haq-di >= 0.25 {score}",
        *(f"{enzyme} >= 1.3 uln" for enzyme in ("creatine-kinase", "aldolase", "ldh", "alt", "ast")),
        "glucocorticoid > 0.5 mg/kg/d",
        *("nyha-class >= III", "creatinine-clearance <= 30 mL/min"),
        *("alt > 3 uln", "ast > 3 uln", "bilirubin-total > 1 uln", "age < 18", "age >= 18"),
    ],
}
# Lengths of time in each trial's atoms, with what they count from; a minimum duration counts from nothing.
TIMES = {
    "NCT07662265": ["baseline 3 mo"],
    "tocilizumab-anti-mda5": [
        *("screening -24 wk", "screening -60 d", "enrolment -5 half-life", "duration 2 wk"),
        *("unspecified -4 wk", "symptom-onset 1 mo", "screening -30 d"),
    ],
    "jak-inhibitor-ass-ild": [],
    "NCT03192657": [],
    "NCT04237987": [
        *("duration 3 mo", "unspecified -6 mo", "unspecified -1 mo", "enrolment -2 mo", "first-dose -3 mo"),
        *("unspecified -5 a", "unspecified -3 a", "last-dose 4 mo", "screening 12 mo", "screening -12 mo"),
    ],
}
COUNTS = {
    "NCT07662265": [(1, 7)],
    "tocilizumab-anti-mda5": [(1, 4)],
    "jak-inhibitor-ass-ild": [],
    "NCT03192657": [(2, 4)],
    "NCT04237987": [(2, 5), (1, 5)],
}

trials = pytest.mark.parametrize("trial", IDS)


def record(trial: str) -> TrialRecord:
    return next(r for r in samples() if r.id == IDS[trial])


def items(found: TrialRecord) -> list[Criterion]:
    return [c for c in found.criteria if c.id.startswith(("inc-", "exc-"))]


def table() -> Iterator[tuple[str, str, str]]:
    for trial in IDS:
        for name, words in read_table(TABLES / f"{trial}.yaml").items():
            yield trial, name, words


def tight(words: str) -> str:
    """White space apart from that between words is layout."""
    folded = " ".join(words.split())
    for mark in "[(":
        folded = folded.replace(f"{mark} ", mark)
    return folded


@pytest.mark.parametrize(("trial", "name", "words"), list(table()), ids=lambda value: value if len(value) < 30 else "")
def test_the_tree_of_each_criterion(trial: str, name: str, words: str) -> None:
    tree = next(c.tree for c in record(trial).criteria if c.id == name)
    assert notation(tree) == tight(words)


@trials
def test_every_criterion_is_in_the_table(trial: str) -> None:
    listed = [name for at, name, _ in table() if at == trial]
    assert [c.id for c in items(record(trial))] == listed


def test_there_are_fifty_three() -> None:
    assert {t: len(items(record(t))) for t in IDS} == dict(zip(IDS, (10, 14, 0, 10, 19), strict=True))


@trials
def test_exactly_the_numbers_of_the_page(trial: str) -> None:
    assert sorted({*bounds(record(trial))}) == sorted(BOUNDS[trial])


@trials
def test_exactly_the_times_of_the_page(trial: str) -> None:
    assert sorted({*times(record(trial))}) == sorted(TIMES[trial])


@trials
def test_exactly_the_counts_of_the_page(trial: str) -> None:
    found = (counted(c.tree) for c in record(trial).criteria)
    assert [count for counts in found for count in counts] == COUNTS[trial]


@trials
def test_how_much_of_it_records_decide(trial: str) -> None:
    found = coverage(record(trial).criteria)
    assert (found.exact, found.with_residue, found.attestation, found.not_computable) == COVERAGE[trial]


@trials
def test_what_may_hide_a_criterion_is_one(trial: str) -> None:
    found = [c for c in record(trial).criteria if c.kind == "defect"]
    assert [c.tree.code for c in found if isinstance(c.tree, Defect)] == DEFECTS[trial]
    assert [c.id for c in found] == [f"defect-{n + 1}" for n in range(len(found))]


@trials
def test_the_age_field_is_a_criterion_where_the_page_has_one(trial: str) -> None:
    found = [c.tree for c in record(trial).criteria if c.id == "age"]
    assert found == ([Age(low=18)] if trial in {"NCT07662265", "NCT04237987"} else [])


@trials
def test_the_linter_finds_nothing_wrong_but_what_the_source_lost(trial: str) -> None:
    wrong = [f.what.split(":")[0] for f in check(record(trial), load()) if f.level == "error"]
    assert wrong == DEFECTS[trial]


@trials
def test_every_concept_exists(trial: str) -> None:
    named = {n for c in record(trial).criteria for a in atoms(c.tree) for n in concepts_of(a)}
    assert named <= set(load().concepts)


@trials
def test_every_criterion_has_words_and_a_review(trial: str) -> None:
    for criterion in record(trial).criteria:
        assert english(criterion.tree)
        assert criterion.review is not None


@trials
def test_every_character_is_in_one_span(trial: str) -> None:
    found = record(trial)
    text = found.eligibility_text or ""
    owners = Counter[int]()
    for span in (*(c.span for c in found.criteria), *found.eligibility_headings, *found.eligibility_notes):
        owners.update(range(span.start, span.end) if span else ())
    assert {owners[i] for i, character in enumerate(text) if not character.isspace()} <= {1}
    for criterion in items(found):
        assert criterion.span is not None
        assert text[criterion.span.start : criterion.span.end].endswith(criterion.text)


@trials
def test_the_file_is_canonical(trial: str) -> None:
    assert (TRIALS / f"{IDS[trial]}.json").read_bytes() == record_to_bytes(record(trial))


@trials
def test_no_two_questions_of_a_criterion_are_the_same(trial: str) -> None:
    for criterion in record(trial).criteria:
        asked = [a.text for a in dict.fromkeys(atoms(criterion.tree)) if isinstance(a, Residue)]
        assert len(asked) == len(set(asked)), criterion.id


@pytest.mark.parametrize("trial", ["NCT07662265", "NCT03192657", "NCT04237987"])
def test_somebody_can_be_eligible(trial: str) -> None:
    """Where stays and images are silent, as they usually are, answers alone can still settle every criterion."""
    for criterion in record(trial).criteria:
        lowered, wanted = lower(criterion.tree), criterion.kind == "inclusion"
        reached = [truth_of(lowered, given_) for given_ in answers(lowered, recorded=wanted)]
        assert any(t >= Truth.PRESUMED_YES if wanted else t <= Truth.PRESUMED_NO for t in reached), criterion.id


@pytest.mark.parametrize("trial", ["tocilizumab-anti-mda5", "jak-inhibitor-ass-ild"])
def test_nobody_can_be_eligible(trial: str) -> None:
    (defect, *_) = (c for c in record(trial).criteria if c.kind == "defect")
    assert {truth_of(lower(defect.tree), given_) for given_ in answers(lower(defect.tree), recorded=True)} == {
        Truth.UNKNOWN
    }


def test_decoys_of_the_page_without_criteria_are_not_asked() -> None:
    """Its low-disease-activity outcome reads like criteria."""
    assert not [c for c in record("jak-inhibitor-ass-ild").criteria if c.kind != "defect"]


@pytest.fixture
def pages() -> list[TrialRecord]:
    if not PAGES:
        pytest.skip("FHIRTRIAL_CORPUS names no corpus: no registry pages")
    return [read(path) for path in PAGES]


def test_the_reviews_fit_the_pages(pages: list[TrialRecord]) -> None:
    shipped = {IDS[t]: record(t) for t in IDS}
    assert {p.id for p in pages} == set(shipped)
    for page in pages:
        reviewed = {c.id: c for c in shipped[page.id].criteria}
        assert [c.id for c in page.criteria] == list(reviewed)
        for criterion in page.criteria:
            review = reviewed[criterion.id].review
            assert review is not None
            assert review.text_hash == text_hash(criterion.text), criterion.id


def test_the_pages_take_the_trees(pages: list[TrialRecord]) -> None:
    shipped = {IDS[t]: record(t) for t in IDS}
    for joined in join_reviewed(pages, shipped.values()):
        assert [c.tree for c in joined.criteria] == [c.tree for c in shipped[joined.id].criteria]
        assert not [n for n in joined.notes if n.code in {"text-changed", "unmatched", "review-dropped"}]


def test_the_records_say_it_in_other_words(pages: list[TrialRecord]) -> None:
    """Facts carry over, sentences do not: no run of seven words is the page's."""
    for page in pages:
        (trial,) = (t for t, name in IDS.items() if name == page.id)
        found = record(trial)
        assert not runs(*prose(page)) & runs(*prose(found))


def test_the_sources_are_the_pages(pages: list[TrialRecord]) -> None:
    for trial in IDS:
        source = record(trial).source
        assert hashlib.sha256((ROOT / "seeds" / source.name).read_bytes()).hexdigest() == source.hash


def prose(found: TrialRecord) -> Iterator[str]:
    yield from (c.text for c in items(found))
    yield from (text for text in (found.brief_summary, found.detailed_description) if text)
    outcomes = (*found.primary_outcomes, *found.secondary_outcomes, *found.unranked_outcomes)
    yield from (outcome.description for outcome in outcomes if outcome.description)
    yield from (arm.description for arm in found.arms if arm.description)


def runs(*texts: str, length: int = 7) -> set[tuple[str, ...]]:
    split = [text.lower().split() for text in texts]
    return {tuple(words[i : i + length]) for words in split for i in range(len(words) - length + 1)}


def bounds(found: TrialRecord) -> Iterator[str]:
    for atom in (a for c in found.criteria for a in atoms(c.tree)):
        match atom:
            case Age():
                limits = ((atom.low_op, atom.low), (atom.high_op, atom.high))
                yield from (f"age {op} {limit:g}" for op, limit in limits if limit is not None)
            case Measurement():
                scale = f"/{atom.scale_max:g}" if atom.scale_max else ""
                unit = atom.unit if atom.of == "absolute" else atom.of
                yield f"{atom.concept} {atom.op} {atom.value:g}{scale} {unit}"
            case Change():
                yield f"{atom.concept} {atom.op} {atom.amount:g} {atom.unit}"
            case Ordinal():
                yield f"{atom.concept} {atom.op} {atom.label}"
            case Medication(dose=dose) if dose is not None:
                yield f"{atom.concept} {dose.op} {dose.value:g} {dose.unit}"


def times(found: TrialRecord) -> Iterator[str]:
    for atom in (a for c in found.criteria for a in atoms(c.tree)):
        window = getattr(atom, "window", None)
        if isinstance(window, Window):
            ends = (offset for offset in (window.start, window.end) if offset is not None and offset.value)
            yield from (f"{window.anchor} {offset.value:g} {offset.unit}" for offset in ends)
        if isinstance(atom, Medication) and atom.min_duration:
            yield f"duration {atom.min_duration.value:g} {atom.min_duration.unit}"


def counted(node: Node) -> Iterator[tuple[int, int]]:
    """Every k of n that the tree itself says, outermost first."""
    if isinstance(node, AtLeast):
        yield node.k, len(node.nodes)
    match node:
        case AllOf(nodes=inner) | AnyOf(nodes=inner) | AtLeast(nodes=inner):
            for one in inner:
                yield from counted(one)
        case Not(node=one) | Def(body=one) | Except(base=one):
            yield from counted(one)


def answers(tree: Lowered, *, recorded: bool) -> Iterator[dict[Atom, Truth]]:
    """Every way to answer the tree's questions, over a record that says yes to all else, or presumably no."""
    said = dict.fromkeys(atoms(tree), Truth.YES if recorded else Truth.PRESUMED_NO)
    said |= {a: Truth.UNKNOWN for a in said if isinstance(a, Encounter | Finding | Defect)}
    asked = [a for a in said if is_question(a)]
    for told in product((Truth.NO, Truth.YES), repeat=len(asked)):
        yield said | dict(zip(asked, told, strict=True))


def truth_of(tree: Lowered, said: dict[Atom, Truth]) -> Truth:
    match tree:
        case AtLeast(k=k, nodes=inner):
            return at_least(k, [truth_of(lower(n), said) for n in inner])
        case Not(node=one):
            return negate(truth_of(lower(one), said))
        case atom:
            return said[atom]
