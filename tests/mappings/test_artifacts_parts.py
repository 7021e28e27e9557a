"""The parts of what is published: an action and a characteristic per criterion, inputs, arms, concepts, attrition."""

from __future__ import annotations

import pytest
from mappings.matches import match, summed
from mappings.publishing import SHIPPED, TO_R5, inside, only, published
from mappings.trials import PAGE, REGISTERED, TERMS, TO
from shipped import samples

from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.tree import (
    Age,
    Atom,
    Attestation,
    Condition,
    Measurement,
    Medication,
    Node,
    Offset,
    Reproductive,
    Sex,
    Window,
)
from fhirtrial.matching.result import Trial
from fhirtrial.plugins import Publication, Resource
from fhirtrial.records.fields import Arm, Intervention
from fhirtrial.records.record import TrialRecord
from fhirtrial_mappings.artifacts.activity_definition import KIND, belongs
from fhirtrial_mappings.artifacts.characteristics import characteristic
from fhirtrial_mappings.artifacts.value_set import COMMENT, UNCONFIRMED
from fhirtrial_mappings.data_requirements import data_requirements
from fhirtrial_mappings.identity import POPULATIONS
from fhirtrial_mappings.results import measure_report

LIBRARY = "https://hospital.example/fhir/Library/NCT01234567"


def actions() -> list[Resource]:
    found: list[Resource] = only("PlanDefinition", REGISTERED)["action"][0]["action"]
    return found


def test_an_action_per_criterion_with_one_condition_each() -> None:
    assert [a["id"] for a in actions()] == ["age", "inc-1", "inc-2", "exc-1"]
    conditions = [a["condition"] for a in actions()]
    assert all(len(c) == 1 and c[0]["kind"] == "applicability" for c in conditions)
    expression = conditions[1][0]["expression"]
    assert {key: value for key, value in expression.items() if key != "extension"} == {
        "language": "text/cql-identifier",
        "expression": "inc-1",
        "reference": LIBRARY,
    }
    (alternative,) = expression["extension"]
    assert alternative["url"].endswith("/cqf-alternativeExpression")
    assert alternative["valueExpression"]["language"] == "text/fhirpath"


def test_without_cql_the_condition_is_unknown_and_says_why() -> None:
    (condition,) = actions()[3]["condition"]
    assert condition["expression"] == {
        "description": "No CQL: only a person can answer it",
        "language": "text/cql-expression",
        "expression": "null as Boolean",
    }


def test_documentation_leads_back_to_the_source_text() -> None:
    source, note, review = actions()[1]["documentation"]
    start, end = REGISTERED.criteria[1].span.start, REGISTERED.criteria[1].span.end  # type: ignore[union-attr]
    assert source["display"] == f"Eligibility text, characters {start} to {end}"
    assert source["citation"] == REGISTERED.criteria[1].text
    assert note["display"] == "The laboratory may repeat the test."
    assert review["display"] == "Tree reviewed by A. Reviewer on 2026-10-01"


def test_inputs_are_what_the_atoms_read() -> None:
    assert [i["type"] for i in actions()[1]["input"]] == ["Condition", "Observation", "Patient"]
    assert [i["type"] for i in actions()[3]["input"]] == ["QuestionnaireResponse"]


def test_arms_lead_to_activities_and_a_lone_intervention_stands_alone() -> None:
    _, arm, lone = only("PlanDefinition", REGISTERED)["action"]
    ids = {r["id"] for r in published(REGISTERED) if r["resourceType"] == "ActivityDefinition"}
    assert ids == {"nct01234567-intervention-1", "nct01234567-intervention-2"}
    assert arm["title"] == "New"
    assert "nct01234567-intervention-1|" in arm["action"][0]["definitionCanonical"]
    assert "nct01234567-intervention-2|" in lone["definitionCanonical"]


@pytest.mark.parametrize(
    ("given", "arm", "expected"),
    [
        (Intervention(name="X", arm_group_labels=("A",)), Arm(label="A"), True),
        (Intervention(name="X", type="DRUG"), Arm(label="A", intervention_names=("Drug: x",)), True),
        (Intervention(name="X"), Arm(label="A", intervention_names=("X",)), True),
        (Intervention(name="X", type="DRUG"), Arm(label="A", intervention_names=("Device: X",)), False),
        (Intervention(name="X"), Arm(label="A"), False),
    ],
)
def test_joining_arms(given: Intervention, arm: Arm, expected: bool) -> None:
    assert belongs(given, arm) is expected


