"""The quick pass and the careful reader give the same facts, patients and problems, whatever the document holds."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest
from corpus import SYNTHEA, needs_corpus
from patients.fact_cases import PERSON, cases, facts_in_case
from patients.same_facts import spelled

from fhirtrial.errors import PatientError
from fhirtrial.patients import chunk, facts_of, read_patients
from fhirtrial.patients.elements import Coding, Concept, Dosage, Period, Quantity, Range, Repeat, Timing
from fhirtrial.patients.facts import Patient as Subject
from fhirtrial.patients.facts import Vocabulary
from fhirtrial.patients.found import UnusualError
from fhirtrial.patients.medication_resources import DispenseRequest
from fhirtrial.patients.references import References
from fhirtrial.patients.skim import SHAPES, Shape
from fhirtrial.patients.source import Source
from fhirtrial.samples import sample_bundles

TABLES = (
    "completeness.yaml",
    "conditions.yaml",
    "dosage.yaml",
    "events.yaml",
    "medications.yaml",
    "observations.yaml",
    "references.yaml",
    "relatives_and_answers.yaml",
    "subject.yaml",
)
OBSERVATION = {
    "resourceType": "Observation",
    "id": "o",
    "status": "final",
    "subject": {"reference": "Patient/p"},
    "code": {"coding": [{"system": "http://loinc.org", "code": "2160-0"}]},
    "effectiveDateTime": "2024-05-01T10:00:00+02:00",
    "valueQuantity": {"value": 1.5, "unit": "mg/dL"},
}


def carefully(monkeypatch: pytest.MonkeyPatch, read: Any) -> Any:
    def refuse(*_: object) -> None:
        raise UnusualError

    with monkeypatch.context() as patched:
        patched.setattr(chunk, "of_bundle", refuse)
        patched.setattr(chunk, "of_lines", refuse)
        return read()


def read(data: Any) -> Any:
    try:
        return spelled([facts_of(data)])
    except PatientError as error:
        return str(error)


def changed(**fields: Any) -> dict[str, Any]:
    return {**OBSERVATION, **fields}


DOCUMENTS: dict[str, list[dict[str, Any]]] = {
    "an Observation": [OBSERVATION],
    "the same content under two ids": [OBSERVATION, changed(id="o2")],
    "another number and day": [OBSERVATION, changed(id="o2", valueQuantity={"value": 2, "unit": "mg/dL"})],
    "no number": [OBSERVATION, changed(id="o2", valueQuantity={"unit": "mg/dL"})],
    "no number but a reason": [changed(valueQuantity={"unit": "g"}, dataAbsentReason={"text": "unknown"})],
    "null number": [changed(valueQuantity={"value": None, "unit": "mg/dL"}), changed(id="o2")],
    "a comparator": [OBSERVATION, changed(id="o2", valueQuantity={"value": 1.5, "comparator": "<", "unit": "mg/dL"})],
    "a comparator FHIR does not have": [changed(valueQuantity={"value": 1.5, "comparator": "~"})],
    "components": [
        changed(component=[{"code": {"text": "a"}, "valueQuantity": {"value": 1}}, {"code": {"text": "b"}}])
    ],
    "a range on top": [changed(valueQuantity={"value": 3, "unit": "g"}, referenceRange=[{"high": {"value": 9}}])],
    "a day that does not exist": [changed(effectiveDateTime="2024-02-30"), changed(id="o2")],
    "a month": [OBSERVATION, changed(id="o2", effectiveDateTime="2024-05")],
    "a period that ends before it starts": [
        changed(effectiveDateTime=None, effectivePeriod={"start": "2024-02-02", "end": "2024-01-01"})
    ],
    "a bad status beside a good one": [OBSERVATION, changed(id="o2", status="done")],
    "entered in error": [changed(status="entered-in-error"), changed(id="o2")],
    "a type error": [changed(code="creatinine"), changed(id="o2")],
    "somebody else's": [OBSERVATION, changed(id="o2", subject={"reference": "Patient/q"})],
    "a group's": [OBSERVATION, changed(id="o2", subject={"reference": "Group/g"})],
    "nobody's": [OBSERVATION, {key: value for key, value in changed(id="o2").items() if key != "subject"}],
    "the same id twice": [OBSERVATION, changed(valueQuantity={"value": 9})],
    "no id": [OBSERVATION, {key: value for key, value in OBSERVATION.items() if key != "id"}],
    "versions": [changed(meta={"versionId": "3", "lastUpdated": "2024-06-01T00:00:00Z"}), changed(id="o2")],
    "masked": [changed(meta={"security": [{"code": "REDACTED"}]}), changed(id="o2")],
    "a label that hides nothing": [
        changed(meta={"tag": [{"code": "t"}]}),
        changed(id="o2", meta={"tag": [{"code": "u"}]}),
    ],
    "a modifier": [changed(modifierExtension=[{"url": "x"}])],
    "a focus": [changed(focus=[{"reference": "Patient/p"}]), changed(id="o2", focus=[{"reference": "Device/d"}])],
    "a code that is masked": [
        changed(
            code={
                "text": "x",
                "extension": [
                    {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}
                ],
            }
        )
    ],
}


@pytest.mark.parametrize("resources", [pytest.param(found, id=name) for name, found in DOCUMENTS.items()])
def test_both_ways_give_the_same(resources: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    data = orjson.dumps(
        {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in (PERSON, *resources)]}
    )
    expected = carefully(monkeypatch, lambda: read(data))
    assert read(data) == expected
    assert read(data) == expected, "what was learned from the first reading changes the second"


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in cases(*TABLES)])
def test_both_ways_give_the_same_for_the_tables(case: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    expected = carefully(monkeypatch, lambda: spelled([facts_in_case(case)]))
    assert spelled([facts_in_case(case)]) == expected


def test_both_ways_give_the_same_for_the_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    def all_of_them() -> Any:
        return spelled(read_patients(sample_bundles() / "patients"))

    assert all_of_them() == carefully(monkeypatch, all_of_them)


SAMPLES: dict[str, Any] = {
    "date": "2024-05-01",
    "Period": Period("2024-05-01", "2024-05-09"),
    "Quantity": Quantity(40.0, code="a"),
    "Range": Range(Quantity(1.0, code="mo"), Quantity(2.0, code="mo")),
    "Timing": Timing(event=("2024-05",)),
    "DispenseRequest": DispenseRequest(expected_supply_duration=Quantity(9.0, code="d")),
    "tuple": (Dosage(timing=Timing(repeat=Repeat(bounds_duration=Quantity(3.0, code="wk")))),),
    "Concept": Concept((Coding(code="resolved"),)),
    "bool": True,
}


@pytest.mark.parametrize("shape", [pytest.param(shape, id=shape.kind.__name__) for shape in SHAPES.values()])
def test_times_read_nothing_but_what_is_declared(shape: Shape) -> None:
    """Every choice of a time by itself, once from the whole resource and once from what its times are known by."""
    source = Source(Subject("Patient/p", birth=(0, 0)), 0, References([]), Vocabulary(), [])
    kinds = {one.name: one.type for one in msgspec.structs.fields(shape.kind)}
    names = (*shape.names[shape.dates : shape.usual], *shape.timed)
    for name in names:
        spelled_type = "date" if kinds[name] is str else str(kinds[name])
        sample = next(value for kind, value in SAMPLES.items() if kind in spelled_type)
        given = ({"status": "completed"} if "status" in kinds else {}) | ({name: sample} if name != "status" else {})
        whole = shape.kind(**given)
        dated = shape.dated(*(getattr(whole, one) for one in names))
        assert shape.times(dated, source) == shape.times(whole, source), name


def test_reasons_follow_references_to_what_they_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two orders with the same bytes but for the reference: each has the code of the condition it names."""
    conditions = [
        {
            "resourceType": "Condition",
            "id": f"c{n}",
            "subject": {"reference": "Patient/p"},
            "code": {"text": f"reason {n}"},
        }
        for n in (1, 2)
    ]
    orders = [
        {
            "resourceType": "MedicationRequest",
            "id": f"m{n}",
            "status": "active",
            "intent": "order",
            "subject": {"reference": "Patient/p"},
            "medicationCodeableConcept": {"text": "a medicine"},
            "reasonReference": [{"reference": f"Condition/c{n}"}],
        }
        for n in (1, 2, 3)
    ]
    data = orjson.dumps(
        {
            "resourceType": "Bundle",
            "type": "collection",
            "entry": [{"resource": r} for r in (PERSON, *conditions, *orders)],
        }
    )
    found = facts_of(data)
    reasons = [found.vocabulary.codes.values[n].text for n in found.columns["reason"].tolist()]
    assert reasons == ["", "", "reason 1", "reason 2", ""]
    assert [problem.path for problem in found.problems] == ["entry[5].resource.reasonReference[0]"]
    assert read(data) == carefully(monkeypatch, lambda: read(data))


@needs_corpus
def test_both_ways_give_the_same_for_the_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    some = tmp_path / "some.ndjson"
    with gzip.open(SYNTHEA) as lines:
        some.write_bytes(b"".join(line for _, line in zip(range(25), lines, strict=False)))
    assert spelled(read_patients(some)) == carefully(monkeypatch, lambda: spelled(read_patients(some)))
    single = tmp_path / "single"
    single.mkdir()
    for line in some.read_bytes().splitlines()[:4]:
        for entry in json.loads(line)["entry"]:
            resource = json.dumps(entry["resource"]).replace('"urn:uuid:', '"Patient/')
            with (single / f"{entry['resource']['resourceType']}.ndjson").open("a") as file:
                file.write(resource + "\n")
    assert spelled(read_patients(single)) == carefully(monkeypatch, lambda: spelled(read_patients(single)))
