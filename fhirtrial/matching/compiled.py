"""Trials made ready for one index date, once: their network, its atoms bound to the day, their criteria's forms.

The network knows no day, so that another day takes it over.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from fhirtrial.matching.bind import Bound, bind
from fhirtrial.matching.codes import Codes
from fhirtrial.matching.network import Network, network
from fhirtrial.matching.reasoned import Known, reasoned
from fhirtrial.matching.result import Trial
from fhirtrial.matching.screen import Screen, screen
from fhirtrial.matching.trace import Tracer
from fhirtrial.matching.view import View
from fhirtrial.terminology.policy import Policy


@dataclass(frozen=True)
class Compiled:
    """`places`: where the trials stand among all of a run. `answered`: people may have answered their questions."""

    trials: Sequence[Trial]
    places: Sequence[int]
    on: dt.date
    policy: Policy
    codes: Codes
    answered: bool = False

    @cached_property
    def network(self) -> Network:
        return network(self.trials, self.codes.terminology, answered=self.answered)

    @cached_property
    def bound(self) -> Bound:
        return bind([asked.atom for asked in self.network.atoms], self.on, self.policy, self.codes)

    @cached_property
    def tracer(self) -> Tracer:
        return Tracer(self.trials, self.network, self.codes.terminology)

    def on_day(self, day: dt.date) -> Compiled:
        other = replace(self, on=day)
        vars(other)["network"] = self.network
        return other

    def screen(self, view: View, *, whole: bool) -> Screen:
        return screen(self.network, self.bound, view, whole=whole)

    def people(self, view: View) -> Iterator[Known]:
        """What is known of each patient, for the tracer."""
        return reasoned(self.network.atoms, self.bound, view).people()