def test_kinds_of_request_are_r4s() -> None:
    assert set(KIND.values()) == {"MedicationRequest", "NutritionOrder", "DeviceRequest", "ServiceRequest", None}


def group_characteristic(tree: Node, kind: str = "inclusion") -> Resource:
    item = Criterion.model_validate({"id": "inc-9", "kind": kind, "text": "as written", "tree": tree})
    return characteristic(item, "NCT01234567", TO)


@pytest.mark.parametrize(
    ("tree", "value"),
    [
        (Age(low=18), {"valueRange": {"low": 18}}),
        (Age(high=75), {"valueQuantity": ("<", 76)}),
        (Age(high=18, high_op="<"), {"valueQuantity": ("<", 18)}),
        (Measurement(concept="haq-di", op=">=", value=1, unit="{score}"), {"valueBoolean": True}),
        (Age(low=18, high=75), {"valueBoolean": True}),
        (Age(low=18, low_op=">"), {"valueBoolean": True}),
        (Condition(concept="dermatomyositis", when="active"), {"valueBoolean": True}),
        (Measurement(concept="creatinine", op="<", value=1, unit="mg/dL"), {"valueBoolean": True}),
    ],
)
def test_standard_characteristics_only_where_exact(tree: Node, value: Resource) -> None:
    found = group_characteristic(tree)
    ((kind, shown),) = ((k, v) for k, v in found.items() if k.startswith("value"))
    if kind == "valueRange":
        shown = {side: quantity["value"] for side, quantity in shown.items()}
    elif kind == "valueQuantity":
        shown = (shown["comparator"], shown["value"])
    assert {kind: shown} == value


def test_a_boolean_characteristic_is_named_by_its_criterion() -> None:
    found = group_characteristic(Age(low=1, high=2), kind="exclusion")
    assert found["exclude"] is True
    assert found["code"] == {"coding": [{"system": LIBRARY, "code": "inc-9"}], "text": "as written"}


def test_sex_and_a_plain_condition_are_coded() -> None:
    sex = group_characteristic(Sex(value="female"))
    assert sex["valueCodeableConcept"]["coding"][0]["code"] == "female"
    condition = group_characteristic(Condition(concept="dermatomyositis"))
    assert [c["code"] for c in condition["valueCodeableConcept"]["coding"]] == ["M33.1", "396230008"]


def test_the_second_group_has_an_expression_and_no_characteristics() -> None:
    _, computed = (r for r in published(REGISTERED) if r["resourceType"] == "Group")
    (expression,) = (e for e in computed["extension"] if e["url"].endswith("/characteristicExpression"))
    assert expression["valueExpression"]["expression"] == "Eligible"
    assert "characteristic" not in computed


def test_codes_whose_display_is_unconfirmed_are_marked() -> None:
    found = next(r for r in published(REGISTERED) if r["id"] == "concept-dermatomyositis")
    assert found["experimental"] is True
    marked = [
        (include["system"], concept["code"])
        for include in found["compose"]["include"]
        for concept in include["concept"]
        if {"url": COMMENT, "valueString": UNCONFIRMED} in concept.get("extension", ())
    ]
    assert marked == [("http://hl7.org/fhir/sid/icd-10", "M33.1")]


def test_a_concept_without_codes_is_published_empty() -> None:
    found = next(r for r in published(PAGE) if r["id"] == "concept-haq-di")
    assert "compose" not in found


def test_concepts_are_shared_between_trials() -> None:
    shared: dict[str, Resource] = {}
    for record in samples():
        for resource in published(record, SHIPPED):
            if resource["resourceType"] == "ValueSet":
                assert shared.setdefault(resource["id"], resource) == resource


def test_questions_are_grouped_by_criterion_and_found_by_link() -> None:
    (item,) = only("Questionnaire", REGISTERED)["item"]
    assert item["linkId"] == "exc-1"
    (question,) = item["item"]
    assert question["type"] == "boolean"
    assert question["linkId"].startswith("exc-1.")
    assert question["text"] == "a person confirms (judgement): a disease that would preclude participation"


def test_a_measure_without_codes_is_asked() -> None:
    assert [item["linkId"] for item in only("Questionnaire", PAGE)["item"]] == ["inc-1", "inc-2"]


