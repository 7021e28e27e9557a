"""When and how long to wait: a table of headers, and the bounds of back-off."""

from __future__ import annotations

import random
from email.utils import formatdate

import pytest

from fhirtrial.client.retry import Retry, retry_after, wait_before

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        (" 120 ", 120.0),
        (formatdate(NOW + 30, usegmt=True), 30.0),
        (formatdate(NOW - 30, usegmt=True), 0.0),
        ("Fri, 15 Jan 2027 08:01:00", 60.0),
        ("soon", None),
        ("-5", None),
        ("1e9", None),
        ("", None),
    ],
)
def test_both_forms_of_retry_after(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds


def test_back_off_doubles_to_its_ceiling_with_jitter_below() -> None:
    retry = Retry(first_wait=1, longest_wait=8)
    for seed in range(50):
        rng = random.Random(seed)
        waits = [wait_before(attempt, None, retry, rng) for attempt in range(1, 7)]
        assert all(
            wait is not None and full / 2 <= wait <= full for wait, full in zip(waits, [1, 2, 4, 8, 8, 8], strict=True)
        )


def test_waits_differ_between_clients_and_repeat_with_the_seed() -> None:
    def waits(seed: int) -> list[float | None]:
        rng = random.Random(seed)
        return [wait_before(attempt, None, Retry(), rng) for attempt in (1, 2, 3)]

    assert waits(1) == waits(1)
    assert waits(1) != waits(2)


def test_what_the_server_asks_is_never_shortened() -> None:
    wait = wait_before(1, 40.0, Retry(longest_wait=5), random.Random(0))
    assert wait is not None
    assert 40 <= wait <= 41


def test_a_server_that_asks_for_too_much_is_out_of_reach() -> None:
    assert wait_before(1, 301.0, Retry(longest_asked=300), random.Random(0)) is None
