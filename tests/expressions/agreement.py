"""What the matcher says, told in the three values of CQL, beside what the CQL engine says of the same patient."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from scalar.kernel import Kernel

from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.lower import lower
from fhirtrial.criteria.tree import AtLeast, Atom, Node, Not
from fhirtrial.criteria.truth import Truth
from fhirtrial.expressions.cql import Define, cql, library
from fhirtrial.expressions.cql.families import families
from fhirtrial.matching.result import Trial
from fhirtrial.patients.facts import Facts, Family, Level
from fhirtrial.terminology import load

Json = dict[str, Any]
Execute = Callable[..., list[Any]]


@dataclass(frozen=True)
class Case:
    """One patient: the Bundle for the engine, the facts for the matcher, read from it under what was loaded."""

    bundle: Json
    facts: Facts
    record_start: dt.date | None = None

    @property
    def whole(self) -> frozenset[Family]:
        coverage = self.facts.patients[0].coverage
        return frozenset(family for family in Family if coverage[family].level == Level.COMPLETE)

    def parameters(self, on: dt.date) -> Json:
        start = None if self.record_start is None else self.record_start.isoformat()
        return {"IndexDate": on.isoformat(), "Loaded": sorted(self.whole), "RecordStart": start}


@dataclass(frozen=True)
class Difference:
    patient: str
    criterion: str
    matcher: bool | None
    engine: bool | str | None


def without_answers(bundle: Json) -> Json:
    """What people answered is read by the matcher alone: the CQL asks records (docs/decisions.md)."""
    kept = [e for e in bundle["entry"] if e["resource"]["resourceType"] != "QuestionnaireResponse"]
    return {**bundle, "entry": kept}


def opened(bundle: Json) -> Json:
    """Contained resources as entries of their own: cql-exec-fhir reads no more than the id of a contained one."""
    entries = []
    for entry in bundle["entry"]:
        resource = entry["resource"]
        inner = resource.get("contained", ())
        names = {f"#{one['id']}": f"{one['resourceType']}/{resource['id']}-{one['id']}" for one in inner}
        entries.append({**entry, "resource": _renamed(resource, names) if names else resource})
        entries += [{"resource": {**one, "id": names[f"#{one['id']}"].split("/")[1]}} for one in deepcopy(inner)]
    return {**bundle, "entry": entries}


def _renamed(node: Any, names: Mapping[str, str]) -> Any:
    if isinstance(node, list):
        return [_renamed(one, names) for one in node]
    if isinstance(node, dict):
        found = {key: _renamed(value, names) for key, value in node.items() if key != "contained"}
        return found | {"reference": names[found["reference"]]} if found.get("reference") in names else found
    return node


def expected(criterion: Criterion, truths: Mapping[Atom, Truth], whole: frozenset[Family]) -> bool | None:
    """The criterion's truth in three values: a presumption counts only where all that its atom reads was loaded."""
    collapsed = {atom: _collapsed(truth, firm=families(atom) <= whole) for atom, truth in truths.items()}
    return {0: False, 1: None, 2: True}[_valued(criterion.tree, collapsed)]


def _collapsed(truth: Truth, *, firm: bool) -> int:
    if truth is Truth.UNKNOWN or (truth in {Truth.PRESUMED_NO, Truth.PRESUMED_YES} and not firm):
        return 1
    return 2 if truth > Truth.UNKNOWN else 0


def _valued(node: Node, truths: Mapping[Atom, int]) -> int:
    match lower(node):
        case Not(node=inner):
            return 2 - _valued(inner, truths)
        case AtLeast(k=k, nodes=nodes):
            return sorted((_valued(n, truths) for n in nodes), reverse=True)[k - 1]
        case atom:
            return truths[atom]


def emitted(trial: Trial) -> list[Criterion]:
    return [c for c in trial.criteria if isinstance(cql(c, load()), Define)]


def compared(
    execute: Execute, kernel: Kernel, trial: Trial, cases: Sequence[Case]
) -> Iterator[tuple[Case, Criterion, Difference | None]]:
    """Each criterion of one trial that has CQL, for each patient: nothing, or how engine and matcher differ."""
    on, said = kernel.run.on, emitted(trial)
    runs = execute(
        library("Agreement", "1", trial.criteria, load()),
        [opened(case.bundle) for case in cases],
        own=[case.parameters(on) for case in cases],
        defines=[c.id for c in said],
    )
    for case, run in zip(cases, runs, strict=True):
        truths = {asked.atom: grades[0].truth for asked, grades in kernel.atoms(case.facts)}
        reference = case.facts.patients[0].reference
        for criterion in said:
            right = expected(criterion, truths, case.whole)
            got = run.error or run.results[criterion.id]
            same = got is right
            yield case, criterion, None if same else Difference(reference, criterion.id, right, got)