def test_a_trial_without_questions_says_so() -> None:
    plain = REGISTERED.model_copy(update={"criteria": REGISTERED.criteria[:1]})
    assert [item["type"] for item in only("Questionnaire", plain)["item"]] == ["display"]


@pytest.mark.parametrize(("to", "linked"), [(TO, "id"), (TO_R5, "linkId")], ids=["R4", "R5"])
def test_attrition_reports_have_the_parts_of_the_measure(to: Publication, linked: str) -> None:
    trial = Trial("NCT01234567", "t", "", REGISTERED.criteria, "q", "tree-1")
    build = measure_report.r4 if to is TO else measure_report.r5
    (draft,) = build(summed(match(of=trial)), to)
    measure = only("Measure", REGISTERED, to)

    def shape(resource: Resource) -> list[tuple[str, Resource, list[tuple[str, Resource]]]]:
        return [(g[linked], g["code"], [(p[linked], p["code"]) for p in g["population"]]) for g in resource["group"]]

    def stratifiers(resource: Resource) -> set[str]:
        return {s["id"] for g in resource["group"] for s in g.get("stratifier", ())}

    assert shape(draft.resource) == shape(measure)
    assert stratifiers(draft.resource) - stratifiers(measure) == {"exc-1-truth"}  # a criterion without CQL
    assert stratifiers(measure) < stratifiers(draft.resource)
    assert draft.resource["measure"] == measure["url"]


@pytest.mark.parametrize("record", samples(), ids=lambda record: str(record.id))
def test_a_measure_has_what_engines_ask(record: TrialRecord) -> None:
    """Unique ids throughout, criteria in every stratifier, and the three populations of a proportion."""
    measure = only("Measure", record, SHIPPED)
    ids = [node["id"] for node in inside(measure["group"]) if isinstance(node, dict) and "id" in node]
    assert len(set(ids)) == len(ids)
    for group in measure["group"]:
        assert [p["id"] for p in group["population"]] == [f"{group['id']}-{code}" for code in POPULATIONS]
        assert all(s["id"] and s["criteria"]["expression"] for s in group.get("stratifier", ()))
    verdict, *criteria = measure["group"]
    assert [p["criteria"]["expression"] for p in verdict["population"]] == [
        "Screened",
        "Screened",
        criteria[-1]["population"][-1]["criteria"]["expression"],
    ]


def dates(atom: Atom) -> list[Resource]:
    bounded: list[Resource] = next(iter(data_requirements(atom, TO)), {}).get("dateFilter", [])
    return bounded


def test_a_window_back_from_screening_bounds_the_dates() -> None:
    window = Window(anchor="screening", start=Offset(value=-6, unit="mo"))
    (date,) = dates(Measurement(concept="creatinine", op="<", value=1, unit="mg/dL", window=window))
    assert (date["path"], date["valueDuration"]["value"], date["valueDuration"]["code"]) == ("effective", 6, "mo")


def test_without_a_window_the_recency_bounds_results_and_nothing_bounds_ever() -> None:
    (date,) = dates(Measurement(concept="creatinine", op="<", value=1, unit="mg/dL"))
    assert date["valueDuration"]["value"] == 28
    assert dates(Condition(concept="dermatomyositis")) == []


@pytest.mark.parametrize(
    "window",
    [
        Window(anchor="first-dose", start=Offset(value=-3, unit="mo")),
        Window(anchor="screening", start=Offset(value=-5, unit="half-life")),
        Window(anchor="screening", start=Offset(value=1, unit="mo"), end=None),
        Window(anchor="screening"),
    ],
)
def test_other_windows_bound_nothing(window: Window) -> None:
    assert dates(Condition(concept="dermatomyositis", window=window)) == []


def test_what_only_a_person_knows_needs_no_data() -> None:
    assert data_requirements(Attestation(topic="consent", text="consents"), TO) == ()


def test_a_medication_is_looked_for_in_all_four_resources() -> None:
    found = data_requirements(Medication(concept="prednisone"), SHIPPED)
    assert [r["type"] for r in found] == [
        "MedicationStatement",
        "MedicationAdministration",
        "MedicationDispense",
        "MedicationRequest",
    ]


def test_pregnancy_is_looked_for_in_conditions_and_tests() -> None:
    assert [r["type"] for r in data_requirements(Reproductive(state="pregnant"), SHIPPED)] == [
        "Condition",
        "Observation",
    ]


def test_the_small_terminology_is_not_the_shipped_one() -> None:
    assert TERMS.hash != SHIPPED.terminology.hash
