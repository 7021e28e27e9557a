"""What R5 says otherwise than R4: combinations, parties, states, references, requirements."""

from __future__ import annotations

from typing import Any

import pytest
from mappings.matches import TO_R5 as SITE
from mappings.matches import match, screening, summed, trial, verdict
from mappings.publishing import TO_R5, only, published
from mappings.trials import REGISTERED

from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.tree import (
    Age,
    All,
    AtLeast,
    Condition,
    Encounter,
    Measurement,
    Medication,
    Node,
    Not,
    Offset,
    Procedure,
    Sex,
    Window,
)
from fhirtrial.criteria.tree import Any as AnyOf
from fhirtrial.criteria.truth import Verdict
from fhirtrial.plugins import Resource
from fhirtrial.records.codes import CODES
from fhirtrial.records.fields import Contact, Official, Reference
from fhirtrial_mappings.artifacts import related_artifact, research_study
from fhirtrial_mappings.artifacts.evidence_variable import characteristic
from fhirtrial_mappings.artifacts.timing import timing
from fhirtrial_mappings.data_requirements import data_requirements
from fhirtrial_mappings.results import research_subject, screening_list

DM, ADULT, WOMAN = Condition(concept="dermatomyositis"), Age(low=18), Sex(value="female")
ACTIVE = Condition(concept="dermatomyositis", when="active")
YEAR = Window(anchor="screening", start=Offset(value=-1, unit="a"))


def of(tree: Node, kind: str = "inclusion") -> Resource:
    item = Criterion.model_validate({"id": "inc-9", "kind": kind, "text": "as written", "tree": tree})
    return characteristic(item, "NCT01234567", TO_R5)


def shape(one: Resource) -> Any:
    """A characteristic in short: its combination, or how its atom is said; a dash where it is excluded."""
    sign = "-" if one.get("exclude") else ""
    combined = one.get("definitionByCombination")
    if combined is None:
        return sign + ("coded" if "definitionByTypeAndValue" in one else "words")
    code = combined["code"] + (f" {combined['threshold']}" if "threshold" in combined else "")
    return sign + code, [shape(inner) for inner in combined["characteristic"]]


@pytest.mark.parametrize(
    ("tree", "kind", "expected"),
    [
        (DM, "inclusion", "coded"),
        (DM, "exclusion", "-coded"),
        (ACTIVE, "inclusion", "words"),
        (Not(node=DM), "inclusion", "-coded"),
        (Not(node=DM), "exclusion", "coded"),
        (All(nodes=(DM, ADULT)), "inclusion", ("all-of", ["coded", "coded"])),
        (AnyOf(nodes=(DM, Not(node=ACTIVE))), "exclusion", ("-any-of", ["coded", "-words"])),
        (AtLeast(k=2, nodes=(DM, ADULT, WOMAN)), "inclusion", ("at-least 2", ["coded"] * 3)),
        (AtLeast(k=1, nodes=(DM, ADULT)), "inclusion", ("any-of", ["coded"] * 2)),
        (
            All(nodes=(DM, AnyOf(nodes=(ADULT, ACTIVE)))),
            "inclusion",
            ("all-of", ["coded", ("any-of", ["coded", "words"])]),
        ),
    ],
)
def test_trees_are_combinations(tree: Node, kind: str, expected: Any) -> None:
    assert shape(of(tree, kind)) == expected


def test_the_cql_stands_beside_what_it_says_and_only_there() -> None:
    assert of(ACTIVE)["definitionExpression"]["expression"] == "inc-9"
    assert "definitionExpression" not in of(Not(node=ACTIVE))
    assert of(ACTIVE)["definitionCodeableConcept"]["text"]


def back(one: Resource) -> Window | None:
    """The window that timeFromEvent says, by FHIR's own elements alone."""
    if "timeFromEvent" not in one:
        return None
    (told,) = one["timeFromEvent"]
    anchors = {"screening": "screening", "the first dose": "first-dose", "symptom onset": "symptom-onset"}
    ends = {
        end: {"value": told["range"][side]["value"], "unit": told["range"][side]["code"]}
        if side in told["range"]
        else None
        for end, side in (("start", "low"), ("end", "high"))
    }
    event = told.get("eventCodeableConcept", {}).get("text")
    return Window.model_validate({"anchor": "unspecified" if event is None else anchors[event], **ends})


