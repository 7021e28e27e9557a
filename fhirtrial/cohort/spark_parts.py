"""Facts as bytes on their way between Spark tasks of one run; nothing else reads them, and they outlive it nowhere."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pyarrow as pa

from fhirtrial.errors import Problem
from fhirtrial.patients.chunk import Once
from fhirtrial.patients.facts import Facts

_SIZE = 8
"""Bytes that tell how long the rest is when unpacked."""


def parcel(facts: object) -> bytes:
    data = pickle.dumps(facts, pickle.HIGHEST_PROTOCOL)
    packed: bytes = pa.compress(data, codec="zstd", asbytes=True)
    return len(data).to_bytes(_SIZE, "little") + packed


def unparcel(data: bytes) -> object:
    size = int.from_bytes(data[:_SIZE], "little")
    return pickle.loads(pa.decompress(data[_SIZE:], size, codec="zstd"))  # noqa: S301 - this run's own


def again(facts: Facts, places: dict[int, tuple[str, str]]) -> Facts:
    """The facts of a part of whose patients some were read before: number → place there, and here."""
    if not places:
        return facts
    patients, problems = list(facts.patients), list[Problem]()
    for number, (before, here) in sorted(places.items()):
        once = Once()
        once.check([patients[number]], [before])
        patients[number : number + 1], noticed = once.check([patients[number]], [here])
        problems += noticed
    return replace(facts, patients=tuple(patients), problems=(*facts.problems, *problems))
