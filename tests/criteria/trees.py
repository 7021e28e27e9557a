"""Generated trees for property tests: every kind of node, every field, deep and odd; any test may use `nodes()`."""

from __future__ import annotations

from typing import TypeVar, get_args

from hypothesis import strategies as st

from fhirtrial.criteria.criterion import Criterion, Note, Review, Span, text_hash
from fhirtrial.criteria.tree import (
    Age,
    All,
    Allergy,
    Anchor,
    Any,
    AtLeast,
    Atom,
    Attestation,
    Change,
    ClassificationCriteria,
    Condition,
    DataAvailability,
    Def,
    Defect,
    Dose,
    Encounter,
    Except,
    Expected,
    Finding,
    If,
    Immunization,
    Measurement,
    Medication,
    Node,
    Not,
    NotComputable,
    Offset,
    Op,
    Ordinal,
    OtherExperiencer,
    Procedure,
    Reason,
    Reproductive,
    Residue,
    Result,
    Route,
    Sex,
    TreatmentState,
    Window,
)

CONCEPTS = ("malignant-neoplasm", "non-melanoma-skin-cancer", "cervical-tumour", "infection", "creatinine", "rituximab")
T = TypeVar("T")

# Composite nodes beside the atoms: together they are every kind there is.
COMPOSITES = (All, Any, AtLeast, Not, If, Except, Def)

concepts = st.sampled_from(CONCEPTS)
numbers = st.floats(allow_nan=False, allow_infinity=False)
ages = st.floats(min_value=0, max_value=150)
# Pieces of canonical English and of its punctuation, which a text may hold as well.
PIECES = (
    *('"', "(", ")", ";", ":", "- ", "/", "\\", "\n", "\t", " ", "\u00a0", "\u200b", "\ud7ff", "III", "3", "x", "é"),
    *(
        "not: ",
        "all of:",
        "at least 2 of:",
        "age >= 18 years",
        "the first, except the second:",
        '"a" means: ',
        "or",
        "and",
    ),
    *(
        " that is also ",
        " other than ",
        " found by ",
        " for ",
        " (latest) ",
        " (rank 3)",
        " increase > 1 %",
        " / ",
        "of",
    ),
    *(
        "a person confirms (open list): ",
        "stage IV",
        "ever",
        "diagnosis of ",
        "family: ",
        " × ULN",
        "within 3 days before",
    ),
)
tricky = st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map("".join)
texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30) | tricky
ops = st.sampled_from(get_args(Op))
reasons = st.sampled_from(get_args(Reason))


def maybe(strategy: st.SearchStrategy[T]) -> st.SearchStrategy[T | None]:
    return st.none() | strategy


offsets = st.builds(Offset, value=numbers, unit=st.sampled_from(["h", "d", "wk", "mo", "a", "half-life"]))
durations = st.builds(
    Offset, value=st.floats(min_value=0, max_value=1000), unit=st.sampled_from(["h", "d", "wk", "mo", "a"])
)
windows = st.builds(Window, anchor=st.sampled_from(get_args(Anchor)), start=maybe(offsets), end=maybe(offsets))
doses = st.builds(
    Dose,
    op=ops,
    value=numbers,
    unit=st.sampled_from(["mg/d", "mg/kg/d", "g/d", "ug/d", "[iU]/d"]),
    equivalent=maybe(concepts),
)
filters = st.lists(concepts, max_size=2, unique=True).map(tuple)


@st.composite
def age_atoms(draw: st.DrawFn) -> Age:
    low, high = draw(maybe(ages)), draw(maybe(ages))
    low = draw(ages) if low is None and high is None else low
    bounds: dict[str, object] = {}
    if low is not None:
        bounds |= {"low": low, "low_op": draw(st.sampled_from([">", ">="]))}
    if high is not None:
        bounds |= {"high": high, "high_op": draw(st.sampled_from(["<", "<="]))}
    return Age.model_validate({**bounds, "unit": draw(st.sampled_from(["a", "mo", "wk", "d"]))})


