"""The next best datum: what settles a pair, by hand on small trials and by brute force on the sample patients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import pytest
from scalar.kernel import Kernel
from shipped import trials

import fhirtrial
from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.lower import lower
from fhirtrial.criteria.tree import AtLeast, Atom, Node, Not
from fhirtrial.criteria.truth import Verdict
from fhirtrial.matching.next_best import next_best
from fhirtrial.matching.result import Match, Trial
from fhirtrial.patients.read import facts_of, read_patients
from fhirtrial.samples import DEMO_DATE, sample_bundles

Json = dict[str, Any]
LOINC = "http://loinc.org"
CREATININE: Json = {"kind": "measurement", "concept": "creatinine", "op": "<", "value": 1.5, "unit": "mg/dL"}
CREATININE_HIGH: Json = {**CREATININE, "op": ">=", "value": 1.2}
ALT: Json = {"kind": "measurement", "concept": "alt", "op": ">", "value": 3, "of": "uln"}
CONSENT: Json = {"kind": "attestation", "topic": "consent", "text": "signed"}
ADULT: Json = {"kind": "age", "low": 18}
LOST: Json = {"kind": "defect", "code": "missing_section", "text": "no exclusions"}
ONSET: Json = {
    "kind": "condition",
    "concept": "dermatomyositis",
    "window": {"anchor": "symptom-onset", "start": {"value": -6, "unit": "mo"}},
}
RESULT_CREATININE, RESULT_ALT = "result: Creatinine", "result: Alanine aminotransferase"
SIGNED = "answer: a person says (consent): signed"


def trial(name: str, **trees: Json) -> Trial:
    """Criteria by id (`inc_1`): an exclusion where it begins with exc, a defect where with def."""
    kinds = {"inc": "inclusion", "exc": "exclusion", "def": "defect"}
    criteria = tuple(
        Criterion.model_validate({"id": i.replace("_", "-"), "kind": kinds[i[:3]], "text": i, "tree": tree})
        for i, tree in trees.items()
    )
    return Trial(name, name, "RECRUITING", criteria, f"https://x.example/Questionnaire/{name}", name)


def patient(name: str, *resources: Json, birth: str = "1980-01-01", **more: Any) -> Json:
    person = {"resourceType": "Patient", "id": name, "birthDate": birth, "gender": "female", **more}
    own = [{**r, "id": f"r{i}", "subject": {"reference": f"Patient/{name}"}} for i, r in enumerate(resources)]
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in (person, *own)]}


def listed(*trials: Trial, by: Any = "patient", people: tuple[Json, ...] = ()) -> dict[str, list[tuple[str, Any, Any]]]:
    facts = [facts_of(p, on=DEMO_DATE) for p in people or (patient("p"),)]
    found = next_best(fhirtrial.match(trials, facts, on=DEMO_DATE), by)
    return {about: [(n.item, n.surely, n.perhaps) for n in items] for about, items in found.items()}


# what it shows: the trial's criteria, then the items in their order: (item, settles surely)
TABLE: dict[str, tuple[Mapping[str, Json], list[tuple[str, bool]]]] = {
    "the only open item settles": ({"inc_1": CREATININE, "inc_2": ADULT}, [(RESULT_CREATININE, True)]),
    "of two inclusions each may rule out, and none decides alone": (
        {"inc_1": CREATININE, "inc_2": ALT},
        [(RESULT_ALT, False), (RESULT_CREATININE, False)],
    ),
    "one result answers both questions about it": (
        {"inc_1": CREATININE, "exc_1": CREATININE_HIGH},
        [(RESULT_CREATININE, True)],
    ),
    "of two alternatives each may hold": (
        {"inc_1": {"kind": "any", "nodes": [CREATININE, ALT]}},
        [(RESULT_ALT, False), (RESULT_CREATININE, False)],
    ),
    "what is known is taken out of the count": (
        {"inc_1": {"kind": "at-least", "k": 2, "nodes": [ADULT, CREATININE, {"kind": "sex", "value": "male"}]}},
        [(RESULT_CREATININE, True)],
    ),
    "two of three open ones: none can decide alone": (
        {"inc_1": {"kind": "at-least", "k": 2, "nodes": [CREATININE, ALT, CONSENT]}},
        [],
    ),
    "a negation turns the answer, not the item": (
        {"exc_1": {"kind": "not", "node": CREATININE}},
        [(RESULT_CREATININE, True)],
    ),
    "a person's answer is an item": ({"inc_1": CONSENT}, [(SIGNED, True)]),
    "a lost criterion leaves only the answers that rule out": (
        {"inc_1": CREATININE, "defect_1": LOST},
        [(RESULT_CREATININE, False)],
    ),
    "nothing helps where only the trial knows the anchor": ({"inc_1": ONSET}, []),
    "nothing is asked of the decided": ({"inc_1": {"kind": "age", "low": 60}, "inc_2": CREATININE}, []),
}


@pytest.mark.parametrize("name", TABLE)
def test_what_settles_one_pair(name: str) -> None:
    trees, items = TABLE[name]
    found = listed(trial("T", **trees)).get("Patient/p", [])
    assert [(item, surely == ("T",)) for item, surely, _ in found] == items
    assert all(set(surely) ^ set(perhaps) == {"T"} for _, surely, perhaps in found)


def test_most_trials_come_first_then_the_name() -> None:
    trials = (
        trial("A", inc_1=CREATININE),
        trial("B", inc_1=CREATININE, inc_2=CONSENT),
        trial("C", inc_1=ALT),
        trial("D", inc_1=ALT),
    )
    assert listed(*trials) == {
        "Patient/p": [
            (RESULT_ALT, ("C", "D"), ()),
            (RESULT_CREATININE, ("A",), ("B",)),
            (SIGNED, (), ("B",)),
        ]
    }


def test_most_patients_come_first_and_no_order_of_input_matters() -> None:
    ct = {"resourceType": "Observation", "status": "final", "effectiveDateTime": "2026-10-30"}
    result = {"valueQuantity": {"value": 1, "unit": "mg/dL", "system": "http://unitsofmeasure.org", "code": "mg/dL"}}
    measured = {**ct, **result, "code": {"coding": [{"system": LOINC, "code": "2160-0"}]}}
    people = (
        patient("a"),
        patient("b"),
        patient("c", measured),
        patient("child", birth="2020-01-01"),
        patient("gone", deceasedBoolean=True),
    )
    study = trial("T", inc_1=CREATININE, inc_2=CONSENT, inc_3=ADULT)
    found = listed(study, by="trial", people=people)
    assert found == {
        "T": [
            (SIGNED, ("Patient/c",), ("Patient/a", "Patient/b")),
            (RESULT_CREATININE, (), ("Patient/a", "Patient/b")),
        ]
    }
    assert listed(study, by="trial", people=people[::-1]) == found


def test_an_item_says_what_is_asked_of_it_and_under_which_question() -> None:
    trials = trial("A", inc_1=CREATININE, exc_1=CREATININE_HIGH), trial("B", inc_1=CONSENT)
    found = next_best(fhirtrial.match(trials, [facts_of(patient("p"), on=DEMO_DATE)], on=DEMO_DATE))["Patient/p"]
    assert [n.asks for n in found] == [
        (SIGNED,),
        ("Creatinine (latest) < 1.5 mg/dL", "Creatinine (latest) >= 1.2 mg/dL"),
    ]
    assert [[q.split(".")[0] for q in n.questions] for n in found] == [["inc-1"], []]
    assert found[0].to_json()["item"] == SIGNED


def test_too_many_questions_to_one_item_are_never_called_sure() -> None:
    limits = {f"inc_{n}": {**CREATININE, "value": 1 + n / 10} for n in range(1, 12)}
    assert listed(trial("T", **limits)) == {"Patient/p": [(RESULT_CREATININE, (), ("T",))]}


@pytest.mark.slow
def test_settled_as_brute_force_over_the_whole_trees_has_it() -> None:
    """The five trials and their sample patients: each item's answers put into the full trees, atom by atom."""
    seen = 0
    for match, truths in pairs():
        told = next_best([match]).get(match.patient.reference, ())
        assert {n.item: bool(n.surely) for n in told} == brute(match, truths)
        seen += len(told)
    assert seen > 100


