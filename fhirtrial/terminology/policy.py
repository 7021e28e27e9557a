"""The world policy: when absence of a record may speak, and how old a result may be; tables that a site may change.

An unlisted kind of question is unknown: silence never becomes an answer by default.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Any, Literal, cast, get_args

from fhirtrial.errors import ConfigError
from fhirtrial.terminology.concepts import Concept

Absence = Literal["presumed-no", "unknown"]
SEROLOGY = "serology"  # a positive stays, so it has no recency


@dataclass(frozen=True, eq=False)
class Policy:
    absences: Mapping[str, Absence]
    days: Mapping[str, int | None]
    presume_sensitive: bool = True
    concept_days: Mapping[str, int | None] = field(default_factory=dict)

    def absence(self, kind: str, concept: Concept) -> Absence:
        """What it says that nothing is recorded of a concept, for a kind of atom."""
        if concept.sensitive and not self.presume_sensitive:
            return "unknown"
        return self.absences.get(kind, "unknown")

    def recency_days(self, concept: Concept) -> int | None:
        """How old a result may be where the criterion has no window; None for no limit."""
        if concept.name in self.concept_days:
            return self.concept_days[concept.name]
        return self.days.get(concept.recency or concept.kind)

    def with_site(
        self,
        absence: Mapping[str, str] | None = None,
        recency_days: Mapping[str, int | None] | None = None,
        *,
        presume_sensitive: bool | None = None,
    ) -> Policy:
        """A site's policy: absence per kind; recency per kind, group or concept; whether to presume the sensitive."""
        for kind, value in (absence or {}).items():
            if value not in get_args(Absence):
                raise ConfigError(f"policy: absence of {kind}", repr(value), f"use one of {list(get_args(Absence))}")
        recency = dict(recency_days or {})
        if bad := sorted(name for name, days in recency.items() if days is not None and days < 0):
            raise ConfigError(
                f"policy: recency of {bad[0]}", f"{recency[bad[0]]} days", "give a number of days, 0 or more"
            )
        groups = {name: days for name, days in recency.items() if name in self.days or name == SEROLOGY}
        concepts = {name: days for name, days in recency.items() if name not in groups}
        return replace(
            self,
            absences={**self.absences, **cast("Mapping[str, Absence]", absence or {})},
            days={**self.days, **groups},
            concept_days={**self.concept_days, **concepts},
            presume_sensitive=self.presume_sensitive if presume_sensitive is None else presume_sensitive,
        )

    @property
    def hash(self) -> str:
        content = [self.absences, self.days, self.concept_days, self.presume_sensitive]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@cache
def load_policy() -> Policy:
    policy, recency = _read("policy.toml"), _read("recency.toml")
    return Policy(policy["absence"], recency, policy["sensitive"]["presume"])


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((files("fhirtrial.terminology") / "data" / name).read_text(encoding="utf-8"))
