"""A cache of facts gives what reading gives, reads again only what changed, and survives its writer's troubles."""

from __future__ import annotations

import errno
import gzip
import json
import os
import stat
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from patients.fact_cases import PERSON
from patients.same_facts import spelled

from fhirtrial.errors import ConfigError
from fhirtrial.patients import read_patients, slices, sources, stored, units
from fhirtrial.patients.cache import cached_patients, stored_patients
from fhirtrial.patients.chunk import Chunk
from fhirtrial.patients.export import Gathered
from fhirtrial.patients.person import Terms
from fhirtrial.patients.runs import Room

pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")


def person(name: str, **fields: Any) -> dict[str, Any]:
    return {**PERSON, "id": name, **fields}


def result(name: str, patient: str, value: float = 1.0, **fields: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "subject": {"reference": f"Patient/{patient}"},
        "code": {"text": "creatinine"},
        "effectiveDateTime": "2024-05-01",
        "valueQuantity": {"value": value, "unit": "mg/dL"},
        **fields,
    }


def bundle(*resources: dict[str, Any]) -> str:
    entries = [{"resource": resource} for resource in resources]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries})


def lines(*resources: dict[str, Any]) -> str:
    return "".join(json.dumps(resource) + "\n" for resource in resources)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three Bundles, and a bulk export of two patients in files by type."""
    source = tmp_path / "source"
    source.mkdir()
    for name in "abc":
        (source / f"{name}.json").write_text(bundle(person(name), result("1", name), result("2", name, 2.0)))
    (source / "Observation.ndjson").write_text(lines(result("7", "y"), result("8", "x"), result("9", "y", 3.5)))
    with gzip.open(source / "Patient.ndjson.gz", "wt") as file:
        file.write(lines(person("x"), person("y")))
    return source


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were read, in their order."""
    names: list[str] = []
    original = sources.pieces_of_file

    def noted(path: Path, *rest: Any) -> Iterator[Any]:
        names.append(path.name)
        return original(path, *rest)

    monkeypatch.setattr(units, "pieces_of_file", noted)
    monkeypatch.setattr(slices, "neighbours", lambda files: ([file] for file in files))
    return names


def through(cache: Path, source: Path, **terms: Any) -> dict[str, Any]:
    return spelled(cached_patients(source, cache, **terms))


def test_the_cache_gives_what_reading_gives(folder: Path, tmp_path: Path) -> None:
    expected = spelled(read_patients(folder))
    assert len(expected["rows"]) == 9
    assert through(tmp_path / "cache", folder) == expected
    assert through(tmp_path / "cache", folder) == expected
    assert spelled(stored_patients(tmp_path / "cache")) == expected


def test_what_did_not_change_is_not_read(folder: Path, tmp_path: Path, opened: list[str]) -> None:
    through(tmp_path / "cache", folder)
    opened.clear()
    through(tmp_path / "cache", folder)
    assert opened == []
    for path in folder.iterdir():
        path.touch()
    through(tmp_path / "cache", folder)
    assert opened == [], "the same content under another time"


CHANGES: dict[str, tuple[dict[str, str | None], list[str]]] = {
    "a Bundle": ({"b.json": bundle(person("b"), result("1", "b", 9.0))}, ["b.json"]),
    "a new Bundle": ({"d.json": bundle(person("d"))}, ["d.json"]),
    "a Bundle less": ({"a.json": None}, []),
    "a line of the export": (
        {"Observation.ndjson": lines(result("7", "y", 8.0))},
        ["Observation.ndjson", "Observation.ndjson", "Patient.ndjson.gz"],
    ),
    "a new file of the export": (
        {"more.ndjson": lines(result("10", "x"))},
        ["more.ndjson", "Observation.ndjson", "Patient.ndjson.gz", "more.ndjson"],
    ),
    "a patient in two Bundles": ({"d.json": bundle(person("a"), result("5", "a"))}, ["d.json"]),
    "resources taken back": (
        {
            "deleted.ndjson": json.dumps(
                {
                    "resourceType": "Bundle",
                    "type": "transaction",
                    "entry": [{"request": {"method": "DELETE", "url": "Observation/9"}}],
                }
            )
        },
        ["deleted.ndjson", "Observation.ndjson", "Patient.ndjson.gz", "deleted.ndjson"],
    ),
}


