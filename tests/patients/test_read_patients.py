"""Patients from files, folders, NDJSON of both kinds, gzip and streams: nothing is lost, and order is fixed."""

from __future__ import annotations

import gzip
import io
import json
import random
from pathlib import Path
from typing import Any

import pytest
from patients.fact_cases import bundle, cell

from fhirtrial.errors import PatientError
from fhirtrial.patients import ALL, Limits, read_patients
from fhirtrial.patients.facts import Facts, Family, Level


def person(name: str, **fields: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": name, "birthDate": "1980", **fields}


def condition(name: str, subject: str, **fields: Any) -> dict[str, Any]:
    return {"resourceType": "Condition", "id": name, "subject": {"reference": subject}, **fields}


def lines(*resources: Any) -> bytes:
    return b"".join((r if isinstance(r, bytes) else json.dumps(r).encode()) + b"\n" for r in resources)


def one(name: str) -> dict[str, Any]:
    return bundle(person(name), condition(f"c-{name}", f"Patient/{name}"))


def summary(chunks: list[Facts]) -> list[tuple[str, list[str]]]:
    """Each patient with the resources of their rows."""
    return [
        (
            patient.reference,
            [cell(facts, "resource", row) for row in range(len(facts)) if facts.row(row).patient == number],
        )
        for facts in chunks
        for number, patient in enumerate(facts.patients)
    ]


def problems(chunks: list[Facts]) -> list[str]:
    return [str(problem) for facts in chunks for problem in facts.problems]


def test_a_bundle(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_text(json.dumps(one("a"), indent=2))
    assert summary(list(read_patients(path))) == [("Patient/a", ["Condition/c-a"])]


def test_a_folder_in_the_order_of_names_with_folders_inside(tmp_path: Path) -> None:
    (tmp_path / "ward").mkdir()
    for name, where in (("b", "2.json"), ("a", "10.json"), ("c", "ward/3.json")):
        (tmp_path / where).write_text(json.dumps(one(name)))
    (tmp_path / "notes.txt").write_text("not FHIR")
    found = list(read_patients(tmp_path))
    assert [reference for reference, _ in summary(found)] == ["Patient/a", "Patient/b", "Patient/c"]
    assert problems(found) == []


@pytest.mark.parametrize("name", ["x.ndjson", "x.jsonl", "x.json", "x.ndjson.gz", "x.json.gz", "x.ndjson.GZ"])
def test_bundles_one_per_line(tmp_path: Path, name: str) -> None:
    data = lines(one("b"), one("a"))
    (tmp_path / name).write_bytes(gzip.compress(data) if name.lower().endswith("gz") else data)
    assert summary(list(read_patients(tmp_path))) == [
        ("Patient/b", ["Condition/c-b"]),
        ("Patient/a", ["Condition/c-a"]),
    ]


def test_compression_is_told_from_the_content(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(gzip.compress(json.dumps(one("a")).encode()))
    (tmp_path / "b.json.gz").write_bytes(json.dumps(one("b")).encode())
    assert [reference for reference, _ in summary(list(read_patients(tmp_path)))] == ["Patient/a", "Patient/b"]


EXPORT: list[dict[str, Any]] = [
    person("b", identifier=[{"system": "urn:oid:1.2.3", "value": "7"}]),
    person("a"),
    condition("1", "Patient/a"),
    condition("2", "Patient/b/_history/4"),
    condition("3", "http://s.org/fhir/Patient/b"),
    {"resourceType": "Condition", "id": "4", "subject": {"identifier": {"system": "urn:oid:1.2.3", "value": "7"}}},
    {"resourceType": "Medication", "id": "m", "code": {"text": "aspirin"}},
    {
        "resourceType": "MedicationStatement",
        "id": "s",
        "status": "active",
        "subject": {"reference": "Patient/a"},
        "medicationReference": {"reference": "Medication/m"},
    },
    {"resourceType": "Practitioner", "id": "dr", "identifier": [{"value": "1"}]},
    {"resourceType": "Observation", "id": "d", "status": "final", "subject": {"reference": "Device/1"}},
]


def test_resources_of_every_type_joined_by_subject(tmp_path: Path) -> None:
    (tmp_path / "all.ndjson").write_bytes(lines(*EXPORT))
    found = list(read_patients(tmp_path / "all.ndjson"))
    assert summary(found) == [
        ("Patient/a", ["Condition/1", "MedicationStatement/s"]),
        ("Patient/b", ["Condition/2", "Condition/3", "Condition/4"]),
    ]
    assert cell(found[0], "code", 1) == '"aspirin"'
    assert problems(found) == []


def test_an_export_by_type_in_any_order(tmp_path: Path) -> None:
    for kind in {resource["resourceType"] for resource in EXPORT}:
        of_kind = [resource for resource in EXPORT if resource["resourceType"] == kind]
        (tmp_path / f"{kind}.ndjson").write_bytes(lines(*of_kind))
    found = summary(list(read_patients(tmp_path)))
    shuffled = random.Random(7).sample(EXPORT, len(EXPORT))
    again = tmp_path / "again"
    again.mkdir()
    (again / "all.ndjson").write_bytes(lines(*shuffled))
    other = summary(list(read_patients(again)))
    assert [(name, sorted(rows)) for name, rows in found] == [(name, sorted(rows)) for name, rows in other]
    assert [name for name, _ in found] == ["Patient/a", "Patient/b"]


def test_a_family_that_the_export_holds_is_complete_for_everybody(tmp_path: Path) -> None:
    (tmp_path / "x.ndjson").write_bytes(lines(person("a"), person("b"), condition("1", "Patient/a")))
    (facts,) = read_patients(tmp_path)
    assert [p.coverage[Family.CONDITIONS].level for p in facts.patients] == [Level.COMPLETE, Level.COMPLETE]
    assert facts.patients[0].coverage[Family.PROCEDURES].level is Level.NOT_LOADED


def test_files_of_single_resources_are_joined_too(tmp_path: Path) -> None:
    for i, resource in enumerate(EXPORT):
        (tmp_path / f"{i}.json").write_text(json.dumps(resource, indent=1))
    assert summary(list(read_patients(tmp_path)))[0] == ("Patient/a", ["Condition/1", "MedicationStatement/s"])


def test_a_list_of_resources(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(json.dumps([person("a"), condition("1", "Patient/a")]))
    assert summary(list(read_patients(tmp_path))) == [("Patient/a", ["Condition/1"])]


def test_a_newer_version_wins_even_for_another_patient(tmp_path: Path) -> None:
    old = condition("1", "Patient/a", meta={"versionId": "1"})
    new = condition("1", "Patient/b", meta={"versionId": "2"})
    for order in ((old, new), (new, old)):
        (tmp_path / "x.ndjson").write_bytes(lines(person("a"), *order, person("b")))
        assert summary(list(read_patients(tmp_path))) == [("Patient/a", []), ("Patient/b", ["Condition/1"])]


@pytest.mark.parametrize(
    ("bad", "got", "level"),
    [
        (b'{"resourceType":"Condition",', "truncated", Level.PARTIAL),
        (b"\x00\x01", "malformed", Level.PARTIAL),
        ({"resourceType": "Condition", "id": "x"}, "nobody's", Level.PARTIAL),
        ({"resourceType": "Condition", "id": "x", "subject": []}, "nobody's", Level.PARTIAL),
        ({"resourceType": "Conditon", "id": "x"}, "a resourceType FHIR does not have", Level.PARTIAL),
        ({"resourceType": "OperationOutcome"}, "", Level.PARTIAL),
        (condition("x", "Patient/a", code=5), "got `int`", Level.PARTIAL),
        (condition("x", "Patient/gone"), "Patient/gone has resources (1) but no Patient", Level.COMPLETE),
        ({"resourceType": "Practitioner", "id": "x", "identifier": 5}, "", Level.COMPLETE),
        (b"   ", "", Level.COMPLETE),
    ],
)
def test_a_bad_line_costs_what_it_may_have_held(tmp_path: Path, bad: Any, got: str, level: Level) -> None:
    (tmp_path / "x.ndjson").write_bytes(lines(person("a"), bad, condition("1", "Patient/a")))
    (facts,) = read_patients(tmp_path)
    assert summary([facts]) == [("Patient/a", ["Condition/1"])]
    assert facts.patients[0].coverage[Family.CONDITIONS].level is level
    assert [got in problem for problem in problems([facts])] == ([True] if got else [])
    assert all("x.ndjson:2" in problem for problem in problems([facts]))


def test_a_bad_bundle_line_costs_only_itself(tmp_path: Path) -> None:
    (tmp_path / "x.ndjson").write_bytes(lines(one("a"), b"{", one("b")))
    found = list(read_patients(tmp_path))
    assert [reference for reference, _ in summary(found)] == ["Patient/a", "Patient/b"]
    assert len(problems(found)) == 1
    assert all(p.coverage[Family.CONDITIONS].level is Level.COMPLETE for p in found[0].patients)


def test_bad_files_are_reported_and_the_rest_goes_on(tmp_path: Path) -> None:
    (tmp_path / "1.json").write_text("{ not json")
    (tmp_path / "2.json").write_text("")
    (tmp_path / "3.json").write_text(json.dumps(bundle(person("a"))["entry"][0]))
    (tmp_path / "4.json.gz").write_bytes(gzip.compress(json.dumps(one("a")).encode())[:60])
    (tmp_path / "5.json").write_text(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": []}))
    (tmp_path / "6.json").write_bytes(b"[" * 50_000)
    (tmp_path / "7.json").write_text(json.dumps(one("z")))
    found = list(read_patients(tmp_path))
    assert summary(found) == [("Patient/z", ["Condition/c-z"])]
    said = problems(found)
    assert [str(i) for i in range(1, 7)] == sorted(line.removeprefix(str(tmp_path) + "/")[0] for line in said)
    assert all(problem.todo for problem in found[0].problems)


def test_sizes_are_bounded_without_reading_everything(tmp_path: Path) -> None:
    (tmp_path / "big.json").write_text(json.dumps(one("a"), indent=40))
    (tmp_path / "few.ndjson").write_bytes(lines(one("b"), bundle(person("c"), note="x" * 5_000), one("d")))
    zeros = b'{"resourceType":"Bundle","x":"' + b"0" * 10_000_000
    (tmp_path / "zip.json.gz").write_bytes(gzip.compress(zeros))
    found = list(read_patients(tmp_path, limits=Limits(size=600)))
    assert [reference for reference, _ in summary(found)] == ["Patient/b", "Patient/d"]
    said = problems(found)
    assert [line.removeprefix(str(tmp_path) + "/").split(" ")[0] for line in said] == [
        "big.json:",
        "few.ndjson:2:",
        "zip.json.gz:",
    ]
    assert all("more than the limit of 600 bytes" in line for line in said)


def test_a_file_of_300_megabytes_is_one_line(tmp_path: Path) -> None:
    with (tmp_path / "huge.json").open("wb") as file:
        file.truncate(300 * 2**20)
    found = list(read_patients(tmp_path))
    assert problems(found) == [
        (
            f"{tmp_path}/huge.json: more than the limit of 268,435,456 bytes for one document; "
            "split it into one Bundle per patient, or NDJSON; or raise the limit"
        )
    ]


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(PatientError, match="no such file or folder"):
        read_patients(tmp_path / "gone")
    with pytest.raises(PatientError, match="a folder without FHIR JSON"):
        read_patients(tmp_path)
    (tmp_path / "x.json").write_text(json.dumps({"resourceType": "Practitioner"}))
    assert "no Patient" in problems(list(read_patients(tmp_path)))[0]


@pytest.mark.parametrize(
    "data",
    [
        json.dumps(one("a")).encode(),
        json.dumps(one("a"), indent=2).encode(),
        lines(one("a")),
        lines(person("a"), condition("c-a", "Patient/a")),
        gzip.compress(lines(one("a"))),
        b"\n" + lines(one("a")),
    ],
)
def test_streams(data: bytes) -> None:
    found = list(read_patients(io.BytesIO(data)))
    assert summary(found) == [("Patient/a", ["Condition/c-a"])]
    assert found[0].patients[0].coverage[Family.CONDITIONS].level is Level.PARTIAL


def test_a_stream_is_partial_unless_the_caller_says_otherwise() -> None:
    def level(**said: Any) -> Level:
        (facts,) = read_patients(io.BytesIO(lines(one("a"))), **said)
        return facts.patients[0].coverage[Family.CONDITIONS].level

    assert level() is Level.PARTIAL
    assert level(partial=False) is Level.COMPLETE
    assert level(loaded=ALL) is Level.COMPLETE
    assert level(loaded=frozenset({Family.PROCEDURES})) is Level.PARTIAL


def test_a_stream_of_bundles_is_not_gathered_first() -> None:
    class Endless(io.RawIOBase):
        sent = 0

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            line = lines(one(f"p{self.sent}"))
            self.sent += 1
            buffer[: len(line)] = line
            return len(line)

    stream = io.BufferedReader(Endless())
    first = next(read_patients(stream, chunk=3))
    assert len(first.patients) == 3


def test_chunks(tmp_path: Path) -> None:
    (tmp_path / "x.ndjson").write_bytes(lines(*(one(f"p{i}") for i in range(7))))
    found = list(read_patients(tmp_path, chunk=3))
    assert [len(facts.patients) for facts in found] == [3, 3, 1]
    assert [int(facts.row(len(facts) - 1).patient) for facts in found] == [2, 2, 0]


def test_a_patient_in_two_bundles_is_complete_in_neither(tmp_path: Path) -> None:
    (tmp_path / "1.json").write_text(json.dumps(one("a")))
    (tmp_path / "2.json").write_text(json.dumps(bundle(person("a"), condition("other", "Patient/a"))))
    found = list(read_patients(tmp_path))
    assert summary(found) == [("Patient/a", ["Condition/c-a"]), ("Patient/a", ["Condition/other"])]
    assert found[0].patients[1].coverage[Family.CONDITIONS].level is Level.PARTIAL
    assert problems(found) == [
        (
            f"{tmp_path}/2.json: Patient/a: the same patient as in {tmp_path}/1.json; "
            "send one Bundle for each patient; this one counts as partial"
        )
    ]


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "x.ndjson").write_bytes(lines(*EXPORT))
    (tmp_path / "y.json").write_text(json.dumps(one("z")))
    one_, other = list(read_patients(tmp_path)), list(read_patients(tmp_path))
    assert [f.patients for f in one_] == [f.patients for f in other]
    assert [[c.tobytes() for c in f.columns.values()] for f in one_] == [
        [c.tobytes() for c in f.columns.values()] for f in other
    ]
