"""A cache made by any number of processes is the same, byte by byte; one that dies costs what it had in hand."""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from cohort import exported
from patients import deadly_reading
from patients.same_facts import spelled

from fhirtrial.errors import ConfigError
from fhirtrial.patients import cache as caching
from fhirtrial.patients import read_patients, slices, units
from fhirtrial.patients.cache import refresh, stored_patients
from fhirtrial.patients.manifest import Unit, manifest_of
from fhirtrial.patients.runs import Room
from fhirtrial.samples import sample_bundles

pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
pytestmark = pytest.mark.slow

LONG = bool(os.environ.get("FHIRTRIAL_LONG"))
CHUNK = 5
HOW: dict[str, Any] = {"chunk": CHUNK, "room": Room(memory=100_000, runs=3)}


def samples(pattern: str) -> list[bytes]:
    return [
        json.dumps(json.loads(p.read_bytes())).encode() for p in sorted((sample_bundles() / "patients").glob(pattern))
    ]


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Bundles in files, in a large file and in a compressed one; an export with all that goes wrong in one."""
    monkeypatch.setattr(slices, "_LEAST", 100_000)
    monkeypatch.setattr(slices, "_MOST", 100_000)
    folder = tmp_path / "source"
    plain = [json.loads(one) for one in samples("asys-*.json")]
    exported.write(folder, [*exported.resources_of(plain), *exported.intricate()], seed=1)
    exported.damaged(folder)
    many = samples("dm-*.json")
    for number, one in enumerate(many[:6]):
        (folder / f"file-{number}.json").write_bytes(one)
    lines = [*many[6:], b"{torn", b"", many[3], *many[6:9], b'{"resourceType": "Observation", "id": "x"}']
    (folder / "large.ndjson").write_bytes(b"\n".join(lines))
    (folder / "packed.ndjson.gz").write_bytes(gzip.compress(b"\n".join(samples("cadm-*.json"))))
    return folder


def content(cache: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in cache.iterdir()}


def test_any_number_of_processes_writes_the_same(source: Path, tmp_path: Path) -> None:
    heard: dict[int, list[int]] = {}
    for processes in (1, 2, 3):
        seen = heard.setdefault(processes, [])
        refresh(source, tmp_path / str(processes), processes=processes, seen=seen.append, **HOW)
    one, two, three = (content(tmp_path / str(processes)) for processes in (1, 2, 3))
    assert two == one
    assert three == one
    manifest = manifest_of(tmp_path / "1")
    large = [unit for unit in manifest.units if unit.files[-1].name.endswith("large.ndjson")]
    assert len(large) > 3
    assert manifest.joined is not None
    assert len(manifest.joined.groups) > 5
    found = spelled(stored_patients(tmp_path / "1"))
    assert found == spelled(read_patients(source))
    assert {sum(patients) for patients in heard.values()} == {len(found["patients"])}


CHANGES = ("a line of the large file", "a line more at its end", "its time alone", "a longer line before the others")


@pytest.mark.parametrize("change", CHANGES)
def test_of_a_large_file_what_did_not_change_stands(change: str, source: Path, tmp_path: Path) -> None:
    cache, large = tmp_path / "cache", source / "large.ndjson"
    refresh(source, cache, **HOW)
    before = content(cache)
    lines = large.read_bytes().split(b"\n")
    if change == "a line of the large file":
        lines[-9] = lines[-9].replace(b'"birthDate": "19', b'"birthDate": "18')
    elif change == "a line more at its end":
        lines.append(samples("cadm-classic.json")[0])
    elif change == "a longer line before the others":
        lines[0] += b" " * 5000
    large.write_bytes(b"\n".join(lines))
    refresh(source, cache, processes=2, **HOW)
    assert spelled(stored_patients(cache)) == spelled(read_patients(source))
    kept = set(before) & set(content(cache)) - {"manifest.json"}
    changed = len(set(before) - kept - {"manifest.json"})
    least = {"its time alone": 0, "a line more at its end": 0, "a line of the large file": 2}.get(change, 1)
    assert least <= changed
    assert len(kept) > changed
    anew = tmp_path / "anew"
    refresh(source, anew, **HOW)
    assert content(anew) == content(cache), "whatever was there before"


@pytest.mark.parametrize("name", ["large.ndjson", "file-4.json", "Patient/asys-classic"])
def test_what_a_process_dies_at_is_named_and_tried_again(
    name: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slices, "neighbours", lambda files: ([file] for file in files))
    whole, cache = tmp_path / "whole", tmp_path / "cache"
    refresh(source, whole, **HOW)
    with monkeypatch.context() as patched:
        patched.setenv(deadly_reading.NAME, name)
        patched.setattr(caching, "read_files", deadly_reading.read_files)
        patched.setattr(caching, "read_lot", deadly_reading.read_lot)
        refresh(source, cache, processes=2, **HOW)
    found, expected = spelled(stored_patients(cache)), spelled(stored_patients(whole))
    died = [problem for problem in found["problems"] if "died twice" in problem]
    assert died
    assert all("run again with more memory or fewer --processes" in one for one in died)
    there = {patient.reference for patient in found["patients"]}
    missing = {patient.reference for patient in expected["patients"]} - there
    assert missing
    if name.startswith("Patient/"):
        assert name in missing
        assert len(missing) <= CHUNK
    else:
        assert all(name in problem for problem in died)
    refresh(source, cache, **HOW)
    assert content(cache) == content(whole)


def test_no_room_is_told_and_ends_reading(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(caching, "read_files", deadly_reading.without_room)
        with pytest.raises(
            ConfigError, match=r"cache: the cache cannot be written \(No space left on device\); make room"
        ):
            refresh(source, tmp_path / "cache", processes=2, **HOW)
    assert not (tmp_path / "cache" / "manifest.json").exists()


SCRIPT = """
import sys
from pathlib import Path
from fhirtrial.patients import slices
from fhirtrial.patients.cache import refresh
from fhirtrial.patients.runs import Room

