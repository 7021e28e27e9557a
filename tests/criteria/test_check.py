"""What the linter finds: each row is one small record that is wrong in one way, or right where it looks wrong."""

from __future__ import annotations

from typing import Any

import pytest
from criteria.trees import nodes
from hypothesis import given
from hypothesis import strategies as st

from fhirtrial.criteria.check import Coverage, Finding, check, concepts_of, coverage, share
from fhirtrial.criteria.contradictions import Literal, clash, flaws, required
from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.document import node_from_json
from fhirtrial.criteria.lower import atoms, lower
from fhirtrial.criteria.tree import Age, AtLeast, Atom, Measurement, Node, Not, Op
from fhirtrial.records.record import TrialRecord, record_from_json
from fhirtrial.terminology import Code, Concept, Terminology
from fhirtrial.terminology.systems import URIS

SNOMED = URIS["snomed"]
TERMINOLOGY = Terminology(
    {
        "creatinine": Concept("creatinine", "lab", "Creatinine", codes=(Code(SNOMED, "1", "Creatinine"),)),
        "infection": Concept("infection", "condition", "Infection", codes=(Code(SNOMED, "2", "Infection"),)),
        "haq-di": Concept("haq-di", "score", "HAQ-DI"),
    }
)
REVIEW = {"reviewer": "a person", "date": "2026-11-21", "text_hash": "0" * 64}
ADULT = {"kind": "age", "low": 18}
CHILD = {"kind": "age", "high": 18, "high_op": "<"}
INFECTION = {"kind": "condition", "concept": "infection"}
RESIDUE = {"kind": "residue", "text": "serious", "reason": "judgement"}
AGAINST = "cannot hold together with"
FEMALE, MALE = {"kind": "sex", "value": "female"}, {"kind": "sex", "value": "male"}


def creatinine(op: Op, value: float, **more: Any) -> dict[str, Any]:
    return {"kind": "measurement", "concept": "creatinine", "op": op, "value": value, "unit": "umol/L", **more}


def negated(node: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "not", "node": node}


def group(kind: str, *inner: dict[str, Any], **more: int) -> dict[str, Any]:
    return {"kind": kind, "nodes": list(inner), **more}


def record(trees: dict[str, dict[str, Any]], **more: Any) -> TrialRecord:
    kinds = {"inc": "inclusion", "exc": "exclusion", "age": "inclusion", "sex": "inclusion", "def": "defect"}
    criteria = [
        {"id": name, "kind": kinds[name[:3]], "text": name, "tree": tree, "review": REVIEW}
        for name, tree in trees.items()
    ]
    source = {"format": "record", "name": "test.json", "hash": "0" * 64}
    data = {"schema_version": "1", "id": "NCT00000001", "source": source, "criteria": criteria, **more}
    return record_from_json(data, "test")


def found(of: TrialRecord) -> list[tuple[str, str, str]]:
    return [(f.level, f.criterion, f.what) for f in check(of, TERMINOLOGY)]


