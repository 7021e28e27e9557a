"""Patients × trials → verdicts alone: the whole of a nightly run, of which only some pairs need a Match.

The same verdicts as `Run.matches` gives, without reasons: one patient by bytes, many by bit planes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fhirtrial.matching import planes
from fhirtrial.matching.bind import Bound
from fhirtrial.matching.network import Ints, Network
from fhirtrial.matching.planes import Planes
from fhirtrial.matching.truths import truths
from fhirtrial.matching.view import View, distinct

FEW = 4
"""Patients up to which bytes, one patient after the other, are quicker than planes."""


@dataclass(frozen=True)
class Screen:
    """A chunk's verdicts: four planes per trial.

    Where the whole was asked for, `criteria` holds planes, and the row among them of each criterion of each trial.
    """

    planes: Planes
    patients: int
    criteria: tuple[Planes, Ints] = field(default=(np.zeros((0, 4, 0), np.uint64), np.zeros(0, np.int64)))

    @cached_property
    def table(self) -> NDArray[np.int8]:
        """[trials × patients]"""
        return planes.unpacked(self.planes, self.patients)

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """[trials × 5]: how many patients have each verdict."""
        return levels(self.planes & everyone(self.patients), self.patients)


def everyone(patients: int) -> NDArray[np.uint64]:
    """One plane with the bits of all patients, and of no one beyond the last."""
    plane: NDArray[np.uint64] = planes.packed(np.ones((1, patients), np.int8))[0, 0]
    return plane


def levels(found: Planes, patients: int | Ints) -> Ints:
    """[rows × 5]: how many of so many patients are on each level; the planes say nothing of any other."""
    above = np.bitwise_count(found).sum(axis=2, dtype=np.int64)
    reached = np.column_stack([np.broadcast_to(patients, len(above)), above, np.zeros(len(above), np.int64)])
    counts: Ints = reached[:, :-1] - reached[:, 1:]
    return counts


def screen(network: Network, bound: Bound, view: View, *, whole: bool = False) -> Screen:
    """`whole`: the criteria's planes are kept, too."""
    atoms = truths(bound, view)
    if whole:
        slots = np.concatenate([network.verdicts, *network.criteria])
        wanted = distinct(slots)
        found, rows = planes.evaluated(network, atoms, wanted), np.searchsorted(wanted, slots)
        verdicts, criteria = np.split(rows, [len(network.verdicts)])
        return Screen(found[verdicts], view.patients, (found, criteria))
    if view.patients <= FEW:
        columns = [planes.one_by_one(network, atoms[:, i])[network.verdicts] for i in range(view.patients)]
        table = np.array(columns, np.int8).reshape(view.patients, len(network.verdicts)).T
        return Screen(planes.packed_few(table), view.patients)
    return Screen(planes.evaluated(network, atoms, network.verdicts), view.patients)
