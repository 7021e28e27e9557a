"""Next best datum: which missing item would settle most undetermined trials of a patient, or patients of a trial.

An item is one thing to get or to ask: a result, the record of a condition, a person's answer (`Need.item`). It
**settles** an undetermined pair

* *surely*, where the verdict stops being undetermined whatever the item turns out to say, and
* *perhaps*, where it does so for at least one thing that it could say.

What an item could say is each yes or no to each question that the pair's open criteria ask of it, all else as it is.
Items are ordered by the pairs they settle surely, then by those they settle perhaps, then by name. Pairs that are
decided, presumed or set aside ask for nothing. Reads matches alone, and evaluates nothing of a record again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal, NamedTuple

from fhirtrial.criteria.tree import Atom
from fhirtrial.criteria.truth import Verdict
from fhirtrial.matching.result import UNANSWERABLE, Match, Need, Open

MOST_QUESTIONS = 10
"""Beyond so many questions of one pair to one item, all yes and all no are tried alone, and nothing is called sure."""
NO, UNKNOWN, YES = 0, 1, 2
Answers = Mapping[int, int]


class Undecided(NamedTuple):
    """A criterion that is unknown: what is left of it, the number of the atom of each of its needs, and its kind."""

    open: Open
    atoms: tuple[int, ...]
    excludes: bool


@dataclass(frozen=True)
class Next:
    """An item, what the criteria ask of it, its Questionnaire linkIds, and the trials or patients that it settles."""

    item: str
    asks: tuple[str, ...]
    questions: tuple[str, ...]
    surely: tuple[str, ...]
    perhaps: tuple[str, ...]

    def to_json(self) -> dict[str, str | list[str]]:
        return {"item": self.item, **{k: list(getattr(self, k)) for k in ("asks", "questions", "surely", "perhaps")}}


def next_best(matches: Iterable[Match], by: Literal["patient", "trial"] = "patient") -> dict[str, tuple[Next, ...]]:
    """Per patient the items that settle trials, or per trial those that settle patients; the best first.

    `perhaps` leaves out those of `surely`. Patients and trials stand in the order of their ids; one without an
    undetermined pair is left out.
    """
    found: dict[str, dict[str, list[tuple[str, bool, Sequence[Need]]]]] = {}
    for match in matches:
        pair = (match.patient.reference, match.trial.id)
        about, other = pair if by == "patient" else reversed(pair)
        for item, (sure, needs) in settled(match).items():
            found.setdefault(about, {}).setdefault(item, []).append((other, sure, needs))
    return {about: _ranked(found[about]) for about in sorted(found)}


def settled(match: Match) -> dict[str, tuple[bool, tuple[Need, ...]]]:
    """Each item that may settle the pair: whether surely, and what is asked of it."""
    if match.verdict is not Verdict.UNDETERMINED or match.set_aside:
        return {}
    numbers: dict[Atom, int] = {}
    items: dict[str, dict[Need, None]] = {}
    touched: dict[str, dict[int, None]] = {}
    undecided: list[Undecided] = []
    for result in match.criteria:
        if result.open is None:
            continue
        for need in result.needs:
            if need.item:
                items.setdefault(need.item, {})[need] = None
                touched.setdefault(need.item, {})[len(undecided)] = None
        places = tuple(numbers.setdefault(need.atom, len(numbers)) for need in result.needs)
        undecided.append(Undecided(result.open, places, result.criterion.kind == "exclusion"))
    found = {}
    for item, needs in items.items():
        asked = tuple(dict.fromkeys(numbers[need.atom] for need in needs))
        outcomes = _outcomes([undecided[place] for place in touched[item]], asked)
        if len(touched[item]) < len(undecided):
            outcomes = {min(one, UNKNOWN) for one in outcomes}  # the criteria that it does not touch stay unknown
        if outcomes != {UNKNOWN}:
            found[item] = (UNKNOWN not in outcomes, tuple(needs))
    return found


def _outcomes(criteria: Sequence[Undecided], asked: Sequence[int]) -> set[int]:
    """Which way these criteria would go together, over everything that the item could say."""
    if len(asked) > MOST_QUESTIONS:
        uniform = {_decided(criteria, dict.fromkeys(asked, said)) for said in (NO, YES)}
        return uniform | {UNKNOWN}
    return {_decided(criteria, dict(zip(asked, said, strict=True))) for said in product((NO, YES), repeat=len(asked))}


def _decided(criteria: Sequence[Undecided], answers: Answers) -> int:
    """The least over the open criteria: the others hold, or the pair would not be undetermined."""
    least = YES
    for one in criteria:
        truth = _value(one.open, one.atoms, answers)
        least = min(least, YES - truth if one.excludes else truth)
        if least == NO:
            break
    return least


def _value(node: Open | int, atoms: Sequence[int], answers: Answers) -> int:
    if isinstance(node, int):
        return UNKNOWN if node == UNANSWERABLE else answers.get(atoms[node], UNKNOWN)
    values = [_value(n, atoms, answers) for n in node.nodes]
    if not node.k:
        return YES - values[0]
    values.sort()
    return values[-node.k]


def _ranked(items: Mapping[str, Sequence[tuple[str, bool, Sequence[Need]]]]) -> tuple[Next, ...]:
    found = (
        Next(
            item,
            tuple(sorted({_words(n) for _, _, needs in pairs for n in needs})),
            tuple(sorted({n.question for _, _, needs in pairs for n in needs if n.question})),
            tuple(sorted({other for other, sure, _ in pairs if sure})),
            tuple(sorted({other for other, sure, _ in pairs if not sure})),
        )
        for item, pairs in items.items()
    )
    return tuple(sorted(found, key=lambda n: (-len(n.surely), -len(n.perhaps), n.item)))


def _words(need: Need) -> str:
    """The question alone; why it is open differs from patient to patient."""
    return need.text.removesuffix(f" [{', '.join(need.reasons)}]")