def window(anchor: str, start: tuple[float, str] | None, end: tuple[float, str] | None) -> Window:
    ends = {k: v and {"value": v[0], "unit": v[1]} for k, v in (("start", start), ("end", end))}
    return Window.model_validate({"anchor": anchor, **ends})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (YEAR, window("screening", (-1, "a"), (0, "a"))),
        (window("screening", (-24, "wk"), (-1, "d")), window("screening", (-168, "d"), (-1, "d"))),
        (window("first-dose", None, (-36, "h")), None),
        (window("symptom-onset", (0, "d"), (1.5, "mo")), window("symptom-onset", (0, "mo"), (1.5, "mo"))),
        (window("unspecified", (-5, "a"), None), None),
        (window("unspecified", (-5, "a"), (-6, "mo")), window("unspecified", (-60, "mo"), (-6, "mo"))),
        (window("screening", (0, "d"), (0, "d")), None),
    ],
)
def test_windows_read_back_alike(given: Window, told: Window | None) -> None:
    """In one unit, as a Range needs it; without `told`, in the very words of the tree."""
    assert back(of(ACTIVE.model_copy(update={"window": given}))) == (told or given)


@pytest.mark.parametrize(
    "kept",
    [
        None,
        window("unspecified", (-5, "half-life"), (0, "d")),
        window("screening", None, None),
        window("screening", (-1, "a"), (-1, "d")),
    ],
)
def test_what_no_element_holds_stays_in_the_words(kept: Window | None) -> None:
    said = of(DM.model_copy(update={"window": kept}))
    assert back(said) is None
    assert shape(said) == ("coded" if kept is None else "words")


def test_a_window_apart_leaves_code_and_value() -> None:
    said = of(DM.model_copy(update={"window": YEAR}), "exclusion")
    assert shape(said) == "-coded"
    assert back(said) == window("screening", (-1, "a"), (0, "a"))
    assert said["timeFromEvent"][0]["description"] == "within 1 year before screening"


def test_how_many_results_and_how_long() -> None:
    twice = Measurement(concept="creatinine", op=">", value=2, unit="mg/dL", select="any", count=2)
    assert of(twice)["instancesRange"] == {"low": {"value": 2}}
    month = Offset(value=1, unit="mo")
    (found,) = timing(Medication(concept="methotrexate", min_duration=month)).values()
    assert (found["low"]["value"], found["low"]["code"]) == (1, "mo")


def test_links_are_unique() -> None:
    inside = of(All(nodes=(DM, AnyOf(nodes=(ADULT, ACTIVE)))))["definitionByCombination"]["characteristic"]
    links = [inside[0]["linkId"], inside[1]["linkId"]]
    links += [c["linkId"] for c in inside[1]["definitionByCombination"]["characteristic"]]
    assert links == ["inc-9.1", "inc-9.2", "inc-9.2.1", "inc-9.2.2"]


def study(**changes: Any) -> Resource:
    return only("ResearchStudy", REGISTERED.model_copy(update=changes), TO_R5)


@pytest.mark.parametrize("registry", sorted(CODES["TrialRecord", "overall_status"]))
def test_the_status_of_the_study_is_its_progress(registry: str) -> None:
    found = study(overall_status=registry)
    assert found["status"] == ("retired" if registry == "WITHHELD" else "active")
    assert found["progressStatus"][0]["state"]["text"] == registry
    assert research_study.read(found)["status"] == registry


def test_without_a_status_there_is_none() -> None:
    assert research_study.read(study(overall_status=None))["status"] == ""


