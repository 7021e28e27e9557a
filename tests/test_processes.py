"""Things done by processes: all of them, none twice, none taken too early; what kills its process is given up."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from fhirtrial.processes import Work, each

pytestmark = pytest.mark.slow


def doubled(given: tuple[Path, frozenset[int]], thing: int) -> int:
    """Twice the thing, noted; some kill their process, others only the first that tries them."""
    folder, deadly = given
    first = not (folder / str(thing)).exists()
    with (folder / str(thing)).open("a") as file:
        file.write("x")
    if thing in deadly or (-thing in deadly and first):
        os.kill(os.getpid(), signal.SIGKILL)
    if thing < 0:
        raise ValueError(thing)
    return 2 * thing


@pytest.mark.parametrize(
    ("processes", "deadly"),
    [(1, set()), (2, set()), (3, set()), (2, {3}), (2, {-4}), (3, {0, 11, -5}), (2, set(range(12)))],
)
def test_each_is_done_once_whatever_dies(processes: int, deadly: set[int], tmp_path: Path) -> None:
    found = list(each(Work(doubled, (tmp_path, frozenset(deadly))), iter(range(12)), processes, ahead=1))
    assert sorted(thing for thing, _ in found) == list(range(12))
    assert {thing for thing, made in found if made is None} == {thing for thing in deadly if thing >= 0}
    assert all(made in (None, 2 * thing) for thing, made in found)
    again = {thing for thing in range(12) if len((tmp_path / str(thing)).read_text()) > 1}
    assert {-thing for thing in deadly if thing < 0} <= again
    assert deadly or not again


@pytest.mark.parametrize(("processes", "ahead"), [(1, 0), (2, 0), (2, 1)])
def test_things_are_taken_when_they_are_needed(processes: int, ahead: int, tmp_path: Path) -> None:
    taken: list[int] = []

    def things() -> Iterator[int]:
        for thing in range(20):
            taken.append(thing)
            yield thing

    for number, _ in enumerate(each(Work(doubled, (tmp_path, frozenset())), things(), processes, ahead)):
        assert len(taken) <= number + 1 + processes + ahead + 1
    assert taken == list(range(20))


@pytest.mark.parametrize("things", [[], [7]])
def test_one_thing_needs_no_process(things: list[int], tmp_path: Path) -> None:
    given = tmp_path, frozenset[int]()

    def here(_: object, thing: int) -> int:  # no other process could have it
        return 2 * thing

    assert list(each(Work(here, given), things, 8)) == [(thing, 2 * thing) for thing in things]


@pytest.mark.parametrize("processes", [1, 2])
def test_a_bug_is_raised_here(processes: int, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="-1"):
        list(each(Work(doubled, (tmp_path, frozenset())), [1, 2, -1, 3], processes))