@pytest.mark.parametrize(("change", "again"), [pytest.param(*found, id=name) for name, found in CHANGES.items()])
def test_what_changed_is_read_again(
    change: dict[str, str | None], again: list[str], folder: Path, tmp_path: Path, opened: list[str]
) -> None:
    through(tmp_path / "cache", folder)
    for name, text in change.items():
        if text is None:
            (folder / name).unlink()
        else:
            (folder / name).write_text(text)
    opened.clear()
    expected = spelled(read_patients(folder))
    assert through(tmp_path / "cache", folder) == expected
    assert opened == again
    parts = {path.name.split(".")[0] for path in (tmp_path / "cache").glob("*.parquet")}
    used = json.loads((tmp_path / "cache" / "manifest.json").read_text())
    assert parts == {part for unit in (*used["units"], used["joined"]) for part in unit["parts"]}, (
        "nothing is left over"
    )


def test_what_was_taken_back_is_no_fact(folder: Path) -> None:
    deletion = {"method": "DELETE", "url": "Observation/9"}
    gone = {"resourceType": "Bundle", "type": "transaction", "entry": [{"request": deletion}]}
    (folder / "deleted.ndjson").write_text(json.dumps(gone))
    found = spelled(read_patients(folder))
    assert found["problems"] == []
    assert sum(row[0] == "Patient/y" for row in found["rows"]) == 1


def test_another_day_serves_unless_a_birth_lies_between(folder: Path, tmp_path: Path, opened: list[str]) -> None:
    (folder / "b.json").write_text(bundle(person("b", birthDate="2024-06-01")))
    for on, again in (
        (date(2024, 7, 1), None),
        (date(2024, 8, 1), []),
        (date(2024, 5, 1), ["b.json"]),
        (date(2024, 6, 1), ["b.json"]),
    ):
        opened.clear()
        assert through(tmp_path / "cache", folder, on=on) == spelled(read_patients(folder, on=on))
        assert again is None or opened == again, on


def test_other_terms_make_it_anew(folder: Path, tmp_path: Path) -> None:
    through(tmp_path / "cache", folder)
    assert through(tmp_path / "cache", folder, partial=True) == spelled(read_patients(folder, partial=True))


def test_another_schema_is_made_anew_from_its_sources(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: list[str]
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(stored, "_VERSION", 0)
        through(tmp_path / "cache", folder)
    with pytest.raises(ConfigError, match=r"facts of schema 0-\w+, and this software reads 2-\w+; remove the cache"):
        list(stored_patients(tmp_path / "cache"))
    opened.clear()
    assert through(tmp_path / "cache", folder) == spelled(read_patients(folder))
    assert "a.json" in opened


def test_only_the_owner_can_read_it(folder: Path, tmp_path: Path) -> None:
    through(tmp_path / "cache", folder)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "cache").iterdir()}
    assert modes == {0o600}
    assert stat.S_IMODE((tmp_path / "cache").stat().st_mode) == 0o700


