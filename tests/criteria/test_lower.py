"""Lowering keeps the meaning: the readers' tree and the executed one agree on every patient that can be thought of.

The second opinion is a scalar evaluator of the readers' tree, which takes each kind of node at its word; a patient is a
set of recorded facts, each of a code, and a truth for each question that only a person answers.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from criteria.trees import CONCEPTS, nodes
from hypothesis import given, settings
from hypothesis import strategies as st

from fhirtrial.criteria.lower import atoms as atoms_of
from fhirtrial.criteria.lower import lower
from fhirtrial.criteria.tree import (
    All,
    Any,
    AtLeast,
    Atom,
    Condition,
    Def,
    Except,
    If,
    Medication,
    Node,
    Not,
    Procedure,
    Residue,
    Window,
)
from fhirtrial.criteria.truth import Truth, at_least, negate

# What a recorded code is besides itself: two tumours are malignant, and one that no exception names is, too.
MEANS = {
    "melanoma": {"malignant-neoplasm"},
    "non-melanoma-skin-cancer": {"malignant-neoplasm", "non-melanoma-skin-cancer"},
    "cervical-tumour": {"malignant-neoplasm", "cervical-tumour"},
    "pneumonia": {"infection"},
    "rituximab": {"rituximab"},
}
QUESTIONS: tuple[Atom, ...] = tuple(
    Residue(text=t, reason="judgement") for t in ("cured by surgery", "hinders the study", "serious")
)
Recorded = frozenset[tuple[str, str]]  # (kind of atom, code)

facts = st.frozensets(st.tuples(st.sampled_from(["condition", "medication", "procedure"]), st.sampled_from([*MEANS])))
answers = st.fixed_dictionaries({q: st.sampled_from(Truth) for q in QUESTIONS})
bare = st.builds(
    lambda kind, concept: kind(concept=concept),
    st.sampled_from([Condition, Medication, Procedure]),
    st.sampled_from(CONCEPTS),
)
kin = st.builds(
    lambda kind, unless: Except(
        base=kind(concept="malignant-neoplasm"), unless=Any(nodes=tuple(build(kind) for build in unless))
    ),
    st.sampled_from([Condition, Medication, Procedure]),
    st.lists(
        st.sampled_from(
            [
                lambda kind: kind(concept="non-melanoma-skin-cancer"),
                lambda kind: All(nodes=(kind(concept="cervical-tumour"), QUESTIONS[0])),
                lambda kind: All(nodes=(kind(concept="cervical-tumour"), QUESTIONS[0], Not(node=QUESTIONS[1]))),
                lambda _: QUESTIONS[2],
                lambda _: Procedure(concept="rituximab"),
            ]
        ),
        min_size=1,
        max_size=3,
        unique=True,
    ),
)
leaves: st.SearchStrategy[Node] = bare | st.sampled_from(QUESTIONS) | kin


def hits(atom: Condition | Medication | Procedure, recorded: Recorded) -> list[str]:
    means = {code: {code} | also for code, also in MEANS.items()}
    return [
        code
        for kind, code in recorded
        if kind == atom.kind and {atom.concept, *atom.also} <= means[code] and not means[code] & set(atom.unless)
    ]


def told(atom: Atom, recorded: Recorded, given_: Mapping[Atom, Truth]) -> Truth:
    if isinstance(atom, Condition | Medication | Procedure):
        return Truth.YES if hits(atom, recorded) else Truth.NO
    return given_[atom]


def evaluate(node: Node, recorded: Recorded, given_: Mapping[Atom, Truth]) -> Truth:
    """The readers' tree, each kind taken at its word."""
    match node:
        case All(nodes=inner):
            return min(evaluate(n, recorded, given_) for n in inner)
        case Any(nodes=inner):
            return max(evaluate(n, recorded, given_) for n in inner)
        case AtLeast(k=k, nodes=inner):
            return at_least(k, [evaluate(n, recorded, given_) for n in inner])
        case Not(node=one):
            return negate(evaluate(one, recorded, given_))
        case If(condition=condition, then=then):
            return max(negate(evaluate(condition, recorded, given_)), evaluate(then, recorded, given_))
        case Def(body=body):
            return evaluate(body, recorded, given_)
        case Except(base=Any(nodes=inner), unless=unless):
            return max(evaluate(Except(base=n, unless=unless), recorded, given_) for n in inner)
        case Except(base=base, unless=unless):
            return excepted(base, unless, recorded, given_)
        case _:
            return told(node, recorded, given_)


