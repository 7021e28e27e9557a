"""The real server refuses what a hospital's server refuses; the end-to-end tests mean nothing unless it does."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
import requests

pytestmark = pytest.mark.java

Json = dict[str, Any]
MRN = "http://hospital.example/mrn"
SECONDS = 60


@pytest.fixture
def mrn() -> str:
    """The tests share one server, so each has patients of its own."""
    return str(uuid.uuid4())


def patient(mrn: str) -> Json:
    return {"resourceType": "Patient", "identifier": [{"system": MRN, "value": mrn}], "gender": "female"}


def observation(subject: str, **changed: Any) -> Json:
    code = {"coding": [{"system": "http://snomed.info/sct", "code": "271649006"}]}
    plain: Json = {"resourceType": "Observation", "status": "final", "code": code, "subject": {"reference": subject}}
    return plain | changed


def entry(resource: Json, **request: str) -> Json:
    plain = {"method": "POST", "url": resource["resourceType"]}
    return {"fullUrl": f"urn:uuid:{uuid.uuid4()}", "resource": resource, "request": plain | request}


def transact(base: str, *entries: Json) -> requests.Response:
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}
    return requests.post(base, json=bundle, timeout=SECONDS)


def search(base: str, query: str) -> Json:
    found: Json = requests.get(f"{base}/{query}", timeout=SECONDS).json()
    return found


def patients(base: str, mrn: str) -> int:
    return len(search(base, f"Patient?identifier={MRN}|{mrn}").get("entry", []))


def errors(response: requests.Response) -> str:
    outcome = response.json()
    assert outcome["resourceType"] == "OperationOutcome", outcome
    return " | ".join(issue["diagnostics"] for issue in outcome["issue"] if issue["severity"] in {"error", "fatal"})


def test_nothing_stays_of_a_transaction_with_a_code_outside_a_required_binding(hapi: str, mrn: str) -> None:
    first = entry(patient(mrn))
    refused = transact(hapi, first, entry(observation(first["fullUrl"], status="zzz")))
    assert refused.status_code == 422
    assert "zzz" in errors(refused)
    assert patients(hapi, mrn) == 0


def test_nothing_stays_of_a_transaction_that_fails_on_the_last_write(hapi: str, mrn: str) -> None:
    refused = transact(hapi, entry(patient(mrn)), entry(observation("Patient/nobody")))
    assert refused.status_code in {400, 412, 422}
    assert "Patient/nobody" in errors(refused)
    assert patients(hapi, mrn) == 0


def test_a_status_that_does_not_exist_is_refused(hapi: str) -> None:
    study = {"resourceType": "ResearchStudy", "status": "zzz"}
    refused = requests.post(f"{hapi}/ResearchStudy", json=study, timeout=SECONDS)
    assert refused.status_code == 422
    assert "zzz" in errors(refused)


def test_a_broken_invariant_is_refused(hapi: str) -> None:
    member = [{"entity": {"reference": "Patient/1"}}]
    group = {"resourceType": "Group", "type": "person", "actual": False, "member": member}
    refused = requests.post(f"{hapi}/Group", json=group, timeout=SECONDS)
    assert refused.status_code == 422
    assert "grp-1" in errors(refused)


def test_a_reference_to_a_missing_patient_is_refused(hapi: str) -> None:
    refused = requests.post(f"{hapi}/Observation", json=observation("Patient/nobody"), timeout=SECONDS)
    assert refused.status_code in {400, 422}
    assert "Patient/nobody" in errors(refused)


def test_conditional_create_twice_gives_one_resource(hapi: str, mrn: str) -> None:
    once = {"ifNoneExist": f"identifier={MRN}|{mrn}"}
    statuses = [transact(hapi, entry(patient(mrn), **once)).json()["entry"][0]["response"]["status"] for _ in "12"]
    assert [status[:3] for status in statuses] == ["201", "200"]
    assert patients(hapi, mrn) == 1


def test_conditional_update_creates_then_updates(hapi: str, mrn: str) -> None:
    put = {"method": "PUT", "url": f"Patient?identifier={MRN}|{mrn}"}
    changed = patient(mrn) | {"gender": "male"}
    answers = [transact(hapi, entry(each, **put)).json()["entry"][0]["response"] for each in (patient(mrn), changed)]
    assert [answer["status"][:3] for answer in answers] == ["201", "200"]
    assert answers[1]["location"].endswith("/_history/2")
    assert patients(hapi, mrn) == 1


def test_a_stale_if_match_is_refused(hapi: str, mrn: str) -> None:
    url = f"{hapi}/Patient/p-{mrn}"
    for gender in ("female", "male"):
        body = patient(mrn) | {"id": f"p-{mrn}", "gender": gender}
        assert requests.put(url, json=body, timeout=SECONDS).status_code in {200, 201}
    stale = requests.put(url, json=body, headers={"If-Match": 'W/"1"'}, timeout=SECONDS)
    assert stale.status_code in {409, 412}


def test_a_conditional_reference_is_resolved_inside_a_transaction(hapi: str, mrn: str) -> None:
    held = requests.post(f"{hapi}/Patient", json=patient(mrn), timeout=SECONDS).json()["id"]
    assert transact(hapi, entry(observation(f"Patient?identifier={MRN}|{mrn}"))).status_code == 200
    [found] = search(hapi, f"Observation?patient={held}")["entry"]
    assert found["resource"]["subject"]["reference"] == f"Patient/{held}"


def test_a_conditional_reference_without_a_match_is_refused(hapi: str, mrn: str) -> None:
    refused = transact(hapi, entry(observation(f"Patient?identifier={MRN}|{mrn}")))
    assert refused.status_code in {400, 404, 412}
    assert mrn in errors(refused)


def test_a_long_result_is_paged_to_its_end(hapi: str, mrn: str) -> None:
    first = entry(patient(mrn))
    assert transact(hapi, first, *(entry(observation(first["fullUrl"])) for _ in range(5))).status_code == 200
    page, sizes = search(hapi, f"Observation?patient.identifier={MRN}|{mrn}&_count=2"), []
    while True:
        sizes.append(len(page["entry"]))
        following = [link["url"] for link in page["link"] if link["relation"] == "next"]
        if not following:
            break
        page = requests.get(following[0], timeout=SECONDS).json()
    assert sizes == [2, 2, 1]


def test_foreign_codes_and_unknown_extensions_are_accepted(hapi: str, mrn: str) -> None:
    own = [{"url": "https://trials.example/StructureDefinition/reason", "valueCode": "absent"}]
    first = entry(patient(mrn) | {"extension": own})
    accepted = transact(hapi, first, entry(observation(first["fullUrl"], extension=own)))
    assert accepted.status_code == 200, errors(accepted)


CODE = {"text": "text"}
STORABLE: list[Json] = [
    {"resourceType": "ResearchStudy", "status": "active"},
    {"resourceType": "PlanDefinition", "status": "draft", "library": ["https://trials.example/Library/x"]},
    {"resourceType": "ActivityDefinition", "status": "draft"},
    {"resourceType": "Library", "status": "draft", "type": CODE},
    {
        "resourceType": "ValueSet",
        "status": "draft",
        "url": "https://trials.example/ValueSet/x",
    },  # HAPI insists on a url
    {"resourceType": "Questionnaire", "status": "draft"},
    {"resourceType": "Measure", "status": "draft"},
    {"resourceType": "Group", "type": "person", "actual": False},
    {"resourceType": "Device", "deviceName": [{"name": "matcher", "type": "other"}]},
    {"resourceType": "List", "status": "current", "mode": "working"},
    {"resourceType": "GuidanceResponse", "status": "success", "moduleUri": "https://trials.example/PlanDefinition/x"},
    {
        "resourceType": "MeasureReport",
        "status": "complete",
        "type": "summary",
        "measure": "https://trials.example/Measure/x",
        "period": {"start": "2026-01-01", "end": "2026-01-01"},
    },
]


@pytest.mark.parametrize("resource", STORABLE, ids=lambda resource: resource["resourceType"])
def test_a_resource_is_stored_under_the_id_its_client_gave(hapi: str, mrn: str, resource: Json) -> None:
    place = f"{resource['resourceType']}/x-{mrn}"
    stored = transact(hapi, entry(resource | {"id": f"x-{mrn}"}, method="PUT", url=place))
    assert stored.status_code == 200, errors(stored)
    assert search(hapi, place)["id"] == f"x-{mrn}"


def test_results_that_point_at_a_patient_are_stored(hapi: str, mrn: str) -> None:
    who, study = entry(patient(mrn)), entry({"resourceType": "ResearchStudy", "status": "active"})
    subject = {
        "resourceType": "ResearchSubject",
        "status": "candidate",
        "study": {"reference": study["fullUrl"]},
        "individual": {"reference": who["fullUrl"]},
    }
    provenance = {
        "resourceType": "Provenance",
        "target": [{"reference": study["fullUrl"]}],
        "recorded": "2026-01-01T00:00:00Z",
        "agent": [{"who": {"display": "matcher"}}],
    }
    stored = transact(hapi, who, study, entry(subject), entry(provenance))
    assert stored.status_code == 200, errors(stored)


@pytest.mark.parametrize("fhir", ["R4", "R5"])
def test_the_validator_judges_each_resource_in_order(hl7_validate: Callable[..., Any], fhir: str) -> None:
    good = {"resourceType": "ResearchStudy", "id": "good", "status": "active"}
    bad = good | {"id": "bad", "status": "zzz"}
    stray = good | {"id": "stray", "colour": "green"}
    verdicts = hl7_validate([good, bad, stray], fhir)
    assert [(verdict.index, verdict.resource_type, verdict.id) for verdict in verdicts] == [
        (0, "ResearchStudy", "good"),
        (1, "ResearchStudy", "bad"),
        (2, "ResearchStudy", "stray"),
    ]
    assert verdicts[0].errors == ()
    assert any("zzz" in error for error in verdicts[1].errors)
    assert any("colour" in error for error in verdicts[2].errors)
