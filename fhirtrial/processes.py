"""Work on the cores of one machine: each thing by a process, in any order; nothing is lost or done twice when one dies.

A process that dies costs what was in hand one more try, each thing alone; one at which it dies again is given up.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import chain, islice
from multiprocessing import get_context, parent_process
from typing import Any, Generic, TypeVar

G = TypeVar("G")
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Work(Generic[G, T, R]):
    """A module's function of what every process is given once, and of one thing; all three travel between processes."""

    do: Callable[[G, T], R]
    given: G


def each(work: Work[G, T, R], things: Iterable[T], processes: int, ahead: int = 0) -> Iterator[tuple[T, R | None]]:
    """Every thing with what was made of it, as they end; None where a process died at it twice.

    Things are taken as they are needed: one for each process, and so many `ahead`. A single one needs no other process.
    """
    waiting = iter(things)
    first = list(islice(waiting, 2 if processes > 1 else 0))
    if len(first) < 2:
        for thing in chain(first, waiting):
            yield thing, work.do(work.given, thing)
        return
    yield from _in_processes(work, deque(first), waiting, processes, ahead)


def _in_processes(
    work: Work[G, T, R], first: deque[T], waiting: Iterator[T], processes: int, ahead: int
) -> Iterator[tuple[T, R | None]]:
    while first:
        in_hand: dict[Future[R], T] = {}
        with _pool(work, processes) as pool:
            try:
                while first or in_hand:
                    while first and len(in_hand) < processes + ahead:
                        future = _submit(pool, first[0], running=bool(in_hand))
                        in_hand[future] = first.popleft()
                        if not first:
                            first.extend(islice(waiting, 1))
                    for future in wait(in_hand, return_when=FIRST_COMPLETED).done:
                        made = future.result()
                        yield in_hand.pop(future), made
            except BrokenProcessPool:
                pass  # nobody says which of the processes died, so each thing in hand is tried by itself
        yield from _one_by_one(work, deque(in_hand.values()))


def _submit(pool: ProcessPoolExecutor, thing: Any, *, running: bool) -> Future[Any]:
    try:
        return pool.submit(_do, thing)
    except (OSError, ValueError) as error:
        if not running:
            raise
        # a process died while another was being started: the pool's pipes are closed under its hands
        raise BrokenProcessPool from error


def _one_by_one(work: Work[G, T, R], waiting: deque[T]) -> Iterator[tuple[T, R | None]]:
    """Things that were in hand when a process died, in one process, until it dies."""
    while waiting:
        with _pool(work, 1) as pool:
            try:
                while waiting:
                    made = pool.submit(_do, waiting[0]).result()
                    yield waiting.popleft(), made
            except BrokenProcessPool:
                yield waiting.popleft(), None


def _pool(work: Work[Any, Any, Any], processes: int) -> ProcessPoolExecutor:
    # spawned, not forked: the libraries below have threads of their own
    return ProcessPoolExecutor(processes, get_context("spawn"), _begin, (work,))


_WORK: list[Work[Any, Any, Any]] = []
"""What this process does; only a process that was started for it has any."""


def _begin(work: Work[Any, Any, Any]) -> None:
    _WORK[:] = [work]
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A process whose parent was killed would wait for work for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _do(thing: Any) -> Any:
    return _WORK[0].do(_WORK[0].given, thing)
