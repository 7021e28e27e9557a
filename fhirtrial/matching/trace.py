"""Why a criterion came out as it did, for one patient: the deciding atoms, their reasons, rows and what is missing.

Reads what the kernel computed; it evaluates nothing again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.tree import Age, Defect, Sex
from fhirtrial.criteria.truth import Truth
from fhirtrial.matching.kernel import Evaluated
from fhirtrial.matching.needs import need
from fhirtrial.matching.plan import Plan
from fhirtrial.matching.reasons import labels
from fhirtrial.matching.result import UNANSWERABLE, CriterionResult, Evidence, Open
from fhirtrial.matching.view import View
from fhirtrial.matching.wording import days_text, evidence_of

MOST_ROWS = 5
"""Rows shown per atom; the latest ones."""


def traced(
    criterion: Criterion, root: int, plan: Plan, evaluated: Evaluated, view: View, patient: int
) -> CriterionResult:
    truth = Truth(int(evaluated.truth[root, patient]))
    atoms = tuple(dict.fromkeys(_deciding(root, plan, evaluated, patient)))
    unknown = [a for a in atoms if evaluated.truth[a, patient] == Truth.UNKNOWN]
    reasons = 0
    for atom in unknown:
        reasons |= int(evaluated.answers[atom].reasons[patient])
    evidence = tuple(e for a in atoms for e in _evidence(a, plan, evaluated, view, patient))
    needs = {
        a: need(plan.atoms[a], view, labels(int(evaluated.answers[a].reasons[patient])))
        for a in unknown
        if truth is Truth.UNKNOWN and not isinstance(plan.atoms[a].atom, Defect)
    }
    distinct = tuple(dict.fromkeys(needs.values()))
    places = {a: distinct.index(one) for a, one in needs.items()}
    left = _open(root, plan, evaluated, patient, places) if truth is Truth.UNKNOWN else None
    return CriterionResult(
        criterion,
        truth,
        labels(reasons) if truth is Truth.UNKNOWN else (),
        tuple(dict.fromkeys(evidence)),
        distinct,
        Open(1, (left,)) if isinstance(left, int) else left,
    )


def _open(node: int, plan: Plan, evaluated: Evaluated, patient: int, places: Mapping[int, int]) -> Open | int:
    """The part of an unknown node that is unknown: what is known counts towards its gate, or never will."""
    if node < len(plan.atoms):
        return places.get(node, UNANSWERABLE)
    gate = plan.gates[node - len(plan.atoms)]
    truths = evaluated.truth[list(gate.nodes), patient].tolist()
    unknown = [child for child, truth in zip(gate.nodes, truths, strict=True) if truth == Truth.UNKNOWN]
    nodes = tuple(_open(child, plan, evaluated, patient, places) for child in unknown)
    k = gate.k and gate.k - sum(truth > Truth.UNKNOWN for truth in truths)
    return nodes[0] if k and len(nodes) == 1 else Open(k, nodes)


def _deciding(node: int, plan: Plan, evaluated: Evaluated, patient: int) -> Iterator[int]:
    """The atoms below `node` whose truth is why it has its own."""
    if node < len(plan.atoms):
        yield node
        return
    gate = plan.gates[node - len(plan.atoms)]
    value = evaluated.truth[node, patient]
    for child in gate.nodes:
        if gate.k == 0 or evaluated.truth[child, patient] == value:
            yield from _deciding(child, plan, evaluated, patient)


def _evidence(number: int, plan: Plan, evaluated: Evaluated, view: View, patient: int) -> Iterator[Evidence]:
    atom, answer = plan.atoms[number].atom, evaluated.answers[number]
    truth = int(answer.truth[patient])
    if isinstance(atom, Age | Sex):
        yield _from_patient(atom, view, patient)
        return
    mine = [
        i for i in (answer.rows.patient == patient).nonzero()[0].tolist() if _shows(int(answer.rows.grade[i]), truth)
    ]
    mine.sort(key=lambda i: (-int(view.column("instant")[answer.rows.index[i]]), i))
    for i in mine[:MOST_ROWS]:
        yield evidence_of(view.facts, int(answer.rows.index[i]), answer.rows.compared(i))


def _shows(grade: int, truth: int) -> bool:
    if truth == Truth.UNKNOWN:
        return grade == Truth.UNKNOWN
    return grade >= Truth.PRESUMED_YES if truth > Truth.UNKNOWN else grade <= Truth.PRESUMED_NO


def _from_patient(atom: Age | Sex, view: View, patient: int) -> Evidence:
    who = view.facts.patients[patient]
    if isinstance(atom, Sex):
        return Evidence(who.reference, who.resource_version, "gender", who.sex or "not stated", "", f"= {atom.value}")
    born = "not stated" if who.birth is None else days_text(*who.birth)
    return Evidence(who.reference, who.resource_version, "birthDate", born, "", f"age at {view.on.isoformat()}")