@pytest.mark.parametrize(
    ("trees", "findings"),
    [
        pytest.param({"inc-1": ADULT, "exc-1": INFECTION}, [], id="nothing to say"),
        pytest.param(
            {"inc-1": ADULT, "inc-2": CHILD},
            [("error", "inc-1", "age >= 18 years cannot hold together with inc-2: age < 18 years")],
            id="no such age",
        ),
        pytest.param(
            {"inc-1": ADULT, "exc-1": ADULT},
            [("error", "inc-1", "age >= 18 years cannot hold together with exc-1: not (age >= 18 years)")],
            id="asked and excluded",
        ),
        pytest.param(
            {"inc-1": ADULT, "exc-1": group("any", INFECTION, ADULT)},
            [("error", "inc-1", "age >= 18 years cannot hold together with exc-1: not (age >= 18 years)")],
            id="asked and excluded among others",
        ),
        pytest.param({"inc-1": ADULT, "exc-1": group("all", INFECTION, ADULT)}, [], id="excluded with something else"),
        pytest.param({"inc-1": ADULT, "exc-1": CHILD}, [], id="the same said twice"),
        pytest.param(
            {"inc-1": {"kind": "age", "low": 16}, "age": ADULT},
            [("warning", "inc-1", "inc-1 says age >= 16 years, age says age >= 18 years")],
            id="text and field differ",
        ),
        pytest.param({"inc-1": ADULT, "age": ADULT}, [], id="text and field agree"),
        pytest.param(
            {"inc-1": {"kind": "age", "high": 17}, "age": ADULT},
            [("error", "inc-1", "age <= 17 years cannot hold together with age: age >= 18 years")],
            id="text and field exclude each other",
        ),
        pytest.param(
            {"inc-1": FEMALE, "sex": MALE},
            [("error", "inc-1", "female sex cannot hold together with sex: male sex")],
            id="no such sex",
        ),
        pytest.param(
            {"inc-1": creatinine(">", 1), "inc-2": creatinine("<=", 1)},
            [
                (
                    "error",
                    "inc-1",
                    f"creatinine (latest) > 1 umol/L {AGAINST} inc-2: creatinine (latest) <= 1 umol/L",
                )
            ],
            id="no such value",
        ),
        pytest.param({"inc-1": creatinine(">=", 100), "inc-2": creatinine("<=", 100)}, [], id="one value left"),
        pytest.param({"inc-1": creatinine(">", 200), "exc-1": creatinine(">", 300)}, [], id="a range is left"),
        pytest.param(
            {"inc-1": creatinine(">", 200), "inc-2": creatinine("<", 2, of="uln", unit=None)}, [], id="another measure"
        ),
        pytest.param(
            {"inc-1": creatinine(">", 200, select="any"), "inc-2": creatinine("<", 100, select="any")},
            [],
            id="any result is not one number",
        ),
        pytest.param(
            {"inc-1": group("all", INFECTION, negated(INFECTION))},
            [("error", "inc-1", "2 of these 2 can never hold together")],
            id="and its negation",
        ),
        pytest.param(
            {"inc-1": group("any", INFECTION, negated(INFECTION))},
            [("error", "inc-1", "1 of these 2 always hold")],
            id="or its negation",
        ),
        pytest.param(
            {"inc-1": group("at-least", ADULT, CHILD, INFECTION, negated(INFECTION), k=3)},
            [("error", "inc-1", "3 of these 4 can never hold together")],
            id="three of two pairs",
        ),
        pytest.param({"inc-1": group("at-least", ADULT, CHILD, INFECTION, k=2)}, [], id="two of three"),
        pytest.param(
            {"inc-1": group("at-least", INFECTION, INFECTION, ADULT, k=2)},
            [("error", "inc-1", "the same member counts more than once")],
            id="counted twice",
        ),
        pytest.param(
            {"exc-1": {"kind": "condition", "concept": "influenza"}},
            [("error", "exc-1", "no concept 'influenza'")],
            id="no concept",
        ),
        pytest.param(
            {"inc-1": {"kind": "measurement", "concept": "haq-di", "op": ">=", "value": 0.25}},
            [("info", "inc-1", "concept 'haq-di' has no code")],
            id="no code",
        ),
        pytest.param(
            {"inc-1": creatinine("<", 2, unit="furlongs")},
            [("error", "inc-1", "'furlongs' is no UCUM unit")],
            id="no unit",
        ),
        pytest.param(
            {"exc-1": {"kind": "not-computable", "text": "bad taste", "reason": "vague_term"}},
            [("warning", "exc-1", "not computable (vague_term): bad taste")],
            id="not encoded",
        ),
        pytest.param(
            {"exc-1": group("any", group("all", INFECTION, RESIDUE), RESIDUE)},
            [("info", "exc-1", "left to a person (judgement): serious")],
            id="left out of the encoding, told once",
        ),
    ],
)
def test_findings_between_and_in_trees(trees: dict[str, dict[str, Any]], findings: list[tuple[str, str, str]]) -> None:
    assert found(record(trees)) == findings


def test_a_flaw_inside_names_its_place() -> None:
    inner = group("all", ADULT, negated(ADULT))
    (finding,) = check(record({"inc-1": group("any", INFECTION, group("all", FEMALE, inner))}), TERMINOLOGY)
    assert (finding.path, finding.what) == ("1", "2 of these 2 can never hold together")


def test_a_tree_that_nobody_read() -> None:
    unread = Criterion(id="inc-1", kind="inclusion", text="x", tree=node_from_json(ADULT, "test"))
    of = record({}).model_copy(update={"criteria": (unread,)})
    assert found(of) == [("warning", "inc-1", "nobody has reviewed the tree")]


def test_defects_of_the_source() -> None:
    lost = {"kind": "defect", "code": "missing_list", "text": "no items"}
    defects = [
        {"code": "missing_list", "text": "no items", "criterion": "defect-1"},
        {"code": "numbering_gap", "text": "1 is missing", "explained_by": "minimum_age"},
        {"code": "run_on", "text": "no separator", "criterion": "exc-2"},
    ]
    assert found(record({"defect-1": lost}, defects=defects)) == [
        ("error", "defect-1", "missing_list: no items"),
        ("info", "", "numbering_gap: 1 is missing; explained by minimum_age"),
        ("warning", "exc-2", "run_on: no separator"),
    ]


def test_a_changed_text() -> None:
    notes = [
        {"code": "text-changed", "path": "inc-1", "text": "the text changed since 2026-11-21"},
        {"code": "unlabelled", "path": "phases", "text": "Phase 2"},
    ]
    assert check(record({}, notes=notes), TERMINOLOGY) == (
        Finding(
            "warning",
            "NCT00000001",
            "",
            "inc-1",
            "text-changed at inc-1: the text changed since 2026-11-21",
            "review the tree against the text as it is now",
        ),
    )


