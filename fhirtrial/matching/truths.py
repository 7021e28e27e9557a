"""Distinct atoms × patients → truths, group by group, without reasons and evidence: what verdicts of many need.

`reasoned` says the same with reasons; both call the same function of an atom's kind.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fhirtrial.criteria.tree import Allergy, Medication
from fhirtrial.matching.atoms import from_record
from fhirtrial.matching.atoms.demographics import ages, sex
from fhirtrial.matching.bind import Bound
from fhirtrial.matching.codes import State
from fhirtrial.matching.grades import Ints
from fhirtrial.matching.hearing import Heard
from fhirtrial.matching.lanes import Lanes
from fhirtrial.matching.timing import GOES_ON
from fhirtrial.matching.view import View, distinct
from fhirtrial.patients.facts import Standing

MOST_ROWS = 1 << 18
"""Rows of one call: more do not stay in a core's cache."""


def truths(bound: Bound, view: View) -> NDArray[np.int8]:
    """[atoms × patients]"""
    found = bound.silences.truths(view)
    _of_patients(bound, view, found)
    heard = _in_time(bound, view, bound.ears.hear(view).of(bound.reading))
    for lanes in blocks(bound.group, heard, np.flatnonzero(heard.ends > heard.starts)):
        some = lanes_of(bound, view, heard, lanes, found)
        found[some.lane, some.who] = from_record(some.atom, some).truth
    return found


def blocks(group: Ints, heard: Heard, lanes: Ints, extra: int = 0) -> Iterator[Ints]:
    """The lanes group by group, in parts with so many rows together; `extra` is what each lane takes besides."""
    order = lanes[np.argsort(group[lanes], kind="stable")]
    for some in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        yield from _blocks(heard, some, extra)


def _in_time(bound: Bound, view: View, heard: Heard) -> Heard:
    """As `heard`, without the rows that surely lie outside an atom's days where such rows change nothing.

    A patient whose results are all too old is unknown, as one without any is where absence may not speak; what
    happened at another time is as silence. What denies, what is past by its code and what goes on is always kept.
    """
    leaves = distinct(bound.leaf[(heard.ends > heard.starts) & (bound.leaf >= 0)])
    low, high, end = (view.column(name)[heard.rows] for name in ("start_low", "start_high", "end_high"))
    high = np.maximum(high, end)
    always = (heard.states == State.HISTORY) | (heard.states == State.DENIAL)
    always |= view.column("standing")[heard.rows] == Standing.DENIED
    always |= GOES_ON[view.column("course")[heard.rows]]
    first, last = bound.asks.spans.first_earliest, bound.asks.spans.last_latest
    kept, of = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for lanes in _blocks(heard, bound.first_of_leaf[leaves]):
        places = heard.places(lanes)
        lane = np.repeat(lanes, heard.ends[lanes] - heard.starts[lanes])
        inside = (high[places] >= first[lane]) & (low[places] <= last[lane])  # type: ignore[index]
        some = (inside | always[places]).nonzero()[0]
        kept.append(places[some])
        of.append(bound.leaf[lane[some]])
    edges = np.searchsorted(np.concatenate(of), np.arange(len(bound.first_of_leaf) + 1))
    return heard.instead(np.concatenate(kept), edges, bound.leaf)


def _of_patients(bound: Bound, view: View, found: NDArray[np.int8]) -> None:
    """Ages and sexes, which every patient has."""
    for bounds, numbers in bound.ages:
        found[numbers] = ages(bounds, view)
    for atom, number in bound.sexes:
        found[number] = sex(atom, view).truth


def _blocks(heard: Heard, lanes: Ints, extra: int = 0) -> Iterator[Ints]:
    rows = np.cumsum(heard.ends[lanes] - heard.starts[lanes] + extra)
    if len(lanes) and rows[-1] <= MOST_ROWS:
        yield lanes
    elif len(lanes):
        yield from np.split(lanes, np.flatnonzero(np.diff(rows // MOST_ROWS)) + 1)


def lanes_of(bound: Bound, view: View, heard: Heard, lanes: Ints, silent: NDArray[np.int8] | None = None) -> Lanes:
    """The lanes' rows as one chunk: of the patients who have some, where it is known that the others are `silent`.

    `silent` are all atoms' truths if no row spoke; without them the chunk is of everyone in each lane.
    """
    places = heard.places(lanes)
    origin = heard.rows[places]
    sizes = heard.ends[lanes] - heard.starts[lanes]
    number = np.repeat(np.arange(len(lanes)), sizes)
    patient = view.at("patient", origin)
    if silent is None:
        key = number * view.patients + patient
        lane, who = np.repeat(lanes, view.patients), np.tile(np.arange(view.patients), len(lanes))
    else:
        new = np.ones(len(origin), bool)
        new[1:] = (number[1:] != number[:-1]) | (patient[1:] != patient[:-1])
        begin = new.nonzero()[0]
        key, lane, who = np.cumsum(new) - 1, lanes[number[begin]], patient[begin]
    atom = bound.atoms[int(lanes[0])]
    states = heads = quiet = None
    if bound.plain[int(bound.group[lanes[0]])] or not len(origin):
        if isinstance(atom, Allergy):
            # to a list that is not empty silence means something else than to none at all
            states, heads = _listed(bound, view, origin, number, lanes)
        else:
            states, heads = heard.states[places], heard.heads[places]
            quiet = None if silent is None else silent[lane, who]
        if isinstance(atom, Medication):
            states = _routed(bound, view, origin, lanes[number], states)
    given = (view.facts, view.on, view.codes, view.policy, view.uln)
    return Lanes(
        *given,
        base=view,
        origin=origin,
        key=key,
        who=who,
        atom=atom,
        asks=bound.asks,
        lane=lane,
        lanes=lanes,
        edges=np.append(0, np.cumsum(sizes)),
        own_states=states,
        own_heads=heads,
        silent=quiet,
    )


def _listed(
    bound: Bound, view: View, origin: Ints, number: Ints, lanes: Ints
) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
    """What a whole list's codes say of each lane's concept: its reading finds all rows, whatever they speak of."""
    present, code = np.unique(view.at("code", origin), return_inverse=True)
    sets = [view.facts.vocabulary.codes.values[n] for n in present.tolist()]
    concepts: list[str] = [bound.atoms[lane].concept for lane in lanes.tolist()]
    states = np.array([[view.codes.state(name, one) for one in sets] for name in concepts], np.int8)
    heads = np.array([[view.codes.is_head(name, one) for one in sets] for name in concepts], bool)
    return states[number, code], heads[number, code]


def _routed(bound: Bound, view: View, origin: Ints, lane: Ints, states: NDArray[np.int8]) -> NDArray[np.int8]:
    """The states of medications whose recorded route may settle what their code leaves open."""
    rows = np.flatnonzero(view.at("route", origin))
    if not len(rows):
        return states
    values = view.facts.vocabulary.codes.values
    columns = (lane[rows], *(view.column(name)[origin[rows]] for name in ("code", "route")))
    cells = list(zip(*(column.tolist() for column in columns), strict=True))
    told = {
        (atom, code, route): view.codes.state(bound.atoms[atom].concept, values[code], view.route(route))
        for atom, code, route in set(cells)
    }
    states[rows] = [told[cell] for cell in cells]
    return states
