"""The numpy kernel's truths in the scalar evaluator's form, so that the two can be laid side by side."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from scalar.grade import Grade

from fhirtrial.criteria.truth import Truth, Verdict
from fhirtrial.matching.atoms import answer
from fhirtrial.matching.codes import Codes
from fhirtrial.matching.grades import Answer
from fhirtrial.matching.match import Run
from fhirtrial.matching.network import Asked, network
from fhirtrial.matching.reasons import Reason
from fhirtrial.matching.result import Trial
from fhirtrial.matching.view import View
from fhirtrial.patients.facts import Facts
from fhirtrial.site import Site
from fhirtrial.terminology import load
from fhirtrial.terminology.policy import load_policy


class Told(NamedTuple):
    """One patient, one trial: the grade of each criterion, and the verdict."""

    criteria: tuple[Grade, ...]
    verdict: Verdict


class Kernel:
    """Compiled once for some trials; one site, one index date."""

    def __init__(self, trials: Sequence[Trial], on: date, site: Site | None = None) -> None:
        self.site = site or Site()
        self.run = Run(trials, (), on, load(), load_policy(), self.site, "test")
        self.codes = Codes(load())
        self.questions = network(trials, load(), answered=True).atoms

    def matches(self, facts: Facts) -> list[list[Told]]:
        """[patient][trial]"""
        told = [
            Told(tuple(Grade(r.truth, frozenset(map(reason, r.reasons))) for r in match.criteria), match.verdict)
            for match in self.run.matches(facts)
        ]
        each = len(self.run.trials)
        return [told[i : i + each] for i in range(0, len(told), each)]

    def atoms(self, facts: Facts) -> list[tuple[Asked, list[Grade]]]:
        """Every distinct atom of the trials, with its grade for each patient."""
        view = View(facts, self.run.on, self.codes, self.run.policy, self.site.uln)
        return [(asked, grades(answer(asked, view))) for asked in self.questions]


def grades(answer: Answer) -> list[Grade]:
    pairs = zip(answer.truth.tolist(), answer.reasons.tolist(), strict=True)
    return [Grade(Truth(truth), frozenset(r for r in Reason if r & why)) for truth, why in pairs]


def reason(label: str) -> Reason:
    return Reason[label.upper().replace("-", "_")]


def unlike(scalar: Grade, array: Grade) -> bool:
    """Whether they differ in truth, or an unknown is without a reason, or anything else with one."""
    reasoned = all(bool(g.reasons) is (g.truth is Truth.UNKNOWN) for g in (scalar, array))
    return scalar.truth is not array.truth or not reasoned