WILLING = {"kind": "attestation", "topic": "willingness", "text": "willing"}


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (ADULT, "exact"),
        (group("any", INFECTION, creatinine(">", 1)), "exact"),
        ({"kind": "data", "text": "measured", "concept": "creatinine"}, "exact"),
        (group("all", INFECTION, RESIDUE), "with residue"),
        (group("all", INFECTION, {"kind": "expected", "text": "a vaccine"}), "with residue"),
        (group("any", INFECTION, WILLING), "with residue"),
        (negated(WILLING), "attestation"),
        (group("all", MALE, {"kind": "other", "who": "partner", "text": "fertile"}, negated(WILLING)), "attestation"),
        ({"kind": "data", "text": "outcome data"}, "attestation"),
        ({"kind": "not-computable", "text": "x", "reason": "vague_term"}, "not computable"),
        (group("all", RESIDUE, RESIDUE), "not computable"),
        (group("all", ADULT, RESIDUE), "with residue"),
        (group("all", RESIDUE, WILLING), "attestation"),
        (group("any", INFECTION, {"kind": "not-computable", "text": "x", "reason": "vague_term"}), "with residue"),
        ({"kind": "defect", "code": "missing_list", "text": "no items"}, "not computable"),
    ],
)
def test_the_share_of_a_tree(tree: dict[str, Any], expected: str) -> None:
    assert share(node_from_json(tree, "test")) == expected


def test_coverage_counts_the_items_of_the_text_alone() -> None:
    trees: dict[str, dict[str, Any]] = {"inc-1": INFECTION, "inc-2": WILLING, "exc-1": INFECTION, "exc-2": RESIDUE}
    assert coverage(record({**trees, "age": ADULT}).criteria) == Coverage(
        exact=2, with_residue=0, attestation=1, not_computable=1
    )


def test_every_concept_of_an_atom_is_looked_at() -> None:
    drug = {
        "kind": "medication",
        "concept": "a",
        "unless": ["b"],
        "indication": "c",
        "dose": {"op": ">", "value": 1, "unit": "mg/d", "equivalent": "d"},
    }
    assert set(named(drug)) == {"a", "b", "c", "d"}
    assert named({"kind": "encounter", "reason": "e"}) == ("e",)
    assert named({"kind": "residue", "text": "x", "reason": "judgement"}) == ()


def named(data: dict[str, Any]) -> tuple[str, ...]:
    (atom,) = atoms(node_from_json(data, "test"))
    return concepts_of(atom)


# The linter calls nothing impossible that a patient can be: ages and one lab, asked in every way.
VALUES = range(4)
bounds = st.builds(
    lambda op, value: Measurement(concept="creatinine", op=op, value=value),
    st.sampled_from(["<", "<=", ">", ">=", "="]),
    st.sampled_from(VALUES),
)
ages = st.builds(lambda low: Age(low=low), st.sampled_from(VALUES)) | st.builds(
    lambda high: Age(high=high, high_op="<"), st.sampled_from(VALUES)
)
BETWEEN = tuple(n / 2 for n in range(-1, 2 * len(VALUES)))


def holds(atom: Atom, age: float, value: float) -> bool:
    if isinstance(atom, Age):
        return (atom.low is None or age >= atom.low) and (atom.high is None or age < atom.high)
    assert isinstance(atom, Measurement)
    bound = atom.value
    return {"<": value < bound, "<=": value <= bound, ">": value > bound, ">=": value >= bound, "=": value == bound}[
        atom.op
    ]


def true(node: Node, age: float, value: float) -> bool:
    match lower(node):
        case Not(node=inner):
            return not true(inner, age, value)
        case AtLeast(k=k, nodes=several):
            return sum(true(n, age, value) for n in several) >= k
        case atom:
            return holds(atom, age, value)


@given(bounds | ages, st.booleans(), bounds | ages, st.booleans())
def test_two_requirements_clash_when_nobody_meets_both(a: Atom, a_holds: bool, b: Atom, b_holds: bool) -> None:
    possible = any(holds(a, x, y) == a_holds and holds(b, x, y) == b_holds for x in BETWEEN for y in BETWEEN)
    told = clash(Literal(a, a_holds), Literal(b, b_holds))
    one_number = not any(isinstance(m, Measurement) and m.op == "=" and not h for m, h in ((a, a_holds), (b, b_holds)))
    assert told <= (not possible)
    if one_number and a.kind == b.kind:
        assert told == (not possible)


@given(nodes(bounds | ages))
def test_what_is_required_is_required(node: Node) -> None:
    literals = required(lower(node))
    for age in BETWEEN:
        for value in BETWEEN:
            if true(node, age, value):
                assert all(holds(literal.atom, age, value) == literal.holds for literal in literals)


@given(nodes(bounds | ages, max_leaves=6))
def test_only_the_impossible_and_the_certain_are_called_so(node: Node) -> None:
    told = {flaw.what.split(" ", 4)[-1] for flaw in flaws(lower(node)) if flaw.path == ""}
    truths = {true(node, age, value) for age in BETWEEN for value in BETWEEN}
    if any("never hold" in what for what in told):
        assert truths == {isinstance(lower(node), Not)}
    if any("always hold" in what for what in told):
        assert truths == {not isinstance(lower(node), Not)}
