"""Transactions on their way to one server: sent, divided where refused, kept where the server is out of reach."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from fhirtrial.client.answer import Answer, server_error
from fhirtrial.client.dead_letters import DeadLetters
from fhirtrial.client.entries import Entry, read_bundle, with_full_url
from fhirtrial.client.fhir import FhirSession
from fhirtrial.client.journal import Journal, Note, Refused
from fhirtrial.client.outcome import issues, refusal
from fhirtrial.client.receipt import Receipt, Rejection, Result, names_of, result_of
from fhirtrial.client.retry import wait_before
from fhirtrial.client.transactions import Bisection, Transaction, content_hash, cut
from fhirtrial.client.transport import World
from fhirtrial.client.unsent import Unsent
from fhirtrial.client.verdict import CONFLICTS, State, Verdict, judge, same_content
from fhirtrial.errors import ServerError

log = logging.getLogger("fhirtrial.client")

# Indivisible parts in a row that a server breaks on (500): then it is the server, not the parts.
MOST_FAULTS = 3


class Delivery:
    """Every entry taken ends in exactly one place: arrived, dead letters, or unsent."""

    def __init__(
        self,
        session: FhirSession,
        journal: Journal | None,
        dead_letters: DeadLetters,
        unsent: Unsent,
        world: World,
        progress: Callable[[int], None] | None,
    ) -> None:
        self._session, self._journal, self._world = session, journal, world
        self._dead_letters, self._unsent = dead_letters, unsent
        self._progress = progress or (lambda _entries: None)
        self._where = f"POST {session.server.url}"
        self._results: list[Result] = []
        self._rejected: list[Rejection] = []
        self._settled: set[str] = set()
        self._kept = 0
        self._faults = 0
        self._fault: ServerError | None = None
        self._failure: ServerError | None = None

    def take(self, bundle: Any) -> None:
        entries, refusals = read_bundle(bundle)
        for one in refusals:
            outcome = refusal(one.code, one.reason)
            self._dead_letters.bury(one.identity, one.body, 0, outcome)
            self._rejected.append(Rejection(one.identity, (), 0, (f"{one.code}: {one.reason}",)))
        self._progress(len(refusals))
        server = self._session.server
        transactions = cut([with_full_url(entry, server.url) for entry in entries], server.transaction_size)
        if self._journal:
            self._journal.plan(transactions)
        kept_before = self._kept
        for transaction in transactions:
            self.deliver(transaction)
        if self._kept == kept_before and all(one.body is not None for one in refusals):
            self._settled.add(content_hash(bundle))

    def deliver(self, transaction: Transaction) -> None:
        kept_before = self._kept
        self._settle(transaction)
        if self._kept == kept_before:
            self._settled.add(transaction.id)
        self._progress(len(transaction.entries))

    def write_unsent(self) -> None:
        self._unsent.write(self._settled)

    def receipt(self) -> Receipt:
        return Receipt(
            results=tuple(self._results),
            rejected=tuple(self._rejected),
            unsent=self._kept,
            unsent_path=self._unsent.path if self._kept else None,
            dead_letters=self._dead_letters.path if self._dead_letters.used else None,
            failure=self._failure or self._fault,
        )

    def _settle(self, transaction: Transaction) -> None:
        verdict = self._send(transaction, divisible=len(transaction.entries) > 1)
        if verdict.state is State.ARRIVED:
            self._arrive(transaction, verdict, transaction.entries)
        elif verdict.state is State.OUT_OF_REACH:
            self._keep(transaction, transaction.entries)
        else:
            self._divide(transaction, verdict)

    def _divide(self, transaction: Transaction, first: Verdict) -> None:
        """Halve until each part is settled, what is referred to before what refers to it."""
        bisection = Bisection(transaction)
        failed, kept = set[int](), set[int]()
        todo: list[tuple[tuple[int, ...], Transaction, Verdict | None]] = []
        todo.append((tuple(range(len(bisection.knots))), transaction, first))
        while todo:
            wanted, part, verdict = todo.pop()
            free = self._drop_tied(bisection, wanted, part, failed, kept)
            if not free:
                continue
            if free != wanted:
                part, verdict = bisection.part(free), None
            verdict = verdict or self._send(part, divisible=len(free) > 1)
            entries = bisection.entries_of(free)
            if verdict.state is State.ARRIVED:
                self._arrive(part, verdict, entries)
            elif verdict.state is State.OUT_OF_REACH:
                self._keep(part, entries)
                kept.update(free)
            elif len(free) > 1:
                halves = [(half, bisection.part(half)) for half in (free[len(free) // 2 :], free[: len(free) // 2])]
                if self._journal:
                    self._journal.divide(part, [half for _, half in reversed(halves)])
                # A half that is tied to all of the other is the same transaction: its verdict is known.
                todo += [(names, half, verdict if half.id == part.id else None) for names, half in halves]
            elif verdict.state is State.FAULTY:
                self._blame(verdict)
                self._keep(part, entries)
                kept.update(free)
            elif self._is_there(entries, verdict):
                self._arrive(part, _already(part), entries)
            else:
                self._give_up(part, verdict, entries)
                failed.update(free)

    def _send(self, part: Transaction, *, divisible: bool) -> Verdict:
        if self._journal and (known := known_verdict(self._journal, part, divisible=divisible)):
            return known
        if self._failure:
            return Verdict(State.OUT_OF_REACH, Answer(0))
        try:
            answer = self._session.transaction(part.bundle)
            if answer.status in CONFLICTS and not part.guarded:
                # Another writer may have created the same at the same time; sent again, the server looks again.
                retry = self._session.server.retry
                self._world.sleep(wait_before(1, None, retry, self._world.rng) or 0.0)
                answer = self._session.transaction(part.bundle)
        except ServerError as error:
            return self._out_of_reach(error)
        verdict = judge(part, answer, self._session.server.url)
        if verdict.state is State.OUT_OF_REACH:
            return self._out_of_reach(server_error(self._where, verdict.answer))
        if verdict.state is not State.FAULTY:
            self._faults = 0
        return verdict

    def _out_of_reach(self, error: ServerError) -> Verdict:
        log.warning("%s", error)
        self._failure = error
        return Verdict(State.OUT_OF_REACH, Answer(0))

    def _blame(self, verdict: Verdict) -> None:
        self._fault = server_error(self._where, verdict.answer)
        self._faults += 1
        if self._faults >= MOST_FAULTS:
            self._failure = self._fault

    def _is_there(self, entries: Sequence[Entry], verdict: Verdict) -> bool:
        """A guarded update that was sent before a kill is refused when sent again; the server holds it already."""
        one = entries[0]
        if self._failure or len(entries) > 1 or one.version_read is None or one.conditional:
            return False
        if not CONFLICTS & {verdict.answer.status, *(note.status for note in verdict.notes)}:
            return False
        try:
            held = self._session.read(*one.identity.split("/"))
        except ServerError as error:
            log.warning("%s", error)
            return False
        return held is not None and same_content(one.body["resource"], held)

    def _drop_tied(
        self, bisection: Bisection, wanted: tuple[int, ...], part: Transaction, failed: set[int], kept: set[int]
    ) -> tuple[int, ...]:
        """Take out what is tied to a refused entry (it cannot be sent any more) or to a kept one (it waits too)."""
        free = tuple(name for name in wanted if not bisection.tied[name] & (failed | kept))
        waiting = tuple(name for name in wanted if bisection.tied[name] & kept and not bisection.tied[name] & failed)
        lost = tuple(name for name in wanted if bisection.tied[name] & failed)
        for entry in bisection.entries_of(lost):
            outcome = refusal("not-found", "refers to an entry of the same transaction that was refused")
            self._bury(entry, 0, outcome)
        failed.update(lost)
        kept.update(waiting)
        rest = [bisection.part(names) for names in (free, waiting) if names]
        if self._journal and free != wanted:
            self._journal.divide(part, rest)
        if waiting:
            self._keep(rest[-1], bisection.entries_of(waiting))
        return free

    def _arrive(self, part: Transaction, verdict: Verdict, entries: Iterable[Entry]) -> None:
        if self._journal:
            self._journal.note_arrived(part, verdict.notes)
        notes = {entry.identity: note for entry, note in zip(part.entries, verdict.notes, strict=True)}
        self._results += [result_of(entry, notes[entry.identity], earlier=verdict.earlier) for entry in entries]
        self._settled.add(part.id)

    def _keep(self, part: Transaction, entries: Sequence[Entry]) -> None:
        """Open in the journal, and in the unsent file."""
        self._unsent.keep(part)
        self._kept += len(entries)

    def _give_up(self, part: Transaction, verdict: Verdict, entries: Sequence[Entry]) -> None:
        """The letter is on the disk before the journal says so: a kill in between writes it again, once."""
        places = {entry.identity: place for place, entry in enumerate(part.entries)}
        reasons: tuple[str, ...] = ()
        for entry in entries:
            place = places[entry.identity]
            status = verdict.notes[place].status if verdict.notes else verdict.answer.status
            reasons += self._bury(entry, status, verdict.outcome(place))
        if self._journal:
            self._journal.note_refused(part, Refused(verdict.answer.status, reasons))
        self._settled.add(part.id)

    def _bury(self, entry: Entry, status: int, outcome: Mapping[str, Any]) -> tuple[str, ...]:
        self._dead_letters.bury(entry.identity, entry.body, status, outcome)
        reasons = issues(outcome)
        self._rejected.append(Rejection(entry.identity, names_of(entry), status, reasons))
        log.warning("%s: %s refused: HTTP %d: %s", self._where, entry.resource_type, status, "; ".join(reasons))
        return reasons


def known_verdict(journal: Journal, part: Transaction, *, divisible: bool) -> Verdict | None:
    """What an earlier run learned of this transaction. What was divided is not tried whole again: the server may hold
    more by now, and the end is to be that of an undisturbed run.
    """
    notes, refused = journal.arrived(part), journal.refused(part)
    if notes is not None:
        return Verdict(State.ARRIVED, Answer(200), notes, earlier=True)
    if refused is not None:
        return Verdict(State.REFUSED, Answer(refused.status, problem="; ".join(refused.reasons)), earlier=True)
    if divisible and journal.divided(part):
        return Verdict(State.REFUSED, Answer(0), earlier=True)
    return None


def _already(part: Transaction) -> Verdict:
    notes = tuple(Note(200, entry.identity, changed=False) for entry in part.entries)
    return Verdict(State.ARRIVED, Answer(200), notes)