@pytest.mark.parametrize("works", [0, 1, 2, 5, 8])
def test_a_full_disk_is_named_once_and_the_rest_is_done(
    works: int, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: list[str]
) -> None:
    expected = spelled(read_patients(folder))
    original, left = os.fsync, [works]

    def full(descriptor: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        original(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        found = through(tmp_path / "cache", folder)
    told = "the cache cannot be written (No space left on device); make room, or give another folder"
    assert [problem for problem in found["problems"] if "cache" in problem] == [
        f"{tmp_path / 'cache'}: {told}; facts are read without it"
    ]
    assert (found["rows"], found["patients"]) == (expected["rows"], expected["patients"])
    assert not list((tmp_path / "cache").glob("*.part"))
    assert through(tmp_path / "cache", folder) == expected


@pytest.mark.parametrize("after", [0, 1, 2, 3, 4, 7])
def test_a_killed_writer_leaves_the_cache_as_it_was(
    after: int, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: list[str]
) -> None:
    before = spelled(read_patients(folder))
    through(tmp_path / "cache", folder)
    (folder / "a.json").write_text(bundle(person("a"), result("1", "a", 5.0)))
    (folder / "b.json").write_text(bundle(person("b"), result("1", "b", 6.0)))
    original, left = Path.replace, [after]

    def killed(self: Path, target: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return original(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", killed)
        try:
            through(tmp_path / "cache", folder)
        except KeyboardInterrupt:
            assert spelled(stored_patients(tmp_path / "cache")) == before
    assert through(tmp_path / "cache", folder) == spelled(read_patients(folder))


def test_a_lost_part_is_made_again(folder: Path, tmp_path: Path) -> None:
    through(tmp_path / "cache", folder)
    next((tmp_path / "cache").glob("*.facts.parquet")).unlink()
    assert through(tmp_path / "cache", folder) == spelled(read_patients(folder))


def test_a_broken_part_is_named(folder: Path, tmp_path: Path) -> None:
    through(tmp_path / "cache", folder)
    next((tmp_path / "cache").glob("*.facts.parquet")).write_bytes(b"PAR1")
    with pytest.raises(ConfigError, match="a part of the cache that cannot be read; remove the cache folder"):
        through(tmp_path / "cache", folder)


def test_a_file_that_cannot_be_read_is_tried_again(folder: Path, tmp_path: Path) -> None:
    (folder / "d.ndjson.gz").write_bytes(gzip.compress(b"x" * 1000)[:-20])
    first = through(tmp_path / "cache", folder)
    assert first == spelled(read_patients(folder))
    assert any("cut short" in problem for problem in first["problems"])
    (folder / "d.ndjson.gz").write_bytes(gzip.compress(bundle(person("d")).encode()))
    assert through(tmp_path / "cache", folder) == spelled(read_patients(folder))


@pytest.fixture
def ward(tmp_path: Path) -> Path:
    """A bulk export of forty patients, one of whom has a line that cannot be read; and one Medication."""
    source = tmp_path / "ward"
    source.mkdir()
    names = [f"w{n:02}" for n in range(40)]
    (source / "Patient.ndjson").write_text(lines(*map(person, names)))
    (source / "Observation.ndjson").write_text(
        lines(*(result(f"{i}-{name}", name, meta={"versionId": "1"}) for i in range(3) for name in names))
    )
    bad = result("bad", "w20", code=5)
    (source / "Bad.ndjson").write_text(lines(*(result(f"b-{name}", name) for name in names[:25]), bad))
    (source / "Medication.ndjson").write_text(
        lines({"resourceType": "Medication", "id": "m", "code": {"text": "aspirin"}})
    )
    return source


@pytest.fixture
def joined(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The patients whose lines were made into facts."""
    names: list[str] = []
    original = Chunk.join

    def noted(self: Chunk, gathered: Gathered, terms: Terms) -> None:
        names.append(gathered.document.name)
        original(self, gathered, terms)

    monkeypatch.setattr(Chunk, "join", noted)
    return names


def deleted(name: str) -> dict[str, Any]:
    entry = [{"request": {"method": "DELETE", "url": name}}]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entry}


WARD: dict[str, tuple[dict[str, str], set[str], int]] = {
    "a new result": ({"new.ndjson": lines(result("new", "w07"))}, {"w07"}, 8),
    "another version": ({"new.ndjson": lines(result("0-w31", "w31", 5.0, meta={"versionId": "2"}))}, {"w31"}, 8),
    "a result that moves": (
        {"new.ndjson": lines(result("1-w03", "w33", 5.0, meta={"versionId": "2"}))},
        {"w03", "w33"},
        16,
    ),
    "a result taken back": ({"new.ndjson": lines(deleted("Observation/2-w11"))}, {"w11"}, 8),
    "a patient taken back": ({"new.ndjson": lines(deleted("Patient/w12"))}, set(), 12),
    "a new patient": ({"new.ndjson": lines(person("w055"), result("x", "w055"))}, {"w055"}, 12),
    "lines before the others, which are problems' places": (
        {"Bad.ndjson": lines(*(result(f"b-w{n:02}", f"w{n:02}") for n in range(1, 25)), result("bad", "w20", code=5))},
        {"w00", "w20"},
        16,
    ),
    "what all share": (
        {"Medication.ndjson": lines({"resourceType": "Medication", "id": "m", "code": {"text": "warfarin"}})},
        {f"w{n:02}" for n in range(40)},
        40,
    ),
    "a line that nobody can read": ({"new.ndjson": "{\n"}, {f"w{n:02}" for n in range(40)}, 40),
}


@pytest.mark.parametrize(("change", "needed", "most"), [pytest.param(*found, id=name) for name, found in WARD.items()])
def test_only_groups_with_a_changed_patient_are_made_into_facts(
    change: dict[str, str], needed: set[str], most: int, ward: Path, tmp_path: Path, joined: list[str]
) -> None:
    def cached() -> dict[str, Any]:
        return through(tmp_path / "cache", ward, chunk=8, room=Room(memory=2_000, runs=3))

    assert cached() == spelled(read_patients(ward))
    for name, text in change.items():
        (ward / name).write_text(text)
    expected = spelled(read_patients(ward))
    joined.clear()
    assert cached() == expected
    assert {f"Patient/{name}" for name in needed} <= set(joined)
    assert len(joined) <= most
    joined.clear()
    assert cached() == expected
    assert joined == []
    assert spelled(stored_patients(tmp_path / "cache")) == expected


def test_lines_that_cannot_wait_on_a_full_disk_are_tried_again(ward: Path, tmp_path: Path) -> None:
    before = through(tmp_path / "cache", ward)
    (ward / "z.json").write_text(bundle(person("z")))
    (ward / "new.ndjson").write_text(lines(result("new", "w07")))
    failed = through(tmp_path / "cache", ward, room=Room(memory=0, folder=tmp_path / "gone"))
    assert [patient.reference for patient in failed["patients"]] == ["Patient/z"]
    assert ["temporary files cannot be used" in problem for problem in failed["problems"]] == [True]
    assert spelled(stored_patients(tmp_path / "cache")) == before, "what was there stays"
    assert through(tmp_path / "cache", ward) == spelled(read_patients(ward))


@pytest.mark.parametrize("spoilt", ["nothing", "a line", "another header"])
def test_a_killed_reader_goes_on(spoilt: str, folder: Path, tmp_path: Path, opened: list[str]) -> None:
    cache = tmp_path / "cache"
    chunks = cached_patients(folder, cache)
    next(chunks)
    next(chunks)
    next(chunks)  # the third has been read, and nobody noted it
    chunks.close()  # type: ignore[attr-defined]
    begun = cache / "begun.ndjson"
    assert not (cache / "manifest.json").exists()
    assert stat.S_IMODE(begun.stat().st_mode) == 0o600
    if spoilt == "a line":
        begun.write_bytes(begun.read_bytes()[:-30])
    elif spoilt == "another header":
        begun.write_bytes(b"x" + begun.read_bytes())
    opened.clear()
    assert through(cache, folder) == spelled(read_patients(folder))
    again = {"nothing": ["c.json"], "a line": ["b.json", "c.json"], "another header": ["a.json", "b.json", "c.json"]}
    export = ["Observation.ndjson", "Patient.ndjson.gz"]
    assert sorted(set(opened)) == sorted([*again[spoilt], *export])
    assert not begun.exists()
    assert spelled(stored_patients(cache)) == spelled(read_patients(folder))
