"""A bulk export gives the same facts however little fits in memory, and in whatever order its lines come."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from patients.same_facts import spelled

from fhirtrial.patients import Limits, export, read_patients
from fhirtrial.patients.export import Export, Gathered
from fhirtrial.patients.facts import Family, Level
from fhirtrial.patients.read import head_of
from fhirtrial.patients.runs import Room, Sorter
from fhirtrial.patients.sources import Piece

ROOMS = [Room(memory=0, runs=2), Room(memory=0, runs=64), Room(memory=2_000, runs=3), Room(memory=9_000, runs=7)]
HOSPITAL = "urn:oid:1.2.3"


def person(name: str, **fields: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": name, "birthDate": "1980", **fields}


def condition(name: str, subject: dict[str, Any], version: int = 1, **fields: Any) -> dict[str, Any]:
    meta = {"versionId": str(version)}
    return {"resourceType": "Condition", "id": name, "meta": meta, "subject": subject, "code": {"text": "x"}, **fields}


def deletion(*names: str) -> dict[str, Any]:
    entries = [{"request": {"method": "DELETE", "url": name}} for name in names]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def write(path: Path, resources: list[Any]) -> None:
    path.write_text("".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in resources))


def meant(r: random.Random, i: int) -> dict[str, Any]:
    """Patient i as a subject, spelled in one of the ways there are."""
    ways = [f"Patient/p{i}", f"https://s.example/fhir/Patient/p{i}", f"Patient/p{i}/_history/3"]
    ways.append(f"Patient?identifier={HOSPITAL}|{i}")
    named = {"identifier": {"system": HOSPITAL, "value": str(i)}}
    return r.choice([named, *({"reference": way} for way in ways)])


def world(r: random.Random) -> tuple[list[dict[str, Any]], dict[str, list[str]]]:
    """Lines of an export, and whose resources are whose: doubles, moves, deletions and strangers among them."""
    count = r.randint(1, 8)
    known = [i for i in range(count) if i == 0 or r.random() < 0.9]
    lines: list[dict[str, Any]] = []
    owned: dict[str, list[str]] = {f"Patient/p{i}": [] for i in known}
    lines += [person(f"p{i}", identifier=[{"system": HOSPITAL, "value": str(i)}]) for i in known]
    for k in range(r.randint(0, 50)):
        owner = 0
        for version in range(1, r.choice([2, 2, 2, 4])):
            owner = r.randrange(count + 1)
            lines += [condition(f"c{k}", meant(r, owner), version)] * r.choice([1, 1, 2])
        if k % 11 == 5:
            lines.append(deletion(f"Condition/c{k}"))
        elif owner in known:
            owned[f"Patient/p{owner}"].append(f"Condition/c{k}")
    if count > 2 and 1 in known and r.random() < 0.3:
        lines.append(deletion("Patient/p1"))
        del owned["Patient/p1"]
    return lines, {name: sorted(some) for name, some in sorted(owned.items())}


def labels(found: dict[str, Any]) -> dict[str, list[str]]:
    owned: dict[str, list[str]] = {patient.reference: [] for patient in found["patients"]}
    for row in found["rows"]:
        owned[row[0]].append(next(str(cell) for cell in row[1:] if str(cell).startswith("Condition/")))
    return {name: sorted(some) for name, some in owned.items()}


@pytest.mark.parametrize("seed", range(16))
def test_every_line_finds_its_patient_in_any_order_and_any_room(seed: int, tmp_path: Path) -> None:
    r = random.Random(seed)
    lines, owned = world(r)
    rows = []
    for turn in range(3):
        r.shuffle(lines)
        folder, parts = tmp_path / str(turn), r.randint(1, 4)
        folder.mkdir()
        for n in range(parts):
            write(folder / f"{n}.ndjson", lines[n::parts])
        found = spelled(read_patients(folder))
        assert list(labels(found).items()) == list(owned.items()), "whose is whose, in the order of references"
        for room in ROOMS:
            assert spelled(read_patients(folder, room=room)) == found, room
        rows.append((found["patients"], sorted(map(repr, found["rows"]))))
    assert rows[0] == rows[1] == rows[2]


@pytest.mark.parametrize("room", [Room(), *ROOMS])
def test_lines_come_sorted_as_often_as_asked(room: Room) -> None:
    r = random.Random(3)
    records = [(f"k{r.randrange(30)}", n, "name", n, 0, b"x" * r.randrange(400)) for n in range(500)]
    sorter = Sorter(room)
    for record in records:
        sorter.add(record)
    assert list(sorter.ordered()) == list(sorter.ordered()) == sorted(records)
    assert sorted(sorter.anyhow()) == sorted(records)
    sorter.close()


def test_a_line_longer_than_a_block(tmp_path: Path) -> None:
    long = condition("c", {"reference": "Patient/a"}, note=[{"text": "x" * 3_000_000}])
    write(tmp_path / "x.ndjson", [long, person("a")])
    assert spelled(read_patients(tmp_path, room=ROOMS[0])) == spelled(read_patients(tmp_path))


def test_the_first_patient_of_an_identifier_is_meant(tmp_path: Path) -> None:
    same = [{"system": HOSPITAL, "value": "7"}]
    subject = {"identifier": same[0]}
    write(tmp_path / "x.ndjson", [condition("c", subject), person("b", identifier=same), person("a", identifier=same)])
    for room in (Room(), *ROOMS):
        assert labels(spelled(read_patients(tmp_path, room=room)))["Patient/b"] == ["Condition/c"]


@pytest.mark.parametrize("subject", [{"identifier": {"system": HOSPITAL}}, {"identifier": {}}])
def test_an_identifier_without_a_value_names_nobody(subject: dict[str, Any], tmp_path: Path) -> None:
    empty = {"system": subject["identifier"].get("system", "")}
    write(tmp_path / "x.ndjson", [person("a", identifier=[empty]), condition("c", subject)])
    found = spelled(read_patients(tmp_path))
    assert found["rows"] == []
    assert ["nobody's" in problem for problem in found["problems"]] == [True]
    assert found["patients"][0].coverage[Family.CONDITIONS].level is Level.PARTIAL


def test_a_subject_by_identifier_that_nobody_has_is_not_spelled_out(tmp_path: Path) -> None:
    write(tmp_path / "x.ndjson", [person("a"), condition("c", {"identifier": {"system": HOSPITAL, "value": "4711"}})])
    (problem,) = spelled(read_patients(tmp_path))["problems"]
    assert "x.ndjson:2: subject: a subject by identifier has resources (1) but no Patient" in problem
    assert "4711" not in problem


def test_a_resource_of_two_patients_that_nothing_tells_apart_is_neithers(tmp_path: Path) -> None:
    two = [condition("c", {"reference": f"Patient/{name}"}) for name in "ab"]
    write(tmp_path / "x.ndjson", [person("a"), person("b"), *two])
    found = spelled(read_patients(tmp_path))
    assert found["rows"] == []
    assert [patient.coverage[Family.CONDITIONS].level for patient in found["patients"]] == [Level.PARTIAL] * 2
    assert ["Condition/c: the same id twice" in problem for problem in found["problems"]] == [True]


def test_a_version_elsewhere_that_cannot_be_read_is_named_and_counted(tmp_path: Path) -> None:
    bad = condition("c", {"reference": "Patient/b"}, 2, code=5)
    write(tmp_path / "x.ndjson", [person("a"), person("b"), condition("c", {"reference": "Patient/a"}), bad])
    found = spelled(read_patients(tmp_path))
    assert labels(found) == {"Patient/a": ["Condition/c"], "Patient/b": []}
    assert [patient.coverage[Family.CONDITIONS].level for patient in found["patients"]] == [Level.PARTIAL] * 2
    assert ["got `int`" in problem for problem in found["problems"]] == [True]


def test_a_line_nested_too_deeply_costs_itself(tmp_path: Path) -> None:
    deep = condition("c", {"reference": "Patient/a"}, code={"coding": [{"code": "1"}]})
    write(tmp_path / "x.ndjson", [person("a"), deep, condition("d", {"reference": "Patient/a"})])
    found = spelled(read_patients(tmp_path, limits=Limits(depth=3)))
    assert labels(found) == {"Patient/a": ["Condition/d"]}
    assert ["x.ndjson:2" in problem for problem in found["problems"]] == [True]
    assert found["patients"][0].coverage[Family.CONDITIONS].level is Level.PARTIAL


class Full:
    """A temporary file on a disk that has room for so many bytes."""

    left = 0

    def __init__(self, **given: Any) -> None:
        self._file = _TemporaryFile(**given)

    def write(self, data: bytes) -> int:
        Full.left -= len(data)
        if Full.left < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return int(self._file.write(data))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


_TemporaryFile = tempfile.TemporaryFile


@pytest.mark.parametrize("room_on_disk", [0, 100, 1_000, 3_000, 5_000, 8_000])
def test_a_full_disk_is_named_once_and_no_patient_is_half(
    room_on_disk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [person(f"p{i}", identifier=[{"system": HOSPITAL, "value": str(i)}]) for i in range(5)]
    lines += [condition(f"c{k}", meant(random.Random(k), k % 5)) for k in range(20)]
    lines += [condition("c1", {"reference": "Patient/p3"}, 2)]
    write(tmp_path / "1.ndjson", lines)
    entries = [{"resource": person("z")}]
    write(tmp_path / "2.ndjson", [{"resourceType": "Bundle", "type": "collection", "entry": entries}])
    Full.left = room_on_disk
    monkeypatch.setattr(tempfile, "TemporaryFile", Full)
    found = spelled(read_patients(tmp_path, room=Room(memory=500, runs=3, folder=tmp_path)))
    assert [patient.reference for patient in found["patients"]] == ["Patient/z"]
    (problem,) = found["problems"]
    assert problem == (
        f"{tmp_path}: temporary files cannot be used (No space left on device); make room, or name another folder in "
        "TMPDIR; patients in single resources are left out"
    )


def test_a_folder_for_temporary_files_that_is_not_there(tmp_path: Path) -> None:
    write(tmp_path / "1.ndjson", [person("a"), condition("c", {"reference": "Patient/a"})])
    found = spelled(read_patients(tmp_path, room=Room(memory=0, folder=tmp_path / "gone")))
    assert found["patients"] == []
    assert "temporary files cannot be used (No such file or directory)" in found["problems"][0]


_KILLED = """
import sys, time
from pathlib import Path
from fhirtrial.patients import read_patients
from fhirtrial.patients.runs import Room
found = read_patients(Path(sys.argv[1]), chunk=1, room=Room(memory=0, runs=2, folder=Path(sys.argv[2])))
print(next(found).patients[0].reference, flush=True)
time.sleep(60)
"""


def test_a_killed_reader_leaves_no_temporary_files(tmp_path: Path) -> None:
    source, folder = tmp_path / "source", tmp_path / "temporary"
    source.mkdir()
    folder.mkdir()
    write(source / "x.ndjson", [person("a"), person("b"), condition("c", {"reference": "Patient/a"})])
    with subprocess.Popen([sys.executable, "-c", _KILLED, source, folder], stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "Patient/a\n"
        assert list(folder.iterdir()) == [], "nobody else can open what waits there"
        reader.send_signal(signal.SIGKILL)
    assert list(folder.iterdir()) == []


_BYTES = """
import sys
from hashlib import sha256
from pathlib import Path
from fhirtrial.patients import read_patients
from fhirtrial.patients.runs import Room
said = sha256()
for facts in read_patients(Path(sys.argv[1]), room=Room(memory=3000, runs=3)):
    said.update(repr((facts.patients, facts.problems, facts.vocabulary.strings.values)).encode())
    for column in facts.columns.values():
        said.update(column.tobytes())