def brute(match: Match, truths: Mapping[Atom, int]) -> dict[str, bool]:
    if match.verdict is not Verdict.UNDETERMINED or match.set_aside:
        return {}
    items: dict[str, set[Atom]] = {}
    for need in (n for r in match.criteria for n in r.needs if n.item):
        items.setdefault(need.item, set()).add(need.atom)
    found = {}
    for item, atoms in items.items():
        said = [
            verdict(match.trial, {**truths, **dict(zip(atoms, answer, strict=True))})
            for answer in product((0, 4), repeat=len(atoms))
        ]
        if any(v != 2 for v in said):
            found[item] = 2 not in said
    return found


def verdict(trial: Trial, truths: Mapping[Atom, int]) -> int:
    held = [(c.kind, value(lower(c.tree), truths)) for c in trial.criteria]
    return min(4 - v if kind == "exclusion" else v for kind, v in held)


def value(node: Node, truths: Mapping[Atom, int]) -> int:
    match node:
        case Not(node=inner):
            return 4 - value(inner, truths)
        case AtLeast(k=k, nodes=nodes):
            return sorted((value(n, truths) for n in nodes), reverse=True)[k - 1]
        case atom:
            return truths[atom]  # type: ignore[index]


def pairs() -> Iterator[tuple[Match, Mapping[Atom, int]]]:
    for study in trials():
        kernel = Kernel((study,), DEMO_DATE)
        for facts in read_patients(sample_bundles() / "patients", on=DEMO_DATE):
            graded = [(asked.atom, grades) for asked, grades in kernel.atoms(facts)]
            for number, match in enumerate(kernel.run.matches(facts)):
                # two criteria that ask a person the same thing have answers of their own: leave those patients out
                truths: dict[Atom, int] = {}
                if all(truths.setdefault(a, int(g[number].truth)) == g[number].truth for a, g in graded):
                    yield match, truths
