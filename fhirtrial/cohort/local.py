"""Parts of a population on the cores of one machine: each is matched and written by itself, and none twice.

A process that dies costs the parts it had in hand one more try, each alone; a part at which it dies again is a Problem.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from multiprocessing import get_context, parent_process
from typing import NamedTuple

from fhirtrial.cohort.folder import Folder
from fhirtrial.cohort.parts import Part, facts_of
from fhirtrial.cohort.rows import rows
from fhirtrial.criteria.truth import Verdict
from fhirtrial.errors import ConfigError, Problem
from fhirtrial.matching.match import Run
from fhirtrial.matching.tally import Shape, Tally, tally

Seen = Callable[[int, int], None]
"""Hears how many patients are done, and how many there are."""


@dataclass(frozen=True)
class Order:
    """What a process has to know: the trials, compiled by each for itself, which rows are wanted, and where."""

    run: Run
    wanted: frozenset[Verdict]
    folder: Folder


class Done(NamedTuple):
    """How a part ended; one that failed has no rows, and after a full disk no other can have them."""

    failed: Problem | None = None
    full: bool = False


def match_parts(
    order: Order, parts: Sequence[Part], processes: int | None = None, seen: Seen = lambda _, __: None
) -> tuple[list[Problem], bool]:
    """Brings every part into the folder; gives what failed, and whether nothing more could be written."""
    left = [part for part in parts if not order.folder.has(part)]
    total = sum(part.patients for part in parts)
    done = total - sum(part.patients for part in left)
    seen(done, total)
    failed: list[Problem] = []
    for part, end in _ends(order, left, processes or os.cpu_count() or 1):
        done += part.patients
        seen(done, total)
        if end.failed is not None:
            failed.append(end.failed)
        if end.full:
            return failed, True
    return failed, False


def counted(order: Order, parts: Sequence[Part]) -> tuple[Tally, list[Problem]]:
    """What all finished parts count together, and what could not be read in them."""
    shape = Shape.of(order.run.trials)
    whole, problems = Tally.nothing(shape), list[Problem]()
    for part in parts:
        if order.folder.has(part):
            tallied, unread = order.folder.read(part, shape)
            whole.add(tallied)
            problems += unread
    return whole, problems


def match_part(order: Order, shape: Shape, part: Part) -> Done:
    """Matches and writes one part."""
    run, folder = order.run, order.folder
    try:
        facts = facts_of(part)
    except ConfigError as error:
        return Done(Problem(error.where, "", error.got, error.todo))
    if facts.patients:
        found = run.screen(facts, whole=True)
        count = tally(shape, found, run.asides(facts))
        batch = rows(run, facts, order.wanted, found)
    else:
        count, batch = Tally.nothing(shape), rows(run, facts, order.wanted)
    try:
        folder.write(part, batch, count, run.problems(facts))
    except OSError as error:
        got = f"cannot be written ({error.strerror or type(error).__name__})"
        todo = "make room and run again: it goes on where it was"
        return Done(Problem(str(folder.rows(part)), "", got, todo), full=True)
    return Done()


def _ends(order: Order, parts: Sequence[Part], processes: int) -> Iterator[tuple[Part, Done]]:
    processes = min(processes, len(parts))
    if processes <= 1:
        shape = Shape.of(order.run.trials)
        for part in parts:
            yield part, match_part(order, shape, part)
    else:
        yield from _in_processes(order, deque(parts), processes)


def _in_processes(order: Order, waiting: deque[Part], processes: int) -> Iterator[tuple[Part, Done]]:
    while waiting:
        in_hand: dict[Future[Done], Part] = {}
        with _pool(order, processes) as pool:
            try:
                while waiting or in_hand:
                    while waiting and len(in_hand) < processes:
                        future = _submit(pool, waiting[0], running=bool(in_hand))
                        in_hand[future] = waiting.popleft()
                    for future in wait(in_hand, return_when=FIRST_COMPLETED).done:
                        end = future.result()
                        yield in_hand.pop(future), end
            except BrokenProcessPool:
                pass  # nobody says which of the processes died, so each part in hand is tried by itself
        yield from _one_by_one(order, deque(in_hand.values()))


def _submit(pool: ProcessPoolExecutor, part: Part, *, running: bool) -> Future[Done]:
    try:
        return pool.submit(_match_part, part)
    except (OSError, ValueError) as error:
        if not running:
            raise
        # a process died while another was being started: the pool's pipes are closed under its hands
        raise BrokenProcessPool from error


def _one_by_one(order: Order, waiting: deque[Part]) -> Iterator[tuple[Part, Done]]:
    """Parts that were in hand when a process died, in one process, until it dies."""
    while waiting:
        with _pool(order, 1) as pool:
            try:
                while waiting:
                    end = pool.submit(_match_part, waiting[0]).result()
                    yield waiting.popleft(), end
            except BrokenProcessPool:
                part = waiting.popleft()
                got = f"a process died twice while it matched these {part.patients} patients (out of memory?)"
                todo = "run again with more memory or fewer --processes: only what is missing is done"
                yield part, Done(Problem(str(part.stem), "", got, todo))


def _pool(order: Order, processes: int) -> ProcessPoolExecutor:
    # spawned, not forked: the libraries below have threads of their own
    fresh = replace(order, run=replace(order.run, chunks=(), failures=[]))
    return ProcessPoolExecutor(processes, get_context("spawn"), _begin, (fresh,))


_ORDERS: list[tuple[Order, Shape]] = []
"""What this process works on; trials are compiled with the first part and stay."""


def _begin(order: Order) -> None:
    _ORDERS[:] = [(order, Shape.of(order.run.trials))]
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A process whose parent was killed would wait for work for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _match_part(part: Part) -> Done:
    order, shape = _ORDERS[0]
    return match_part(order, shape, part)
