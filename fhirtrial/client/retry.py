"""When to try again, and after how long: exponential back-off with jitter, or what the server's `Retry-After` asks."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

# https://www.rfc-editor.org/rfc/rfc9110#section-15: answers that say "later" rather than "no". Any other 4xx is a no.
TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Retry:
    """`longest_asked`: a server that asks for a longer pause counts as out of reach, and what is unsent is kept."""

    attempts: int = 6
    first_wait: float = 1.0
    longest_wait: float = 60.0
    longest_asked: float = 300.0


def wait_before(attempt: int, asked: float | None, retry: Retry, rng: random.Random) -> float | None:
    """Seconds to wait before attempt 1, 2, …; None where the server asks for more patience than there is.

    Jitter keeps many clients that failed together from coming back together; it never shortens what was asked.
    """
    if asked is not None:
        return None if asked > retry.longest_asked else asked + rng.random() * retry.first_wait
    full = min(retry.longest_wait, retry.first_wait * 2.0 ** (attempt - 1))
    return full * (0.5 + rng.random() / 2)


def retry_after(header: str | None, now: float) -> float | None:
    """Seconds from `now` (a POSIX time) for both forms of the header; None where it is absent or unreadable.

    >>> retry_after("120", 0.0), retry_after("Thu, 01 Jan 1970 00:00:30 GMT", 10.0), retry_after("soon", 0.0)
    (120.0, 20.0, None)
    """
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, moment.timestamp() - now)