if __name__ == "__main__":
    slices._LEAST = slices._MOST = 100_000
    source, cache, processes = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    seen = lambda more: print(more, flush=True)
    refresh(source, cache, processes=processes, chunk=5, room=Room(memory=100_000, runs=3), seen=seen)
"""


def alive(process: str) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("seed", range(60 if LONG else 1))
def test_killed_at_any_moment_it_goes_on(seed: int, source: Path, tmp_path: Path) -> None:
    """Killed twice, then read to the end by another number of processes."""
    refresh(source, tmp_path / "whole", **HOW)
    script, cache, chance = tmp_path / "script.py", tmp_path / "cache", random.Random(seed)
    script.write_text(SCRIPT)
    for _ in range(2):
        call = [sys.executable, *map(str, (script, source, cache, 1 + seed % 3))]
        with subprocess.Popen(call, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for _ in range(chance.randrange(1, 12)):
                process.stdout.readline()
            time.sleep(chance.random() * 0.05)
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
            workers = children.read_text().split() if children.exists() else []
            process.send_signal(signal.SIGKILL)
        until = time.monotonic() + 20
        while any(map(alive, workers)) and time.monotonic() < until:
            time.sleep(0.05)
        assert not [worker for worker in workers if alive(worker)], "no process outlives the one it works for"
    refresh(source, cache, processes=1 + (seed + 1) % 3, **HOW)
    assert content(cache) == content(tmp_path / "whole")


def test_what_a_killed_reader_had_joined_is_not_joined_again(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """Stands for a signal that nobody can catch."""

    done: list[Unit] = []

    def joining(given: Any, lot: Any) -> Any:
        if len(done) == most:
            raise Killed
        done.append(lot.unit)
        return original(given, lot)

    original = units.read_lot
    refresh(source, tmp_path / "whole", **HOW)
    with monkeypatch.context() as patched:
        patched.setattr(caching, "read_lot", joining)
        most = 4
        with pytest.raises(Killed):
            refresh(source, tmp_path / "cache", **HOW)
        most, first, done[:] = -1, [unit.digest for unit in done], []
        refresh(source, tmp_path / "cache", **HOW)
    assert done
    assert not set(first) & {unit.digest for unit in done}
    assert content(tmp_path / "cache") == content(tmp_path / "whole")


def test_a_source_that_is_gone_leaves_its_parts_nowhere(source: Path, tmp_path: Path) -> None:
    refresh(source, tmp_path / "cache", processes=2, **HOW)
    for path in source.glob("*.ndjson*"):
        path.unlink()
    shutil.copy(source / "file-1.json", source / "file-7.json")
    refresh(source, tmp_path / "cache", processes=2, **HOW)
    parts = {part for unit in manifest_of(tmp_path / "cache").units for part in unit.parts}
    assert {name.split(".")[0] for name in content(tmp_path / "cache")} == {*parts, "manifest"}
