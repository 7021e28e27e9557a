"""Ingest: generated patients as a bulk export (by type, unsorted) and as Bundles → facts; CPU time and peak memory.

Then into a cache of facts, by one and by two processes: by the clock, and CPU of the first process and of the others.

    python benchmarks/ingest.py [PATIENTS] [FOLDER]

Every measurement has a process of its own, so that its peak is its own; `orjson.loads` reads the same bytes in the same
run. A patient has twenty resources and a little; nobody's lines stand together. FOLDER is where the files are made.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from fhirtrial.patients import read_patients
from fhirtrial.patients.cache import refresh

_MEDICATIONS = 200
_OWNED = {"Condition": 3, "Observation": 12, "MedicationRequest": 3, "Procedure": 1, "Encounter": 1}
_SNOMED, _LOINC = "http://snomed.info/sct", "http://loinc.org"
_UCUM = "http://unitsofmeasure.org"
_ACTIVE = {"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}
_AMBULATORY = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}
_LATER = 7919
"""A prime: files of different types begin with different patients, and neighbours in one are far apart in all."""


class Cost(NamedTuple):
    seconds: float
    peak: int
    counted: int


def person(i: int) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": f"p{i:08d}",
        "identifier": [{"system": "https://hospital.example/mrn", "value": str(i)}],
        "gender": ("female", "male")[i % 2],
        "birthDate": f"{1930 + i % 80}-{1 + i % 12:02d}-{1 + i % 28:02d}",
    }


def owned(kind: str, i: int, n: int) -> dict[str, Any]:
    """The n-th resource of this type of patient i; codes, values and dates vary, and recur as in records."""
    subject, day = (
        {"reference": f"Patient/p{i:08d}"},
        f"{2015 + (i + n) % 9}-{1 + n % 12:02d}-{1 + (i * 7 + n) % 28:02d}",
    )
    one: dict[str, Any] = {"resourceType": kind, "id": f"{kind[0].lower()}{i:08d}-{n}"}
    one["meta"] = {"versionId": "1", "lastUpdated": f"{day}T08:30:00Z"}
    coded = {"coding": [{"system": _SNOMED, "code": str(10_000_000 + (i * 31 + n) % 977), "display": "a finding"}]}
    if kind == "Observation":
        coding = {"system": _LOINC, "code": f"{2000 + (i + n * 13) % 211}-{n % 10}", "display": "a laboratory result"}
        value = {"value": (i * 37 + n * 11) % 400 / 10, "unit": "mg/dL", "system": _UCUM, "code": "mg/dL"}
        return one | {
            "status": "final",
            "category": [{"coding": [{"code": "laboratory"}]}],
            "code": {"coding": [coding]},
            "subject": subject,
            "effectiveDateTime": f"{day}T07:15:00+01:00",
            "valueQuantity": value,
        }
    if kind == "Condition":
        return one | {
            "clinicalStatus": {"coding": [_ACTIVE]},
            "code": coded,
            "subject": subject,
            "onsetDateTime": day,
        }
    if kind == "MedicationRequest":
        medication = {"reference": f"Medication/m{(i * 3 + n) % _MEDICATIONS}"}
        told = {"status": "active", "intent": "order", "medicationReference": medication}
        return one | told | {"subject": subject, "authoredOn": day}
    if kind == "Procedure":
        return one | {"status": "completed", "code": coded, "subject": subject, "performedDateTime": day}
    return one | {"status": "finished", "class": _AMBULATORY, "subject": subject, "period": {"start": day, "end": day}}


def medications() -> list[dict[str, Any]]:
    rxnorm = "http://www.nlm.nih.gov/research/umls/rxnorm"
    return [
        {"resourceType": "Medication", "id": f"m{n}", "code": {"coding": [{"system": rxnorm, "code": str(1000 + n)}]}}
        for n in range(_MEDICATIONS)
    ]


def write_export(folder: Path, patients: range) -> None:
    """One file per type; in each the patients stand in an order of its own, and one patient's lines far apart."""
    folder.mkdir()
    count = len(patients)
    (folder / "Medication.ndjson").write_bytes(b"\n".join(map(orjson.dumps, medications())))
    for kind, each in {"Patient": 1, **_OWNED}.items():
        with (folder / f"{kind}.ndjson").open("wb", 2**20) as file:
            for n in range(each):
                for k in range(count):
                    i = patients[(k * _LATER + n * 101 + each) % count]
                    file.write(orjson.dumps(person(i) if kind == "Patient" else owned(kind, i, n)) + b"\n")