def test_everybody_is_an_associated_party_with_a_role() -> None:
    nobody = Official(name="N. N.", role=None)
    desk = Contact(name="Desk", phone="1", role="CONTACT")
    found = study(overall_officials=(nobody,), central_contacts=(desk,))
    parties = {p["name"]: p for p in found["associatedParty"]}
    assert {name: p["role"].get("coding", [{}])[0].get("code") for name, p in parties.items()} == {
        "University Hospital": "lead-sponsor",
        "Maker Ltd": "collaborator",
        "N. N.": None,
        "Desk": "general-contact",
    }
    assert parties["N. N."]["role"] == {"text": "Role not given"}
    contained = {c["id"]: c for c in found["contained"]}
    assert contained[parties["Desk"]["party"]["reference"][1:]]["contact"] == [
        {"telecom": [{"system": "phone", "value": "1"}]}
    ]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("BACKGROUND", "cites"), ("DERIVED", "cited-by"), ("RESULT", "citation"), (None, "citation")],
)
def test_citations(kind: str | None, expected: str) -> None:
    (first, *_) = study(references=(Reference(pmid="1", type=kind, citation="A."),))["relatedArtifact"]
    assert first["type"] == expected
    assert first["document"] == {"url": "https://pubmed.ncbi.nlm.nih.gov/1"}


def test_data_and_the_page_that_it_is_from_are_two_documents() -> None:
    given = {
        "type": "derived-from",
        "url": "https://x.example",
        "document": {"contentType": "text/plain", "data": "YQ=="},
    }
    data, page = related_artifact.r5([given])
    assert (data["document"], page["document"]) == (given["document"], {"url": "https://x.example"})


def test_eligibility_leads_to_all_its_forms() -> None:
    found = study()
    here = {f"{r['resourceType']}/{r['id']}" for r in published(REGISTERED, TO_R5)}
    forms = [a for a in found["relatedArtifact"] if a["type"] == "composed-of"]
    named = [found["recruitment"]["eligibility"]["reference"]]
    named += [a["resourceReference"]["reference"] for a in forms if "resourceReference" in a]
    named += [a["resource"].removeprefix(f"{TO_R5.base}/") for a in forms if "resource" in a]
    assert len(named) == 3
    assert set(named) <= here


@pytest.mark.parametrize(
    ("atom", "paths"),
    [
        (
            Medication(concept="dermatomyositis", window=YEAR),
            [
                ("MedicationStatement", "medication.concept", "effective"),
                ("MedicationAdministration", "medication.concept", "occurence"),
                ("MedicationDispense", "medication.concept", "whenHandedOver"),
                ("MedicationRequest", "medication.concept", "authoredOn"),
            ],
        ),
        (Encounter(reason="dermatomyositis", window=YEAR), [("Encounter", "reason.value.concept", "actualPeriod")]),
        (Condition(concept="dermatomyositis"), [("Condition", "code", None)]),
    ],
)
def test_requirements_name_r5s_elements(atom: Any, paths: list[tuple[str, str, str | None]]) -> None:
    found = data_requirements(atom, TO_R5)
    assert [
        (r["type"], r["codeFilter"][0]["path"], r["dateFilter"][0]["path"] if "dateFilter" in r else None)
        for r in found
    ] == paths


def test_a_procedure_occurs() -> None:
    (found,) = data_requirements(Procedure(concept="hysterectomy", window=YEAR), SITE)
    assert found["dateFilter"][0]["path"] == "occurrence"


def test_a_candidate_is_a_state_of_an_active_record() -> None:
    (draft,) = research_subject.r5(screening(verdict(Verdict.ELIGIBLE)), SITE)
    assert draft.resource["status"] == "active"
    assert draft.resource["subject"] == {"reference": "Patient/1"}
    assert draft.resource["progress"][0]["subjectState"]["coding"][0]["code"] == "candidate"
    assert draft.if_none_exist == "subject=Patient/1&study=ResearchStudy/nct01234567"


def test_a_list_is_about_its_study_and_forgets_whom_it_no_longer_speaks_of() -> None:
    gone, back = (
        screening_list.r5(summed(verdict(level)), SITE)[0].resource for level in (Verdict.INELIGIBLE, Verdict.ELIGIBLE)
    )
    assert gone["subject"] == [{"reference": "ResearchStudy/nct01234567"}]
    assert len(gone["extension"]) == 1
    assert "extension" not in back
    merged = screening_list.merge(gone, back)
    assert merged is not None
    assert "extension" not in merged
    assert screening_list.merge(merged, back) is None


def test_nobody_is_proposed_for_a_trial_that_nobody_reviewed() -> None:
    assert research_subject.r5(screening(match(of=trial(reviewed=False))), SITE) == []
