"""Distinct atoms × patients → truths, group by group, without reasons and evidence: what verdicts of many need.

`atoms.answer` says the same of one atom with its reasons; both call the same function of the atom's kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fhirtrial.criteria.tree import Allergy, Medication
from fhirtrial.matching.atoms import from_record
from fhirtrial.matching.atoms.demographics import ages, sex
from fhirtrial.matching.bind import Bound
from fhirtrial.matching.grades import NO, Ints
from fhirtrial.matching.lanes import Lanes
from fhirtrial.matching.reads import Read
from fhirtrial.matching.timing import lasting, measured
from fhirtrial.matching.view import View, of_kinds
from fhirtrial.patients.facts import Kind

MOST_ROWS = 1 << 18
"""Rows of one call: more do not stay in a core's cache."""


class Heard(NamedTuple):
    """The rows that one reading finds, and what their codes say of its first concept."""

    rows: Ints
    states: NDArray[np.int8]
    heads: NDArray[np.bool_]


def truths(bound: Bound, view: View) -> NDArray[np.int8]:
    """[atoms × patients]"""
    found = bound.silent(view)
    _of_patients(bound, view, found)
    view.hear(view.codes.index(bound.concepts))
    heard = dict(_heard(bound, view))
    touched = np.flatnonzero(np.isin(bound.reading, list(heard)))
    leaves = np.unique(bound.leaf[touched[bound.leaf[touched] >= 0]])
    encounters = bound.of_encounters[leaves]
    timed: dict[int, Heard] = {}
    for some in (leaves[encounters], leaves[~encounters]):
        timed |= dict(_in_time(bound, view, heard, some))
    order = touched[np.argsort(bound.group[touched], kind="stable")]
    for lanes in np.split(order, np.flatnonzero(np.diff(bound.group[order])) + 1):
        parts = [timed.get(bound.leaf_list[i], heard[bound.reading_list[i]]) for i in lanes.tolist()]
        for start, end in _blocks([len(part.rows) for part in parts]):
            _answer(bound, view, parts[start:end], lanes[start:end], found)
    return found


def _in_time(bound: Bound, view: View, heard: dict[int, Heard], leaves: Ints) -> Iterator[tuple[int, Heard]]:
    """Per leaf the rows that may lie in its days; those that surely do not change nothing there.

    A patient whose results are all too old is unknown, as one without any is where absence may not speak.
    """
    lanes = bound.first_of_leaf[leaves]
    parts = [heard[bound.reading_list[i]] for i in lanes.tolist()]
    for start, end in _blocks([len(part.rows) for part in parts]):
        some, lane = _lanes(bound, view, parts[start:end], lanes[start:end])
        rows = np.arange(len(some.origin))
        assert some.asks is not None  # noqa: S101 - lanes of several atoms always have them
        time = lasting if bound.readings[bound.reading[lanes[start]]][0].kinds == (Kind.ENCOUNTER,) else measured
        rows = rows[time(some, rows, some.asks.spans)[0] > NO]
        ends = np.searchsorted(lane[some.key[rows]], np.append(lanes[start:end], len(bound.atoms)))
        cut = zip(leaves[start:end].tolist(), parts[start:end], ends.tolist(), ends[1:].tolist(), strict=False)
        offset = np.cumsum([0, *(len(part.rows) for part in parts[start:end])])
        for place, (leaf, part, first, last) in enumerate(cut):
            of = rows[first:last] - offset[place]
            yield leaf, Heard(part.rows[of], part.states[of], part.heads[of])


def _of_patients(bound: Bound, view: View, found: NDArray[np.int8]) -> None:
    """Ages and sexes, which every patient has."""
    for bounds, numbers in bound.ages:
        found[numbers] = ages(bounds, view)[0]
    for atom, number in bound.sexes:
        found[number] = sex(atom, view).truth


def _heard(bound: Bound, view: View) -> Iterator[tuple[int, Heard]]:
    """Per reading that finds anything, its rows."""
    for number, reading in enumerate(bound.readings):
        if len(reading) == 1:
            one = _read(view, reading[0])
        else:
            parts = [_read(view, read).rows for read in reading]
            rows = np.unique(np.concatenate(parts))
            one = Heard(rows, np.zeros(len(rows), np.int8), np.zeros(len(rows), bool))
        if len(one.rows):
            yield number, one