def write_bundles(folder: Path, patients: range) -> None:
    folder.mkdir()
    shared = {one["id"]: one for one in medications()}
    with (folder / "bundles.ndjson").open("wb", 2**20) as file:
        for i in patients:
            resources = [person(i), *(owned(kind, i, n) for kind, each in _OWNED.items() for n in range(each))]
            named = {one["medicationReference"]["reference"] for one in resources if "medicationReference" in one}
            resources += [shared[name.partition("/")[2]] for name in sorted(named)]
            entries = [
                {"fullUrl": f"https://hospital.example/{one['resourceType']}/{one['id']}", "resource": one}
                for one in resources
            ]
            file.write(orjson.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}) + b"\n")


def lines(folder: Path) -> Iterator[bytes]:
    for path in sorted(folder.iterdir()):
        with path.open("rb") as file:
            yield from file


def facts(folder: Path) -> int:
    return sum(len(chunk) for chunk in read_patients(folder))


def loads(folder: Path) -> int:
    count = 0
    for line in lines(folder):
        orjson.loads(line)
        count += 1
    return count


def nothing(_: Path) -> int:
    return 0


def cost(work: Callable[[Path], int], folder: Path) -> Cost:
    began = time.process_time()
    counted = work(folder)
    return Cost(time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, counted)


def alone(work: Callable[[Path], int], folder: Path) -> Cost:
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(cost, (work, folder))


class Kept(NamedTuple):
    """What making a cache took: by the clock, CPU and peak of the first process and of its others."""

    wall: float
    first: float
    others: float
    peaks: tuple[int, int]


def kept(source: Path, cache: Path, processes: int) -> Kept:
    began, used = time.perf_counter(), os.times()
    refresh(source, cache, processes=processes)
    wall, now = time.perf_counter() - began, os.times()
    own, others = (resource.getrusage(who).ru_maxrss * 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return Kept(wall, sum(now[:2]) - sum(used[:2]), sum(now[2:4]) - sum(used[2:4]), (own, others))


def kept_alone(source: Path, cache: Path, processes: int) -> Kept:
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(kept, source, cache, processes).result()


def elapsed(folder: Path) -> float:
    """By the clock, once what recurs is known."""
    facts(folder)
    began = time.perf_counter()
    facts(folder)
    return time.perf_counter() - began


def scaling(halves: list[Path]) -> float:
    """How much faster two processes read than one, each its own half, by the clock."""
    with get_context("spawn").Pool(2) as pool:
        one = min(pool.apply(elapsed, (half,)) for half in halves)
        return sum(one / each for each in pool.map(elapsed, halves, chunksize=1))


def main(patients: int, where: str | None) -> None:
    with tempfile.TemporaryDirectory(dir=where) as made:
        folder = Path(made)
        write_export(folder / "export", range(patients))
        write_bundles(folder / "bundles", range(patients))
        print(f"{patients} patients; CPU time and peak memory of a process for each\n")
        print("| form | reader | MB | lines | MB/s | µs per line | × orjson | peak MB | facts |")
        print("|---|---|---|---|---|---|---|---|---|")
        idle = alone(nothing, folder)
        for form in ("export", "bundles"):
            source = folder / form
            size = sum(path.stat().st_size for path in source.iterdir())
            base, read = alone(loads, source), alone(facts, source)
            for name, one in (("orjson.loads", base), ("facts", read)):
                print(
                    f"| {form} | {name} | {size / 1e6:.0f} | {base.counted} | {size / one.seconds / 1e6:.0f} "
                    f"| {one.seconds / base.counted * 1e6:.2f} | {base.seconds / one.seconds:.2f} "
                    f"| {one.peak / 1e6:.0f} | {read.counted} |"
                )
        print(f"\na process that reads nothing: {idle.peak / 1e6:.0f} MB\n")
        print("| into a cache | processes | wall s | CPU s: first | others | peak MB: first | others |")
        print("|---|---|---|---|---|---|---|")
        for form in ("export", "bundles"):
            for processes in (1, 2):
                took = kept_alone(folder / form, folder / f"cache-{form}-{processes}", processes)
                print(
                    f"| {form} | {processes} | {took.wall:.1f} | {took.first:.1f} | {took.others:.1f} "
                    f"| {took.peaks[0] / 1e6:.0f} | {took.peaks[1] / 1e6 if took.others else 0:.0f} |"
                )
        if len(os.sched_getaffinity(0)) > 1:
            halves = [folder / "one", folder / "other"]
            for n, half in enumerate(halves):
                write_export(half, range(n * patients // 2, (n + 1) * patients // 2))
            print(f"\ntwo processes, half the export each: × {scaling(halves):.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000, sys.argv[2] if len(sys.argv) > 2 else None)
