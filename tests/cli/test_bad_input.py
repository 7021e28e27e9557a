"""Bad input: one clear line each, the rest goes on, nothing is guessed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from desk import Desk
from shipped import RECORDS
from small_trial import bundle, condition, patient_file, person

ON = ("--on", "2026-11-01")


def creatinine(name: str = "o1", **more: Any) -> dict[str, Any]:
    code = {"coding": [{"system": "http://loinc.org", "code": "2160-0"}]}
    own = {"resourceType": "Observation", "id": name, "status": "final", "code": code}
    return {**own, "subject": {"reference": "Patient/ada"}, "effectiveDateTime": "2026-10-20", **more}


def value(number: object, unit: str = "mg/dL") -> dict[str, Any]:
    return {"valueQuantity": {"value": number, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}}


def order(**more: Any) -> dict[str, Any]:
    own = {"resourceType": "MedicationRequest", "id": "m1", "status": "active", "intent": "order"}
    return {**own, "subject": {"reference": "Patient/ada"}, "authoredOn": "2026-10-01", **more}


DEEP = b'{"resourceType":"Bundle","type":"collection","entry":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
# content, what the one line says, and whether Ada can be judged all the same
BAD: dict[str, tuple[object, tuple[str, ...], bool]] = {
    "malformed JSON": (b'{"resourceType": "Bundle", "entry": [', ("bad.json", "truncated"), False),
    "no JSON": (b"Dear colleague,", ("bad.json", "malformed"), False),
    "an empty file": (b"", ("bad.json", "empty"), False),
    "a JSON number": (b"12", ("bad.json", "object"), False),
    "deep nesting": (DEEP, ("bad.json", "nested too deeply"), False),
    "an unknown resourceType": ({"resourceType": "Bumdle"}, ("bad.json", "resourceType"), False),
    "a Bundle without a Patient": (bundle(condition()), ("bad.json", "no Patient"), False),
    "no birth date": (bundle(person(birth=None)), ("Patient/ada", "no birth date"), True),
    "a future birth date": (bundle(person(birth="2030-01-01")), ("Patient/ada", "in the future"), True),
    "a date that does not exist": (bundle(person(birth="1980-13-45")), ("Patient/ada", "birthDate"), True),
    "a subject that is not here": (
        bundle(person(), condition(subject={"reference": "Patient/eve"})),
        ("Condition/c1", "subject that is not here"),
        True,
    ),
    "a dangling reference": (
        bundle(person(), order(medicationReference={"reference": "Medication/gone"})),
        ("MedicationRequest/m1", "medicationReference"),
        True,
    ),
    "one id twice": (
        bundle(person(), creatinine(**value(1.0)), creatinine(**value(4.0))),
        ("Observation/o1", "same id twice"),
        True,
    ),
    "a wrong type of value": (
        bundle(person(), creatinine(**value("high"))),
        ("Observation/o1", "valueQuantity.value"),
        True,
    ),
    "a wrong type of status": (bundle(person(), creatinine(status=7)), ("Observation/o1", "status"), True),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(cli: Desk, tmp_path: Path, trials: Path, name: str) -> None:
    content, says, judged = BAD[name]
    folder = tmp_path / "patients"
    patient_file(folder, content, "bad.json")
    patient_file(folder, bundle(person("zoe", "1970-01-01")), "good.json")
    said = cli("match", "--trials", trials, "--patients", folder, *ON)
    assert said.code == 1
    (line,) = said.problems
    assert all(words in line for words in ("bad.json", *says))
    assert ";" in line  # what to do about it
    verdicts = {line["patient"]: line["verdict"] for line in said.lines}
    assert verdicts.pop("Patient/zoe") == "eligible"
    assert set(verdicts) == ({"Patient/ada"} if judged else set())


@pytest.mark.parametrize("birth", [None, "2030-01-01", "1980-13-45"])
def test_an_unknown_age_is_no_age(cli: Desk, tmp_path: Path, trials: Path, birth: str | None) -> None:
    said = cli("match", "--trials", trials, "--patients", patient_file(tmp_path, bundle(person(birth=birth))), *ON)
    assert {c["id"]: c["truth"] for c in said.lines[0]["criteria"]} == dict.fromkeys(
        ("inc-1", "exc-1", "age"), "unknown"
    )


@pytest.mark.parametrize(
    ("quantity", "why"),
    [
        ({"valueQuantity": {"value": 4.0}}, "unit-not-convertible"),
        (value(4.0, "furlong"), "unit-not-convertible"),
        (value(4.0, "U/L"), "unit-not-convertible"),
    ],
    ids=["without a unit", "no unit", "another kind of unit"],
)
def test_a_value_that_cannot_be_compared_is_unknown(
    cli: Desk, tmp_path: Path, quantity: dict[str, Any], why: str
) -> None:
    file = patient_file(tmp_path, bundle(person(), creatinine(**quantity)))
    said = cli("match", "--trials", RECORDS / "NCT03192657.json", "--patients", file, *ON)
    renal = next(c for c in said.lines[0]["criteria"] if c["id"] == "exc-4")
    assert renal["truth"] == "unknown"
    assert why in renal["reasons"]
    assert [e["resource"] for e in renal["evidence"]] == ["Observation/o1"]


def test_several_patients_in_a_bundle_are_told_apart(cli: Desk, tmp_path: Path, trials: Path) -> None:
    file = patient_file(tmp_path, bundle(person("ada", "1980-02-03"), person("bea", "2020-02-03")))
    said = cli("match", "--trials", trials, "--patients", file, *ON)
    assert {line["patient"]: line["verdict"] for line in said.lines} == {
        "Patient/ada": "eligible",
        "Patient/bea": "ineligible",
    }


def test_a_file_over_the_limit_is_not_read(cli: Desk, tmp_path: Path, trials: Path, patients: Path) -> None:
    with (patients / "huge.json").open("wb") as file:
        file.truncate(300 * 2**20)  # sparse: no disk is used
    said = cli("match", "--trials", trials, "--patients", patients, *ON)
    assert said.code == 1
    (line,) = said.problems
    assert "huge.json" in line
    assert "268,435,456" in line
    assert len(said.lines) == 2


def test_an_empty_folder(cli: Desk, tmp_path: Path, trials: Path) -> None:
    (tmp_path / "empty").mkdir()
    said = cli("match", "--trials", trials, "--patients", tmp_path / "empty", *ON)
    assert (said.code, said.out) == (1, "")
    assert ["empty" in line for line in said.problems] == [True]


def test_no_message_quotes_a_patient(cli: Desk, tmp_path: Path, trials: Path) -> None:
    named = person(birth="Godsday", name=[{"family": "Lovelace"}], telecom=[{"system": "phone", "value": "555-0199"}])
    bad = creatinine(**value("Lovelace"), note=[{"text": "Lovelace called from 555-0199"}])
    said = cli("match", "--trials", trials, "--patients", patient_file(tmp_path, bundle(named, bad)), *ON)
    assert said.code == 1
    for secret in ("Lovelace", "555-0199", "Godsday"):
        assert secret not in said.out + said.err
