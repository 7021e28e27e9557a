"""G16: criteria per second of CPU time; what is read once per process is timed apart."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from goals.tally import SPEED

from fhirtrial.criteria.text.names import names_of
from fhirtrial.criteria.text.parse import parse_criterion
from fhirtrial.terminology import Terminology, load


class Stopwatch:
    """CPU seconds spent inside `with watch:`, in one stretch or many."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._started = 0.0

    def __enter__(self) -> Self:
        self._started = time.process_time()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.seconds += time.process_time() - self._started


def load_names() -> Terminology:
    """The terminology with its names read, and one line on how long that took."""
    with (watch := Stopwatch()):
        terminology = load()
        names_of(terminology)
        parse_criterion("Haemoglobin >= 9 g/dL", "inclusion", terminology)
    print(f"{'names and units read once':36s} {watch.seconds:.2f} s CPU")
    return terminology


def speed(criteria: int, seconds: float) -> str:
    """The line of G16."""
    reached = criteria / seconds if seconds else 0.0
    said = "met" if reached >= SPEED else f"short by {SPEED - reached:.0f}"
    return f"{'G16 speed':36s} {f'{reached:.0f} criteria/s of CPU time':44s} {f'>= {SPEED}':20s} {said}"