print(said.hexdigest())
"""


def test_the_same_bytes_however_strings_are_hashed(tmp_path: Path) -> None:
    lines, _ = world(random.Random(11))
    write(
        tmp_path / "x.ndjson",
        [*lines, person("q"), *(condition(f"t{n}", meant(random.Random(n), n)) for n in range(2))],
    )
    given = [sys.executable, "-c", _BYTES, str(tmp_path)]
    said = {
        subprocess.run(given, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(said) == 1


def gathered(patients: int, room: Room) -> Iterator[Gathered]:
    """Documents from lines that are made as they are taken, the patients in turn."""
    taken = Export(Limits(), room)
    for n in range(5):
        for i in range(patients):
            one = condition(f"c{i}-{n}", {"reference": f"Patient/p{i}"}) if n else person(f"p{i}")
            data = json.dumps(one).encode()
            head = head_of(data)
            assert head is not None
            taken.add(Piece("x.ndjson", n * patients + i + 1, data), head)
    yield from taken.documents()
    taken.close()


def test_memory_does_not_grow_with_the_export() -> None:
    peaks = {}
    for patients in (300, 1_500):
        tracemalloc.start()
        documents = Counter(len(one.lines) for one in gathered(patients, Room(memory=100_000, runs=4)))
        peaks[patients] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert documents == {5: patients}
    assert peaks[1_500] < 1.5 * peaks[300], peaks


def test_documents_may_be_asked_for_again() -> None:
    taken = Export(Limits(), ROOMS[0])
    for n, one in enumerate(
        [person("a"), condition("c", {"reference": "Patient/a"}), condition("d", {"reference": "x"})]
    ):
        data = json.dumps(one).encode()
        head = head_of(data)
        assert head is not None
        taken.add(Piece("x", n + 1, data), head)
    first = [(one.document.name, one.lines, one.places) for one in taken.documents()]
    told = list(taken.problems)
    assert [(one.document.name, one.lines, one.places) for one in taken.documents()] == first
    assert taken.problems == told
    assert ["x has resources (1) but no Patient" in str(problem) for problem in told] == [True]
    assert export.owner_of(None) == ""
    taken.close()
