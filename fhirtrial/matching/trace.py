"""Why a criterion came out as it did, for one patient: the deciding atoms, their reasons, rows and what is missing.

All but the evidence depends on the states of the criterion's own atoms alone, so that it is told once for all patients
in whom they are the same; evidence is the patient's (`reasoned`). `planes` decides gates of many trials at once, and in
them equal gates are one; here the shape of one criterion's own tree matters, walked by the algebra of `criteria.truth`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from itertools import chain
from operator import itemgetter, or_
from typing import NamedTuple

from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.lower import Lowered, leaves, lower
from fhirtrial.criteria.tree import AtLeast, Atom, Defect, Not
from fhirtrial.criteria.truth import Truth, at_least, negate
from fhirtrial.matching.atoms import unanswered
from fhirtrial.matching.needs import need
from fhirtrial.matching.network import Asked, Network, question
from fhirtrial.matching.reasoned import TRUTH, WHY, Known
from fhirtrial.matching.reasons import labels
from fhirtrial.matching.result import UNANSWERABLE, CriterionResult, Open, Trial
from fhirtrial.terminology import Terminology

MOST_TOLD = 1 << 17
"""Criteria in some state that are remembered, some hundred MB; beyond that they are told anew."""
_TRUTHS = tuple(Truth)
SILENT = -1


@dataclass(frozen=True, eq=False)
class Leaf:
    """An atom as a criterion asks it: its number in the network, or -1 where nobody was asked what no record says.

    `why`: the reasons for which it is open whatever the record says.
    """

    asked: Asked
    number: int
    why: int


class Gate(NamedTuple):
    """At least `k` of the numbered nodes, or, with k = 0, the negation of the one."""

    k: int
    nodes: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Form:
    """A criterion's lowered tree: leaves are its first nodes, and each gate comes after those it reads.

    `own` picks the states that it depends on out of a patient's.
    """

    criterion: Criterion
    leaves: tuple[Leaf, ...]
    gates: tuple[Gate, ...]
    root: int
    own: Callable[[Sequence[int]], object]


class Tracer:
    """The criteria of some trials over the atoms of their network."""

    def __init__(self, trials: Sequence[Trial], network: Network, terminology: Terminology) -> None:
        self._trials, self._network, self._terminology = trials, network, terminology
        self._forms: dict[int, tuple[Form, ...]] = {}
        self._of: dict[tuple[str, int], Form] = {}
        self._told: dict[tuple[Form, object], tuple[CriterionResult, tuple[int, ...]]] = {}
        self._need = cache(lambda asked, reasons: need(asked, terminology, labels(reasons)))

    def criteria(self, place: int, known: Known) -> tuple[CriterionResult, ...]:
        """Those of the trial in this place, in its order."""
        forms = self._forms.get(place)
        if forms is None:
            trial = self._trials[place]
            forms = self._forms[place] = tuple(self._form(trial, criterion) for criterion in trial.criteria)
        return tuple(self._traced(form, known) for form in forms)

    def _traced(self, form: Form, known: Known) -> CriterionResult:
        key = (form, form.own(known.states))
        told = self._told.get(key)
        if told is None:
            if len(self._told) >= MOST_TOLD:
                self._told.clear()
            told = self._told[key] = self._tell(form, known.states)
        result, deciding = told
        if known.shown.isdisjoint(deciding):
            return result
        found = [known.evidence(number) for number in deciding if number in known.shown]
        evidence = found[0] if len(found) == 1 else tuple(dict.fromkeys(chain(*found)))
        return CriterionResult(result.criterion, result.truth, result.reasons, evidence, result.needs, result.open)

    def _tell(self, form: Form, known: Sequence[int]) -> tuple[CriterionResult, tuple[int, ...]]:
        """What is the same for all in these states, and the atoms whose evidence belongs to it."""
        states = [_state(leaf, known) for leaf in form.leaves]
        truths = _folded(form, states)
        truth = truths[form.root]
        deciding = tuple(dict.fromkeys(_deciding(form.root, form, truths)))
        numbers = tuple(form.leaves[i].number for i in deciding if form.leaves[i].number != SILENT)
        if truth is not Truth.UNKNOWN:
            return CriterionResult(form.criterion, truth), numbers
        open_ = [i for i in deciding if truths[i] is Truth.UNKNOWN]
        reasons = reduce(or_, (states[i] >> WHY for i in open_), 0)
        needed = [i for i in open_ if not isinstance(form.leaves[i].asked.atom, Defect)]
        needs = tuple(self._need(form.leaves[i].asked, states[i] >> WHY) for i in needed)
        left = _open(form.root, form, truths, {i: place for place, i in enumerate(needed)})
        left = Open(1, (left,)) if isinstance(left, int) else left
        return CriterionResult(form.criterion, truth, labels(reasons), (), needs, left), numbers

    def _form(self, trial: Trial, criterion: Criterion) -> Form:
        key = (trial.questionnaire, id(criterion)) if self._network.answered else ("", id(criterion))
        found = self._of.get(key)
        if found is None:
            found = self._of[key] = self._compiled(trial.questionnaire, criterion)
        return found

    def _compiled(self, questionnaire: str, criterion: Criterion) -> Form:
        tree = lower(criterion.tree)
        places = {atom: place for place, atom in enumerate(dict.fromkeys(leaves(tree)))}
        found = tuple(self._leaf(question(questionnaire, criterion, self._terminology, atom)) for atom in places)
        gates: dict[Gate, int] = {}
        root = _number(tree, places, gates)
        return Form(criterion, found, tuple(gates), root, _states_of({leaf.number for leaf in found} - {SILENT}))

    def _leaf(self, asked: Asked) -> Leaf:
        if self._network.answered:
            return Leaf(asked, self._network.numbers[asked], 0)
        number = self._network.numbers.get(Asked(asked.atom), SILENT)
        why = unanswered(asked.atom) if asked.link_id or number == SILENT else 0
        return Leaf(asked._replace(questionnaire=""), number, why)


def _states_of(numbers: Collection[int]) -> Callable[[Sequence[int]], object]:
    """Picks these states; those of a criterion that only a person can answer are always the same."""
    return itemgetter(*sorted(numbers)) if numbers else len


def _number(node: Lowered, places: Mapping[Atom, int], gates: dict[Gate, int]) -> int:
    match node:
        case AtLeast(k=k, nodes=nodes):
            gate = Gate(k, tuple(_number(n, places, gates) for n in nodes))  # type: ignore[arg-type]
        case Not(node=inner):
            gate = Gate(0, (_number(inner, places, gates),))  # type: ignore[arg-type]
        case atom:
            return places[atom]
    return gates.setdefault(gate, len(places) + len(gates))


def _state(leaf: Leaf, known: Sequence[int]) -> int:
    state = Truth.UNKNOWN if leaf.number == SILENT else known[leaf.number]
    return state | leaf.why << WHY if state & TRUTH == Truth.UNKNOWN else state


def _folded(form: Form, states: Sequence[int]) -> list[Truth]:
    truths = [_TRUTHS[state & TRUTH] for state in states]
    for k, nodes in form.gates:
        truths.append(at_least(k, [truths[n] for n in nodes]) if k else negate(truths[nodes[0]]))
    return truths


def _deciding(node: int, form: Form, truths: Sequence[Truth]) -> Iterator[int]:
    """The leaves below `node` whose truth is why it has its own."""
    if node < len(form.leaves):
        yield node
        return
    k, nodes = form.gates[node - len(form.leaves)]
    for child in nodes:
        if k == 0 or truths[child] is truths[node]:
            yield from _deciding(child, form, truths)


def _open(node: int, form: Form, truths: Sequence[Truth], places: Mapping[int, int]) -> Open | int:
    """The part of an unknown node that is unknown: what is known counts towards its gate, or never will."""
    if node < len(form.leaves):
        return places.get(node, UNANSWERABLE)
    k, nodes = form.gates[node - len(form.leaves)]
    left = tuple(_open(n, form, truths, places) for n in nodes if truths[n] is Truth.UNKNOWN)
    k = k and k - sum(truths[n] > Truth.UNKNOWN for n in nodes)
    return left[0] if k and len(left) == 1 else Open(k, left)
