"""Criteria made from the terminology's own names: who is asked, what, by which comparator, number, unit and window.

Pure functions of the seed; a statement in canonical words is one that the parser reads exactly, which its tests hold.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from random import Random
from typing import Literal

from fhirtrial.criteria.criterion import Kind
from fhirtrial.criteria.tree import Op
from fhirtrial.terminology import load

Subject = Literal["age", "result", "score", "dose", "limit"]

# How UCUM units are written in criteria.
WRITTEN = {
    "mm[Hg]": "mmHg",
    "[IU]/L": "IU/L",
    "m[IU]/L": "mIU/L",
    "Cel": "°C",
    "10*9/L": "x10^9/L",
    "10*12/L": "x10^12/L",
    "/uL": "cells/µL",
    "{copies}/mL": "copies/mL",
    "mL/min/{1.73_m2}": "mL/min/1.73 m2",
    "umol/L": "µmol/L",
    "ug/L": "µg/L",
    "kg/m2": "kg/m²",
    "s": "seconds",
    "m": "meters",
}
NUMBERS = ("2", "3", "5", "7", "12", "18", "30", "45", "60", "65", "75", "110", "150", "1.5", "2.5", "3.75", "0.8")
WHOLE = ("2", "3", "4", "6", "8", "12", "18", "24", "30")
LENGTHS = ("hours", "days", "weeks", "months", "years")
ANCHORS = ("screening", "randomization", "enrollment", "baseline", "the first dose of study drug")


@dataclass(frozen=True)
class Statement:
    """`name op number unit`; the words for `op` are chosen later."""

    subject: Subject
    kind: Kind
    name: str
    op: Op
    number: str
    unit: str

    def said(self, op: str | None = None) -> str:
        """In canonical words, or with these words for the comparator; those with a {} put the number themselves."""
        quantity = f"{self.number}{self.unit}"
        worded = self.op if op is None else op
        return f"{self.name} {worded.format(quantity) if '{}' in worded else f'{worded} {quantity}'}"

    def numbered(self, number: str) -> Statement:
        return replace(self, number=number)


@cache
def _named(*kinds: str) -> tuple[tuple[str, str], ...]:
    """Labels with their written unit; one with a comma or bracket is a catalogue's way to write."""
    concepts = sorted((c for c in load().concepts.values() if not c.source), key=lambda c: c.name)
    return tuple(
        (c.label, WRITTEN.get(c.unit or "", c.unit or ""))
        for c in concepts
        if c.kind in kinds and "," not in c.label and "(" not in c.label
    )


def statement(random: Random, subject: Subject | None = None, op: Op | None = None) -> Statement:
    """Something measured or counted."""
    subjects: tuple[Subject, ...] = ("age", "result", "result", "result", "score", "dose", "limit")
    about: Subject = random.choice(subjects) if subject is None else subject
    kind: Kind = random.choice(("inclusion", "exclusion"))
    signs: tuple[Op, ...] = (">=", "<=", ">", "<")
    sign: Op = random.choice(signs) if op is None else op
    match about:
        case "age":
            return Statement(about, kind, "Age", sign, random.choice(("18", "21", "40", "65", "75")), " years")
        case "result":
            labs = [(label, unit) for label, unit in _named("lab", "vital") if unit not in {"", "1", "{score}", "wk"}]
            label, unit = random.choice(labs)
            return Statement(about, kind, label, sign, random.choice(NUMBERS), "%" if unit == "%" else f" {unit}")
        case "score":
            label, _ = random.choice([s for s in _named("score") if s[0] not in _SAID_OTHERWISE])
            return Statement(about, kind, label, sign, random.choice(WHOLE), "")
        case "dose":
            drug = random.choice(("Prednisone", "Methotrexate", "Aspirin", "Metformin", "Furosemide", "Prednisolone"))
            return Statement(about, kind, drug, sign, random.choice(("5", "7.5", "10", "20", "40", "81")), " mg/day")
        case "limit":
            label = random.choice(("ALT", "AST", "Alkaline phosphatase", "Total bilirubin", "Creatine kinase", "LDH"))
            return Statement(about, kind, label, sign, random.choice(("1.5", "2", "2.5", "3", "5", "10")), " x ULN")


# What is expected of a life, or a number of events per hour: no score of a patient's result.
_SAID_OTHERWISE = {"Life expectancy", "Apnea-hypopnea index", "EuroSCORE"}


def event(random: Random) -> str:
    """Something that happened to the patient."""
    kind = random.choice(("condition", "medication", "procedure"))
    label, _ = random.choice([n for n in _named(kind) if not _ALLERGIC & set(n[0].lower().split())])
    return {"condition": "History of {}", "medication": "Treatment with {}", "procedure": "{}"}[kind].format(label)


# Allergies have no date that counts, contraception is asked of the patient: no events to put a window on.
_ALLERGIC = {
    "allergy", "allergic", "hypersensitivity", "intolerance", "contraception", "contraceptive", "intrauterine",
    "pregnancy", "lactation", "allergies", "anaphylaxis",
}  # fmt: skip