ATOMS: dict[type[Atom], st.SearchStrategy[Atom]] = {
    Age: age_atoms(),
    Sex: st.builds(Sex),
    Condition: st.builds(
        Condition,
        concept=concepts,
        also=filters,
        unless=filters,
        when=...,
        window=maybe(windows),
        severity=...,
        course=...,
        stage=maybe(texts),
    ),
    Measurement: st.builds(
        Measurement,
        concept=concepts,
        value=numbers,
        unit=maybe(st.sampled_from(["g/L", "%", "{score}", "10*9/L"])),
        of=...,
        select=...,
        count=st.integers(1, 5),
        over=maybe(concepts),
        window=maybe(windows),
        scale_max=maybe(numbers),
    ),
    Ordinal: st.builds(Ordinal, concept=concepts, rank=st.integers(0, 9), label=texts, window=maybe(windows)),
    Result: st.builds(Result, concept=concepts, select=..., window=maybe(windows)),
    Change: st.builds(
        Change,
        concept=concepts,
        amount=numbers,
        unit=texts,
        relative=...,
        within=maybe(durations),
        window=maybe(windows),
    ),
    Medication: st.builds(
        Medication,
        concept=concepts,
        also=filters,
        unless=filters,
        when=...,
        window=maybe(windows),
        route=maybe(st.sampled_from(get_args(Route))),
        indication=maybe(concepts),
        dose=maybe(doses),
        min_duration=maybe(durations),
        distinct=st.integers(1, 4),
        outcome=...,
    ),
    Procedure: st.builds(Procedure, concept=concepts, also=filters, unless=filters, window=maybe(windows)),
    Encounter: st.builds(Encounter, setting=..., reason=maybe(concepts), window=maybe(windows)),
    Allergy: st.builds(Allergy, concept=concepts, mechanism=...),
    Immunization: st.builds(Immunization, concept=concepts, window=maybe(windows)),
    Reproductive: st.builds(Reproductive),
    Finding: st.builds(Finding, modality=concepts, finding=concepts, window=maybe(windows)),
    DataAvailability: st.builds(DataAvailability, text=texts, concept=maybe(concepts), window=maybe(windows)),
    OtherExperiencer: st.builds(OtherExperiencer, text=texts, condition=maybe(concepts)),
    ClassificationCriteria: st.builds(
        ClassificationCriteria, name=texts, year=maybe(st.integers(1900, 2100)), target=concepts
    ),
    Attestation: st.builds(Attestation, text=texts, period=maybe(texts)),
    TreatmentState: st.builds(TreatmentState, text=texts, concept=maybe(concepts)),
    Expected: st.builds(Expected, text=texts, concept=maybe(concepts), window=maybe(windows)),
    Residue: st.builds(Residue, text=texts, reason=reasons),
    NotComputable: st.builds(NotComputable, text=texts, reason=reasons),
    Defect: st.builds(Defect, text=texts),
}


def atoms() -> st.SearchStrategy[Atom]:
    return st.one_of(*ATOMS.values())


def nodes(leaves: st.SearchStrategy[Node] | None = None, max_leaves: int = 12) -> st.SearchStrategy[Node]:
    """Trees of every kind of node over `leaves`, by default every kind of atom."""
    return st.recursive(leaves if leaves is not None else atoms(), composites, max_leaves=max_leaves)


def composites(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    lists = st.lists(inner, min_size=1, max_size=4).map(tuple)
    counted = lists.flatmap(lambda found: st.builds(AtLeast, k=st.integers(1, len(found)), nodes=st.just(found)))
    return st.one_of(
        st.builds(All, nodes=lists),
        st.builds(Any, nodes=lists),
        counted,
        st.builds(Not, node=inner),
        st.builds(If, condition=inner, then=inner),
        st.builds(Except, base=inner, unless=inner),
        st.builds(Def, term=texts, body=inner),
    )


small = nodes(max_leaves=3)
spans = st.builds(Span, start=st.integers(0, 99), end=st.integers(100, 999))
notes = st.lists(st.builds(Note, text=texts, reason=maybe(reasons)), max_size=2)


@st.composite
def criteria(draw: st.DrawFn) -> tuple[Criterion, ...]:
    """A document's list: ids differ, everything a criterion can carry is carried by some."""
    ids = draw(st.lists(st.sampled_from(["inc-1", "inc-2", "exc-1", "exc-14", "age", "defect-1"]), unique=True))
    kinds = {"inc": "inclusion", "age": "inclusion", "exc": "exclusion", "def": "defect"}
    found = []
    for name in ids:
        text = draw(texts)
        found.append(
            Criterion.model_validate(
                {
                    "id": name,
                    "kind": kinds[name[:3]],
                    "text": text,
                    "tree": draw(small),
                    "span": draw(maybe(spans)),
                    "notes": draw(notes),
                    "defects": draw(st.lists(reasons, max_size=2)),
                    "review": draw(
                        maybe(
                            st.builds(
                                Review, reviewer=texts, date=st.just("2026-11-21"), text_hash=st.just(text_hash(text))
                            )
                        )
                    ),
                }
            )
        )
    return tuple(found)
