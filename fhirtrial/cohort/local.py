"""Parts of a population on the cores of one machine: each is matched and written by itself, and none twice.

A part at which a process dies twice is a Problem, and the rest is done.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from fhirtrial.cohort.folder import Folder
from fhirtrial.cohort.parts import Part, facts_of
from fhirtrial.cohort.rows import rows
from fhirtrial.criteria.truth import Verdict
from fhirtrial.errors import ConfigError, Problem
from fhirtrial.matching.match import Run
from fhirtrial.matching.tally import Shape, Tally, tally
from fhirtrial.processes import Work, each

Seen = Callable[[int, int], None]
"""Hears how many patients are done, and how many there are."""


@dataclass(frozen=True)
class Order:
    """What a process has to know: the trials, compiled by each for itself, which rows are wanted, and where."""

    run: Run
    wanted: frozenset[Verdict]
    folder: Folder

    @cached_property
    def shape(self) -> Shape:
        return Shape.of(self.run.trials)


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
    fresh = replace(order, run=replace(order.run, chunks=(), failures=[]))
    for part, matched in each(Work(_match_part, fresh), left, min(processes or os.cpu_count() or 1, len(left))):
        end = _died(part) if matched is None else matched
        done += part.patients
        seen(done, total)
        if end.failed is not None:
            failed.append(end.failed)
        if end.full:
            return failed, True
    return failed, False


def counted(order: Order, parts: Sequence[Part]) -> tuple[Tally, list[Problem]]:
    """What all finished parts count together, and what could not be read in them."""
    shape = order.shape
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


def _match_part(order: Order, part: Part) -> Done:
    return match_part(order, order.shape, part)


def _died(part: Part) -> Done:
    got = f"a process died twice while it matched these {part.patients} patients (out of memory?)"
    todo = "run again with more memory or fewer --processes: only what is missing is done"
    return Done(Problem(str(part.stem), "", got, todo))
