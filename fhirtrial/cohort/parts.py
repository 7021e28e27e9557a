"""The parts of a fact cache: chunks of patients that can be matched each by itself, in any order, in any process.

Who stands in two places counts as partial in the second, as everywhere; that alone concerns more than one part, so it
is found out before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

import numpy as np

from fhirtrial.patients import stored
from fhirtrial.patients.chunk import Once
from fhirtrial.patients.facts import Facts
from fhirtrial.patients.manifest import parts_of


@dataclass(frozen=True)
class Part:
    """A chunk on disk; `first` is where those of its patients stand who were met in another place before."""

    stem: Path
    patients: int
    first: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """It changes with the facts and with what other parts say of them."""
        if not self.first:
            return self.stem.name
        return f"{self.stem.name}-{_number(repr(sorted(self.first.items()))):016x}"


def parts(cache: Path) -> list[Part]:
    """Those of a cache in their order; ConfigError where another version of the software wrote one."""
    stems = parts_of(cache)
    numbers = [_numbers(stored.people(stem)[0]) for stem in stems]
    distinct, times = np.unique(np.concatenate([np.zeros(0, np.uint64), *numbers]), return_counts=True)
    several = distinct[times > 1]
    once: dict[str, str] = {}
    found = []
    for stem, own in zip(stems, numbers, strict=True):
        doubled = np.flatnonzero(np.isin(own, several)).tolist()
        references, places = stored.people(stem) if doubled else ([], [])
        known = {references[i]: once[references[i]] for i in doubled if references[i] in once}
        for i in doubled:
            if places[i] != references[i]:  # single resources are joined once
                once.setdefault(references[i], places[i])
        found.append(Part(stem, len(own), known))
    return found


def facts_of(part: Part) -> Facts:
    """As the readers give them."""
    return Once(part.first).checked(*stored.read(part.stem))


def _numbers(references: Sequence[str]) -> np.ndarray:
    """A number for each patient: those of millions fit in memory, where their names would not."""
    return np.array([_number(one) for one in references], np.uint64)


def _number(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")
