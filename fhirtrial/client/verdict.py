"""A server's answer to a transaction, judged: did it arrive, was it refused, or is the server not able to take it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple

from fhirtrial.client.answer import Answer, describe_answer
from fhirtrial.client.journal import Note
from fhirtrial.client.outcome import is_outcome, refusal, says_no_change
from fhirtrial.client.retry import TRY_AGAIN
from fhirtrial.client.transactions import Transaction

# An entry may be to blame for these; any other 4xx (credentials, method, media type) concerns every transaction alike.
ENTRY_REFUSED = frozenset({400, 404, 409, 410, 412, 413, 422})
CONFLICTS = frozenset({409, 412})
NOT_MODIFIED = 304


class State(Enum):
    ARRIVED = "arrived"
    REFUSED = "refused"
    FAULTY = "faulty"  # the server broke on this one; others may do
    OUT_OF_REACH = "out of reach"


class Verdict(NamedTuple):
    """`notes` and `outcomes` are in the order of the entries; `answer` names the problem where there is one.

    `earlier`: the journal knew, and nothing was sent.
    """

    state: State
    answer: Answer
    notes: tuple[Note, ...] = ()
    outcomes: tuple[Any, ...] = ()
    earlier: bool = False

    def outcome(self, place: int) -> Mapping[str, Any]:
        """The OperationOutcome for one entry, or one made of the answer's bare status."""
        own = self.outcomes[place] if self.outcomes else None
        for found in (own, self.answer.body):
            if isinstance(found, dict) and is_outcome(found):
                return found
        return refusal("processing", describe_answer(self.answer))


def judge(transaction: Transaction, answer: Answer, base_url: str) -> Verdict:
    if answer.ok:
        return judge_entries(transaction, answer, base_url)
    if answer.status == 413 or (answer.status in ENTRY_REFUSED and answer.judged):
        return Verdict(State.REFUSED, answer)
    if answer.status == 500:
        return Verdict(State.FAULTY, answer)
    return Verdict(State.OUT_OF_REACH, answer)


def judge_entries(transaction: Transaction, answer: Answer, base_url: str) -> Verdict:
    """A server that is not atomic answers 200 and refuses single entries; those are found like any other refused."""
    listed = answer.body.get("entry") if isinstance(answer.body, dict) else None
    responses = [one.get("response") if isinstance(one, dict) else None for one in listed or ()]
    notes = tuple(note_of(response, base_url) for response in responses if isinstance(response, dict))
    statuses = {note.status for note in notes}
    if len(notes) != len(transaction.entries) or 0 in statuses:
        problem = "an answer without a status for each entry: no transaction-response Bundle"
        return Verdict(State.OUT_OF_REACH, Answer(answer.status, problem=problem))
    outcomes = tuple(response.get("outcome") for response in responses if isinstance(response, dict))
    if any(status >= 500 or status in TRY_AGAIN for status in statuses):
        return Verdict(State.FAULTY, answer, notes, outcomes)
    state = State.REFUSED if any(status >= 400 for status in statuses) else State.ARRIVED
    return Verdict(state, answer, notes, outcomes)


def note_of(response: Mapping[str, Any], base_url: str) -> Note:
    text, location = str(response.get("status", ""))[:3], response.get("location")
    status = int(text) if text.isascii() and text.isdigit() else 0
    relative = location.removeprefix(f"{base_url}/") if isinstance(location, str) else None
    return Note(status, relative, status != NOT_MODIFIED and not says_no_change(response.get("outcome")))


def same_content(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    """Whether the server holds what we would write, apart from what servers keep for themselves."""
    return _own(ours) == _own(theirs)


def _own(resource: Mapping[str, Any]) -> dict[str, Any]:
    meta = resource.get("meta")
    kept = {k: v for k, v in meta.items() if k in ("profile", "security", "tag")} if isinstance(meta, dict) else {}
    return {**{k: v for k, v in resource.items() if k != "meta"}, **({"meta": kept} if kept else {})}
