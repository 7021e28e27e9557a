"""All the rows that atoms look at, found in one pass over a chunk: a stretch of them for each reading.

What a code says of the concepts is judged once for each distinct code and remembered; rows meet numbers alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fhirtrial.matching.codes import Codes
from fhirtrial.matching.grades import Ints
from fhirtrial.matching.reads import Read
from fhirtrial.matching.view import View, distinct
from fhirtrial.patients.facts import CodeSet, Kind


class Heard(NamedTuple):
    """Stretch i is `starts[i]:ends[i]` of the rows, ascending; each with what its code says of the concept."""

    rows: Ints
    states: NDArray[np.int8]
    heads: NDArray[np.bool_]
    starts: Ints
    ends: Ints

    def of(self, readings: Ints) -> Heard:
        """A stretch for each of the readings; the one with number -1 is empty."""
        starts, ends = (np.append(edges, 0)[readings] for edges in (self.starts, self.ends))
        return self._replace(starts=starts, ends=ends)

    def places(self, stretches: Ints) -> Ints:
        """The places of the rows of some stretches, one stretch after the other."""
        return ranges(self.starts[stretches], self.ends[stretches] - self.starts[stretches])

    def instead(self, places: Ints, edges: Ints, which: Ints) -> Heard:
        """Stretch i replaced by the rows at `places[edges[w]:edges[w + 1]]`, w being `which[i]`; kept where -1."""
        rows, states, heads = (
            np.concatenate((column, column[places])) for column in (self.rows, self.states, self.heads)
        )
        starts, ends = (
            np.where(which < 0, old, len(self.rows) + np.append(new, 0)[which])
            for old, new in ((self.starts, edges[:-1]), (self.ends, edges[1:]))
        )
        return Heard(rows, states, heads, starts, ends)  # type: ignore[arg-type]


class Ears:
    """Some readings, each of their Reads an ear by number."""

    def __init__(self, readings: Sequence[tuple[Read, ...]], codes: Codes) -> None:
        ears = [(number, read) for number, reading in enumerate(readings) for read in reading]
        self._readings = len(readings)
        self._reading = np.array([number for number, _ in ears], np.int16 if len(readings) < 1 << 15 else np.int64)
        self._hears = np.zeros((len(ears), len(Kind)), bool)
        self._whole: dict[tuple[Kind, ...], list[int]] = {}
        named: dict[str, list[int]] = {}
        for ear, (_, read) in enumerate(ears):
            self._hears[ear, list(read.kinds)] = True
            if read.concept is None:
                self._whole.setdefault(read.kinds, []).append(ear)
            else:
                named.setdefault(read.concept, []).append(ear)
        self._spoken = codes.index(sorted(named))
        self._of_concept = [named[name] for name in self._spoken.names]
        self._told: dict[CodeSet, list[tuple[int, int, bool]]] = {}

    def hear(self, view: View) -> Heard:
        """Every reading's rows; one that two ears of a reading hear is there once."""
        rows, ears, states, heads = self._by_code(view)
        whole, by_kind = self._by_kind(view)
        silent = np.zeros(len(whole), np.int8)
        rows, ears = np.append(rows, whole), np.append(ears, by_kind)
        states, heads = np.append(states, silent), np.append(heads, silent > 0)
        reading = self._reading[ears]
        order = np.argsort(reading, kind="stable")
        reading, rows = reading[order], rows[order]
        once = np.ones(len(rows), bool)
        once[1:] = (reading[1:] != reading[:-1]) | (rows[1:] != rows[:-1])
        order = order[once]
        edges = np.searchsorted(reading[once], np.arange(self._readings + 1))
        return Heard(rows[once], states[order], heads[order], edges[:-1], edges[1:])

    def _by_code(self, view: View) -> tuple[Ints, Ints, NDArray[np.int8], NDArray[np.bool_]]:
        """Row by row, the ears that hear its code, and what it says."""
        values, codes = view.facts.vocabulary.codes.values, view.column("code")
        starts, counts = np.zeros(len(values), np.int64), np.zeros(len(values), np.int64)
        told: list[tuple[int, int, bool]] = []
        for number in distinct(codes).tolist():
            mine = self._tell(values[number])
            starts[number], counts[number] = len(told), len(mine)
            told += mine
        ears, states, heads = np.array(told, np.int64).reshape(-1, 3).T
        rows = np.flatnonzero(counts[codes])
        each = counts[codes[rows]]
        places = ranges(starts[codes[rows]], each)
        rows = np.repeat(rows, each)
        heard = np.flatnonzero(self._hears[ears[places], view.at("kind", rows)])
        rows, places = rows[heard], places[heard]
        return rows, ears[places], states[places].astype(np.int8), heads[places] > 0

    def _by_kind(self, view: View) -> tuple[Ints, Ints]:
        """Rows and ears of the readings that take every row of a kind, whatever it says."""
        rows, ears = np.empty(0, np.int64), np.empty(0, np.int64)
        for kinds, numbers in self._whole.items():
            some = view.rows(*kinds)
            rows = np.append(rows, np.tile(some, len(numbers)))
            ears = np.append(ears, np.repeat(numbers, len(some)))
        return rows, ears

    def _tell(self, codes: CodeSet) -> list[tuple[int, int, bool]]:
        """Which ears hear these codes, each with what they say."""
        found = self._told.get(codes)
        if found is None:
            said = self._spoken.of(codes)
            found = [(ear, s.state, s.head) for s in said for ear in self._of_concept[s.concept]]
            self._told[codes] = found
        return found


def ranges(starts: Ints, lengths: Ints) -> Ints:
    """The numbers of some stretches, `lengths[i]` of them from `starts[i]` up, one stretch after the other.

    >>> ranges(np.array([5, 0]), np.array([2, 3])).tolist()
    [5, 6, 0, 1, 2]
    """
    ends = np.cumsum(lengths)
    found: Ints = np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - ends + lengths, lengths)
    return found
