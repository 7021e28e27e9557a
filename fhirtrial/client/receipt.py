"""What became of everything that was handed to `post`: nothing is left out, and no resource's content is in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args

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
    """`unsent` counts entries; `failure` says why sending stopped. Paths are None where nothing went there.

    `told` are counts of entries that are not among the results: a long run keeps no more of them.
    """

    results: tuple[Result, ...]
    rejected: tuple[Rejection, ...]
    unsent: int
    unsent_path: Path | None
    dead_letters: Path | None
    failure: ServerError | None
    told: Mapping[str, int] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        return not self.rejected and not self.unsent

    @property
    def counts(self) -> dict[str, int]:
        return {**self._arrived, "rejected": len(self.rejected), "unsent": self.unsent}

    @property
    def sent(self) -> int:
        return self._arrived["sent"]

    @property
    def created(self) -> int:
        return self._arrived["created"]

    @property
    def updated(self) -> int:
        return self._arrived["updated"]

    @property
    def unchanged(self) -> int:
        """Already there with this content, or, for a conditional create, already there at all."""
        return self._arrived["unchanged"] + self._arrived["matched"]

    @property
    def counted(self) -> Receipt:
        """The same without its results, which are counted."""
        return replace(self, results=(), told=self._arrived)

    def with_more(self, later: Receipt) -> Receipt:
        """Two deliveries to one server as one, counted."""
        more = later._arrived  # another of its kind
        return Receipt(
            results=(),
            rejected=(*self.rejected, *later.rejected),
            unsent=self.unsent + later.unsent,
            unsent_path=later.unsent_path or self.unsent_path,
            dead_letters=later.dead_letters or self.dead_letters,
            failure=later.failure or self.failure,
            told={name: number + more[name] for name, number in self._arrived.items()},
        )

    def location(self, name: str) -> str | None:
        """Where the resource of this fullUrl or identity is on the server."""
        for result in reversed(self.results):
            if name == result.identity or name in result.full_urls:
                return result.location
        return None

    @property
    def _arrived(self) -> dict[str, int]:
        found = Counter[str](result.outcome for result in self.results)
        found["sent"] = sum(not result.earlier for result in self.results)
        return {name: found[name] + self.told.get(name, 0) for name in ("sent", *get_args(Outcome))}


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
