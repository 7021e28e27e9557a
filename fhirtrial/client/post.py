"""`post`: transaction Bundles go to a FHIR server, once; what does not arrive is in a file that the receipt names."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from fhirtrial.client.dead_letters import DeadLetters
from fhirtrial.client.delivery import Delivery
from fhirtrial.client.fhir import FhirSession
from fhirtrial.client.journal import Journal
from fhirtrial.client.receipt import Receipt
from fhirtrial.client.server import Server
from fhirtrial.client.transport import World
from fhirtrial.client.unsent import Unsent

DEAD_LETTERS = "fhirtrial-dead-letters.ndjson"
UNSENT = "fhirtrial-unsent.ndjson"


def post(
    bundles: Iterable[dict[str, Any]],
    server: Server | str,
    *,
    journal: Path | None = None,
    dead_letters: Path | None = None,
    unsent: Path | None = None,
    progress: Callable[[int], None] | None = None,
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], float] = time.time,
    rng: random.Random | None = None,
) -> Receipt:
    """Send every entry once, in transactions; killed at any instant and started again, the end is the same.

    With a journal, what an earlier run planned and did not see arrive goes first. Refused entries go to `dead_letters`,
    what a server out of reach did not take to `unsent`; both lie beside the journal, else in the current folder, and
    are made only when they are needed. `progress` is called with the number of entries settled since its last call.
    """
    target = server if isinstance(server, Server) else Server(server)
    folder = journal.parent if journal is not None else Path()
    world = World(sleep, now, rng or random.Random())
    letters = DeadLetters(dead_letters or folder / DEAD_LETTERS)
    with (
        FhirSession(target, world) as session,
        Unsent(unsent or folder / UNSENT) as waiting,
        contextlib.ExitStack() as held,
    ):
        book = held.enter_context(Journal(journal, target.url)) if journal is not None else None
        delivery = Delivery(session, book, letters, waiting, world, progress)
        try:
            if book is not None:
                for transaction in book.pending():
                    delivery.deliver(transaction)
            for bundle in bundles:
                delivery.take(bundle)
        finally:
            delivery.write_unsent()
        if book is not None:
            book.close_if_done()
        return delivery.receipt()