def excepted(base: Node, unless: Node, recorded: Recorded, given_: Mapping[Atom, Truth]) -> Truth:
    """Fact by fact: an exception of the base's own kind lets its facts go, any other lets the whole go."""
    alternatives = unless.nodes if isinstance(unless, Any) else (unless,)
    if not isinstance(base, Condition | Medication | Procedure):
        return min(evaluate(base, recorded, given_), *(negate(evaluate(a, recorded, given_)) for a in alternatives))
    lets_go: dict[str, Truth] = dict.fromkeys(hits(base, recorded), Truth.NO)
    apart = [Truth.YES]
    for alternative in alternatives:
        head, *rest = alternative.nodes if isinstance(alternative, All) else (alternative,)
        if not isinstance(head, type(base)) or (isinstance(alternative, All) and not rest):
            apart.append(negate(evaluate(alternative, recorded, given_)))
            continue
        met = min([Truth.YES, *(evaluate(r, recorded, given_) for r in rest)])
        for code in hits(head, recorded):
            if code in lets_go:
                lets_go[code] = max(lets_go[code], met)
    return min(max([Truth.NO, *map(negate, lets_go.values())]), *apart)


@settings(max_examples=100)
@given(nodes(leaves), facts, answers)
def test_the_executed_tree_means_what_the_readers_tree_means(
    node: Node, recorded: Recorded, given_: Mapping[Atom, Truth]
) -> None:
    assert evaluate(lower(node), recorded, given_) == evaluate(node, recorded, given_)


@given(nodes())
def test_only_three_kinds_are_executed(node: Node) -> None:
    def executable(node: Node) -> bool:
        match node:
            case AtLeast(nodes=inner):
                return len(inner) > 1 and all(map(executable, inner))
            case Not(node=one):
                return not isinstance(one, Not) and executable(one)
            case other:
                return isinstance(other, Atom)

    assert executable(lower(node))


@given(nodes())
def test_lowering_twice_changes_nothing(node: Node) -> None:
    assert lower(lower(node)) == lower(node)


@given(nodes(leaves), facts, st.data())
def test_answering_a_residue_never_contradicts_what_was_definite(
    node: Node, recorded: Recorded, data: st.DataObject
) -> None:
    """Unknown residues first, then any answers: yes stays yes, no stays no."""
    before = evaluate(lower(node), recorded, dict.fromkeys(QUESTIONS, Truth.UNKNOWN))
    after = evaluate(lower(node), recorded, data.draw(answers))
    if before in {Truth.YES, Truth.NO}:
        assert after == before


CANCER = Condition(concept="malignant-neoplasm")
SKIN = Condition(concept="non-melanoma-skin-cancer")
CERVIX = Condition(concept="cervical-tumour")
CURED = QUESTIONS[0]
EXCEPTION = Except(base=CANCER, unless=Any(nodes=(SKIN, All(nodes=(CERVIX, CURED)))))


@pytest.mark.parametrize(
    ("codes", "cured", "excludes"),
    [
        (set(), "unknown", "no"),
        ({"melanoma"}, "unknown", "yes"),
        ({"non-melanoma-skin-cancer"}, "unknown", "no"),
        ({"melanoma", "non-melanoma-skin-cancer"}, "unknown", "yes"),
        ({"cervical-tumour"}, "unknown", "unknown"),
        ({"cervical-tumour"}, "yes", "no"),
        ({"cervical-tumour"}, "no", "yes"),
        ({"cervical-tumour", "melanoma"}, "yes", "yes"),
        ({"cervical-tumour", "non-melanoma-skin-cancer"}, "no", "yes"),
    ],
)
def test_malignancy_except_skin_and_cured_cervix(codes: set[str], cured: str, excludes: str) -> None:
    recorded = frozenset(("condition", code) for code in codes)
    assert evaluate(lower(EXCEPTION), recorded, {CURED: Truth.of(cured)}) == Truth.of(excludes)


def test_an_exception_of_its_own_kind_is_a_filter_inside_the_atom() -> None:
    assert lower(Except(base=CANCER, unless=SKIN)) == Condition(
        concept="malignant-neoplasm", unless=("non-melanoma-skin-cancer",)
    )


def test_an_exception_of_another_kind_stands_beside() -> None:
    drug = Medication(concept="rituximab")
    assert lower(Except(base=CANCER, unless=drug)) == AtLeast(k=2, nodes=(CANCER, Not(node=drug)))


def test_a_qualified_exception_keeps_the_bases_own_window() -> None:
    """A cervical tumour long before the window is no malignancy in it, cured or not."""
    window = Window.model_validate({"start": {"value": -5, "unit": "a"}})
    base = Condition(concept="malignant-neoplasm", window=window)
    lowered = lower(Except(base=base, unless=All(nodes=(CERVIX, CURED))))
    assert {a.window for a in atoms_of(lowered) if isinstance(a, Condition)} == {window}


def test_an_atom_is_its_own_lowering() -> None:
    assert lower(CANCER) is CANCER


def test_atoms_are_listed_in_order_with_repeats() -> None:
    node = If(condition=Any(nodes=(SKIN, CURED)), then=All(nodes=(SKIN, Not(node=CERVIX))))
    assert atoms_of(node) == (SKIN, CURED, SKIN, CERVIX)
