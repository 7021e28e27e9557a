"""What the client's tests share besides their server: a clock, a way to post, and a rule that refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from client.fake_fhir import Refused, Resource

from fhirtrial.client import Receipt, read_bundle_file

NOW = 1_800_000_000.0

Poster = Callable[..., Receipt]


@dataclass
class Clock:
    """Time passes only by sleeping."""

    time: float = NOW
    naps: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.time += seconds

    def now(self) -> float:
        return self.time


def bad_title(resource: Resource) -> Refused | None:
    return Refused(422, "business-rule", "resource.title") if resource.get("title") == "bad" else None


def letters(path: Path) -> list[dict[str, Any]]:
    """The lines of a dead-letter file."""
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def unsent(path: Path) -> list[str]:
    """What the unsent file holds, in order."""
    resources = [entry["resource"] for one in read_bundle_file(path) for entry in one["entry"]]
    return [f"{resource['resourceType']}/{resource.get('id', '')}" for resource in resources]
