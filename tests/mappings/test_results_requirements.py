"""DataRequirements keep their promise: a resource made from one alone, on a day that counts, takes the unknown away."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import pytest
from generated.patients import QUESTIONNAIRE, bundle
from generated.questions import QUESTIONS, criteria
from mappings.fulfilment import days_of, quantity, resource
from mappings.matches import TO, TO_R5
from scalar.kernel import Kernel

from fhirtrial.criteria.tree import (
    Atom,
    Change,
    Finding,
    Measurement,
    Medication,
    Ordinal,
    Reproductive,
    Result,
)
from fhirtrial.criteria.truth import Truth
from fhirtrial.matching.result import CriterionResult, Trial
from fhirtrial.patients.completeness import ALL, Loaded
from fhirtrial.patients.read import facts_of
from fhirtrial.plugins import Publication
from fhirtrial.samples import DEMO_DATE
from fhirtrial.terminology import load
from fhirtrial_mappings.results.requirements import requirements

Json = dict[str, Any]
ON = DEMO_DATE
PERSON: Json = {"resourceType": "Patient", "id": "p", "gender": "female", "birthDate": "1980-06-15"}
TOGETHER = ("age", "sex")
ASKED = [a for kind, atoms in QUESTIONS.items() if kind not in TOGETHER for a in atoms]
LACKING = frozenset({"absent", "stale", "not-loaded"})
PATIENTS = 6
kinds = pytest.mark.parametrize("kind", sorted({a.kind for a in ASKED}))


def trial(atom: Atom) -> Trial:
    kind = next(kind for kind, atoms in QUESTIONS.items() if atom in atoms)
    (own,) = [c for c in criteria(kind) if c.tree == atom][:1]
    return Trial("T", "T", "RECRUITING", (own,), QUESTIONNAIRE, "")


def told(atom: Atom, *records: Json, loaded: Loaded | None = ALL, of: Json | None = None) -> CriterionResult:
    """What the record of a patient says of the atom, who is `PERSON` alone where no Bundle of theirs is given."""
    known = of or {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": PERSON}]}
    whose = {"reference": f"Patient/{known['entry'][0]['resource']['id']}"}
    own = [
        {**r, "id": f"new{i}", **{k: whose for k in ("subject", "patient") if k in r}} for i, r in enumerate(records)
    ]
    facts = facts_of({**known, "entry": [*known["entry"], *({"resource": r} for r in own)]}, loaded=loaded, on=ON)
    (match,) = kernel(atom).run.matches(facts)
    return match.criteria[0]


@cache
def kernel(atom: Atom) -> Kernel:
    return Kernel((trial(atom),), ON)


def values(atom: Atom, asked: Json) -> Sequence[Json]:
    """Results on either side of the bound, as far as a requirement says that it is a result."""
    if asked["type"] != "Observation" or isinstance(atom, Finding):
        return ({},)
    if isinstance(atom, Medication):
        return ({"valueQuantity": quantity(70, "kg")},)
    if isinstance(atom, Ordinal):
        keys = [k for k in load().concept(atom.concept).ordinals if not isinstance(k, str)]
        return tuple({"valueCodeableConcept": {"coding": [{"system": s, "code": c}]}} for s, c in keys)
    if isinstance(atom, Reproductive):
        return ({"valueString": "positive"}, {"valueString": "negative"})
    if isinstance(atom, Result) and "referenceRange" not in asked["mustSupport"]:
        return ({"valueString": "positive"}, {"valueString": "negative"})
    unit = load().concept(getattr(atom, "concept", "")).unit
    limits = {"referenceRange": [{"low": quantity(10, unit), "high": quantity(40, unit)}]}
    return tuple({"valueQuantity": quantity(v, unit), **limits} for v in (0.001, 20.0, 1e6))


def given(atom: Atom, found: Sequence[Json], day: dt.date) -> Iterator[list[Json]]:
    """Each set of resources that fulfils the need: all where they go together, else one requirement after another."""
    if isinstance(atom, Measurement) and atom.over:
        over, under = found
        for v in (1.0, 1e5):
            yield [
                resource(over, day, TO, {"valueQuantity": quantity(v, "mm[Hg]")}),
                resource(under, day, TO, {"valueQuantity": quantity(40, "%")}),
            ]
        return
    weight = [resource(r, day, TO, v) for r in found for v in values(atom, r) if isinstance(atom, Medication) and v]
    for asked in found:
        if isinstance(atom, Medication) and asked["type"] == "Observation":
            continue
        for value in values(atom, asked):
            number = asked.get("limit", 1)
            days = [day - dt.timedelta(days=i) for i in range(number)] if isinstance(atom, Change) else [day] * number
            yield [*(resource(asked, d, TO, value) for d in days), *weight]


def lacking(result: CriterionResult, to: Publication = TO) -> tuple[Json, ...]:
    return tuple(one for need in result.needs for one in requirements(need, ON, to))


@cache
def open_atoms() -> tuple[tuple[Atom, Loaded | None, tuple[Json, ...]], ...]:
    """Each atom and what was loaded of a record, with what the atom asks for then."""
    found = ((a, loaded, lacking(told(a, loaded=loaded))) for a in ASKED for loaded in (ALL, None))
    return tuple((a, loaded, asked) for a, loaded, asked in found if asked)


@kinds
def test_what_fulfils_the_requirement_settles_it(kind: str) -> None:
    for atom, loaded, found in open_atoms():
        if atom.kind == kind:
            after = [told(atom, *r, loaded=loaded) for r in given(atom, found, days_of(found[0], ON)[1])]
            assert not [r for r in after if set(r.reasons) & LACKING], (atom, loaded)
            assert any(r.truth is not Truth.UNKNOWN for r in after), (atom, loaded)


@kinds
def test_a_day_before_those_that_count_does_not(kind: str) -> None:
    for atom, loaded, found in open_atoms():
        dated = [r for r in found if days_of(r, ON)[0]]
        firsts = [first for r in dated if (first := days_of(r, ON)[0])]
        if atom.kind == kind and firsts:
            after = [told(atom, *r, loaded=loaded) for r in given(atom, dated, min(firsts) - dt.timedelta(days=3))]
            wrong = [r for r in after if r.truth > Truth.UNKNOWN or (loaded and r.truth is not Truth.UNKNOWN)]
            assert wrong == [], (atom, loaded)


@kinds
def test_what_generated_patients_lack(kind: str) -> None:
    """A patient with a record of their own: what is absent, stale or not loaded is so no more once it is there."""
    for seed in range(PATIENTS):
        of = bundle(seed, criteria(kind), ON, QUESTIONNAIRE)
        for atom in QUESTIONS[kind]:
            if isinstance(atom, Medication) and atom.dose:
                continue  # what such a record lacks may be the strength of a tablet that it has
            before = told(atom, loaded=None, of=of)
            if not set(before.reasons) & LACKING or not (found := lacking(before)):
                continue
            for records in given(atom, found, days_of(found[0], ON)[1]):
                after = told(atom, *records, loaded=None, of=of)
                assert not set(after.reasons) & LACKING, (seed, atom, records)


def test_both_releases_ask_the_same_by_their_own_names() -> None:
    for atom, loaded, _ in open_atoms():
        one = told(atom, loaded=loaded)
        for r4, r5 in zip(lacking(one), lacking(one, TO_R5), strict=True):
            assert (r4["type"], len(r4["mustSupport"])) == (r5["type"], len(r5["mustSupport"]))
            assert "performed" not in r5["mustSupport"]
            assert "reasonCode" not in r5["mustSupport"] or r5["type"] == "Encounter"


def test_what_only_a_person_or_the_trial_knows_asks_for_no_data() -> None:
    people = [a for kind in ("attestation", "residue", "not-computable", "expected") for a in QUESTIONS.get(kind, ())]
    anchored = [a for a in ASKED if getattr(getattr(a, "window", None), "anchor", "") == "symptom-onset"]
    assert people
    assert anchored
    assert not [a for a in (*people, *anchored) if lacking(told(a))]


def test_enough_was_asked() -> None:
    assert {a.kind for a, _, _ in open_atoms()} == {
        "allergy", "change", "condition", "data", "encounter", "finding", "immunization", "measurement", "medication",
        "ordinal", "other", "procedure", "reproductive", "result",
    }  # fmt: skip
