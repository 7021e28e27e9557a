"""Seeded choices: dates at the edges of windows in every precision and offset, codes near and far from a concept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import Any, TypeVar

from fhirtrial.criteria.tree import Atom, Offset, Window
from fhirtrial.patients.dates import add_months
from fhirtrial.patients.facts import FLOOR
from fhirtrial.terminology import Terminology, load
from fhirtrial.terminology.concepts import Code
from fhirtrial.terminology.policy import load_policy

T = TypeVar("T")
Json = dict[str, Any]

EPOCH = date(1970, 1, 1)
LOCAL = "https://hospital.example/codes"


@dataclass
class Chance:
    random: Random
    on: date
    terminology: Terminology = field(default_factory=load)

    def one(self, of: Sequence[T]) -> T:
        return self.random.choice(of)

    def may(self, probability: float) -> bool:
        return self.random.random() < probability

    @property
    def today(self) -> int:
        return (self.on - EPOCH).days

    def day(self, atom: Atom) -> int:
        """A day at, beside or far from one of the edges that matter to the atom."""
        edges = [self.today, self.today, self.today - 3, *self.edges(atom)]
        return self.one(edges) + self.one((0, 0, -1, 1, -2, -10, -200))

    def edges(self, atom: Atom) -> list[int]:
        window: Window | None = getattr(atom, "window", None)
        name = getattr(atom, "concept", None) or getattr(atom, "modality", None)
        found = [self.today - 300] if name is None else []
        if window is not None:
            found += [self._moved(offset) for offset in (window.start, window.end) if offset is not None]
        elif name is not None and (days := load_policy().recency_days(self.terminology.concept(name))) is not None:
            found.append(self.today - days)
        lengths: list[Offset | None] = [getattr(atom, "min_duration", None), getattr(atom, "within", None)]
        return found + [self.before(offset) for offset in lengths if offset is not None]

    def before(self, offset: Offset) -> int:
        return self._moved(offset.model_copy(update={"value": -offset.value}))

    def _moved(self, offset: Offset) -> int:
        days = {"h": 1 / 24, "d": 1, "wk": 7, "half-life": 10}
        if offset.unit in days:
            return self.today + round(offset.value * days[offset.unit])
        return max(FLOOR, add_months(self.today, round(offset.value * (12 if offset.unit == "a" else 1))))

    def stamp(self, day: int, *, exact: bool = False) -> str:
        """A FHIR dateTime on that day, or a shorter one that contains it."""
        text = (EPOCH + timedelta(days=day)).isoformat()
        timed = [text + time for time in ("T00:00:00Z", "T08:15:00+01:00", "T23:59:59-05:00", "T12:00:00.250+14:00")]
        if exact:
            return self.one(timed)
        return self.one([*(text,) * 8, *timed, text[:7], text[:4]])

    def period(self, day: int, *, until: int | None = None) -> Json:
        start = {} if self.may(0.1) else {"start": self.plain(day)}
        if until is None and (start and self.may(0.4)):
            return start
        return start | {"end": self.plain(max(day, day + self.one((0, 1, 20, 120)) if until is None else until))}

    def plain(self, day: int) -> str:
        return (EPOCH + timedelta(days=day)).isoformat()

    def coded(self, name: str, *, near: Sequence[str] = ()) -> Json:
        """A CodeableConcept that means the concept, may mean it, once meant it, denies it, names it, or is another."""
        concept = self.terminology.concept(name)
        exact = sorted(self.terminology.value_set(name))
        others = [code for other in near for code in self.terminology.value_set(other)]
        pools: list[tuple[int, Sequence[Code]]] = [
            (9, exact), (4, concept.codes), (2, concept.coarse), (1, concept.history), (1, concept.denials), (2, others)
        ]  # fmt: skip
        choices = [pool for weight, pool in pools if pool for _ in range(weight)]
        words: list[Json] = [
            {"text": self.one([concept.label, *concept.synonyms])},
            {"coding": [{"system": LOCAL, "code": "X1", "display": f"possible {concept.label}"}]},
            {"coding": [{"system": LOCAL, "code": "X2", "display": "something else"}]},
            {"text": "something else altogether"},
        ]
        if not choices or self.may(0.15):
            return self.one(words)
        coding = [coding_of(self.one(self.one(choices)))]
        if self.may(0.1):
            coding.append({"system": LOCAL, "code": "X3"})
        return {"coding": coding}

    def first(self, name: str) -> Json | None:
        """The code that stands for the whole concept."""
        codes = self.terminology.concept(name).codes
        return {"coding": [coding_of(codes[0])]} if codes else None


def coding_of(code: Code) -> Json:
    return {"system": code.system, "code": code.code} | ({"display": code.display} if code.display else {})


def concept_of(system: str, code: str) -> Json:
    return {"coding": [{"system": system, "code": code}]}
