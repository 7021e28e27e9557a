"""What came back from a server, as data; and the one place that turns it into a ServerError."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fhirtrial.client.outcome import describe, is_outcome
from fhirtrial.errors import ServerError

TODO = {
    0: "check that the server runs and that its address is right, then try again",
    400: "the server cannot read this request; see its log",
    401: "check the credentials under auth",
    403: "ask the server's owner for the right to do this (scopes)",
    404: "check the address of the server and the id",
    405: "check the address of the server, and that it takes transactions",
    410: "the resource was deleted on the server",
    412: "the condition does not hold; look for duplicates or a newer version",
    413: "send less at once (transaction_size)",
    429: "the server is busy; try again later",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` is 0 where no whole answer came. `problem` says why `body` is not to be used, in words safe to log.

    `again`: the fault lies in the way, not in the request, so the same request may be sent again.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    problem: str | None = None
    again: bool = False
    web_page: bool = False

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300 and self.problem is None

    @property
    def judged(self) -> bool:
        """A FHIR server looked at the request and refused it; a proxy's web page is no judgement."""
        return (
            400 <= self.status < 500 and not self.web_page and (is_outcome(self.body) or self.status not in (404, 410))
        )


def describe_answer(answer: Answer) -> str:
    found = describe(answer.body)
    parts = [f"HTTP {answer.status}"] if answer.status else []
    if answer.problem:
        parts.append(answer.problem)
    elif found:
        parts.append(found)
    return ": ".join(parts) or "no answer"


def server_error(where: str, answer: Answer) -> ServerError:
    default = TODO[429] if answer.status >= 500 else "see the server's log"
    todo = TODO.get(answer.status, default)
    return ServerError(where, describe_answer(answer), todo, status=answer.status)
