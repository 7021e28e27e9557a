"""Patients × trials → verdicts alone: the whole of a nightly run, of which only some pairs need a Match.

The same verdicts as `Run.matches` gives, without reasons: one patient by bytes, many by bit planes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fhirtrial.matching import planes
from fhirtrial.matching.bind import Bound
from fhirtrial.matching.network import Network
from fhirtrial.matching.truths import truths
from fhirtrial.matching.view import View

FEW = 4
"""Patients up to which bytes, one patient after the other, are quicker than planes."""


@dataclass(frozen=True)
class Screen:
    """A chunk's verdicts: four planes per trial."""

    planes: planes.Planes
    patients: int

    @cached_property
    def table(self) -> NDArray[np.int8]:
        """[trials × patients]"""
        return planes.unpacked(self.planes, self.patients)

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """[trials × 5]: how many patients have each verdict."""
        above = np.bitwise_count(self.planes).sum(axis=2, dtype=np.int64)
        reached = np.column_stack([np.full(len(above), self.patients), above, np.zeros(len(above), np.int64)])
        counts: NDArray[np.int64] = reached[:, :-1] - reached[:, 1:]
        return counts


def screen(network: Network, bound: Bound, view: View) -> Screen:
    atoms = truths(bound, view)
    if view.patients <= FEW:
        columns = [planes.one_by_one(network, atoms[:, i])[network.verdicts] for i in range(view.patients)]
        table = np.array(columns, np.int8).reshape(view.patients, -1).T
        return Screen(planes.packed(table), view.patients)
    packed = planes.packed(atoms)
    return Screen(planes.evaluated(network, packed)[network.verdicts], view.patients)
