"""What became of everything that was handed to `post`: nothing is left out, and no resource's content is in it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fhirtrial.client.entries import Entry
from fhirtrial.client.journal import Note
from fhirtrial.errors import ServerError

Outcome = Literal["created", "updated", "unchanged", "matched"]


@dataclass(frozen=True, slots=True)
class Result:
    """`matched`: a conditional create found its resource there. `earlier`: an earlier run of this journal sent it."""

    identity: str
    full_urls: tuple[str, ...]
    outcome: Outcome
    status: int
    location: str | None
    earlier: bool = False


@dataclass(frozen=True, slots=True)
class Rejection:
    """`status` 0: never sent, for this client refuses it. `reasons` are codes and expressions, not diagnostics."""

    identity: str
    full_urls: tuple[str, ...]
    status: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Receipt:
    """`unsent` counts entries; `failure` says why sending stopped. Paths are None where nothing went there."""

    results: tuple[Result, ...]
    rejected: tuple[Rejection, ...]
    unsent: int
    unsent_path: Path | None
    dead_letters: Path | None
    failure: ServerError | None

    @property
    def complete(self) -> bool:
        return not self.rejected and not self.unsent

    @property
    def counts(self) -> dict[str, int]:
        found = Counter(result.outcome for result in self.results)
        outcomes: tuple[Outcome, ...] = ("created", "updated", "unchanged", "matched")
        counts = {str(outcome): found[outcome] for outcome in outcomes}
        return {"sent": self.sent, **counts, "rejected": len(self.rejected), "unsent": self.unsent}

    @property
    def sent(self) -> int:
        return sum(not result.earlier for result in self.results)

    @property
    def created(self) -> int:
        return self._count("created")

    @property
    def updated(self) -> int:
        return self._count("updated")

    @property
    def unchanged(self) -> int:
        """Already there with this content, or, for a conditional create, already there at all."""
        return self._count("unchanged") + self._count("matched")

    def location(self, name: str) -> str | None:
        """Where the resource of this fullUrl or identity is on the server."""
        for result in reversed(self.results):
            if name == result.identity or name in result.full_urls:
                return result.location
        return None

    def _count(self, outcome: Outcome) -> int:
        return sum(result.outcome == outcome for result in self.results)


def names_of(entry: Entry) -> tuple[str, ...]:
    return (*((entry.full_url,) if entry.full_url else ()), *entry.aliases)


def result_of(entry: Entry, note: Note, *, earlier: bool) -> Result:
    outcome: Outcome = "updated"
    if note.status == 201:
        outcome = "created"
    elif entry.creates_only:
        outcome = "matched"
    elif not note.changed:
        outcome = "unchanged"
    return Result(entry.identity, names_of(entry), outcome, note.status, note.location, earlier)