def _read(view: View, read: Read) -> Heard:
    if read.concept is None:
        rows = view.rows(*read.kinds)
        return Heard(rows, np.zeros(len(rows), np.int8), np.zeros(len(rows), bool))
    said = view.said(read.concept)
    if not said:
        return _NOTHING
    parts = [view.of_code(number) for number, _ in said]
    lengths = [len(part) for part in parts]
    rows = np.concatenate(parts)
    states = np.repeat(np.array([s.state for _, s in said], np.int8), lengths)
    heads = np.repeat(np.array([s.head for _, s in said], bool), lengths)
    order = np.argsort(rows) if len(parts) > 1 else np.arange(len(rows))
    order = order[of_kinds(view.column("kind")[rows[order]], read.kinds)]
    return Heard(rows[order], states[order], heads[order])


_NOTHING = Heard(np.empty(0, np.int64), np.empty(0, np.int8), np.empty(0, bool))


def _blocks(sizes: list[int]) -> Iterator[tuple[int, int]]:
    """Stretches of lanes with so many rows together."""
    start = total = 0
    for place, size in enumerate(sizes):
        if total + size > MOST_ROWS and total:
            yield start, place
            start, total = place, 0
        total += size
    if total:
        yield start, len(sizes)


def _answer(bound: Bound, view: View, parts: list[Heard], lanes: Ints, found: NDArray[np.int8]) -> None:
    some, lane = _lanes(bound, view, parts, lanes)
    found[lane, some.who] = from_record(some.atom, some).truth


def _lanes(bound: Bound, view: View, parts: list[Heard], lanes: Ints) -> tuple[Lanes, Ints]:
    """The lanes' rows as one chunk, and the lane of each of its keys."""
    origin = np.concatenate([part.rows for part in parts])
    number = np.repeat(np.arange(len(lanes)), [len(part.rows) for part in parts])
    patient = view.column("patient")[origin]
    new = np.ones(len(origin), bool)
    new[1:] = (number[1:] != number[:-1]) | (patient[1:] != patient[:-1])
    key, lane, who = np.cumsum(new) - 1, lanes[number[new]], patient[new]
    atom = bound.atoms[int(lanes[0])]
    states = heads = None
    if bound.plain[int(bound.group[lanes[0]])]:
        states = np.concatenate([part.states for part in parts])
        heads = np.concatenate([part.heads for part in parts])
        if isinstance(atom, Medication):
            states = _routed(bound, view, origin, lanes[number], states)
        if isinstance(atom, Allergy):
            states, heads = _listed(bound, view, origin, number, lanes)
    given = (view.facts, view.on, view.codes, view.policy, view.uln)
    asks = bound.asks.of(lane)
    some = Lanes(
        *given,
        base=view,
        origin=origin,
        key=key,
        who=who,
        atom=atom,
        asks=asks,
        own_states=states,
        own_heads=heads,
    )
    return some, lane


def _listed(
    bound: Bound, view: View, origin: Ints, number: Ints, lanes: Ints
) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
    """What a whole list's codes say of each lane's concept: its reading finds all rows, whatever they speak of."""
    states, heads = np.zeros(len(origin), np.int8), np.zeros(len(origin), bool)
    codes = view.column("code")[origin]
    for place, lane in enumerate(lanes.tolist()):
        for code, said in view.said(bound.atoms[lane].concept):
            rows = (number == place) & (codes == code)
            states[rows], heads[rows] = said.state, said.head
    return states, heads


def _routed(bound: Bound, view: View, origin: Ints, lane: Ints, states: NDArray[np.int8]) -> NDArray[np.int8]:
    """The states of medications whose recorded route may settle what their code leaves open."""
    routes, codes = view.column("route")[origin], view.column("code")[origin]
    values = view.facts.vocabulary.codes.values
    for i in np.flatnonzero(routes).tolist():
        atom = bound.atoms[int(lane[i])]
        states[i] = view.codes.state(atom.concept, values[codes[i]], view.route(int(routes[i])))  # type: ignore[union-attr,arg-type]
    return states
