"""One HTTP exchange over `requests`: limits, redirects, broken connections, retries. It knows no FHIR resource."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import requests

from fhirtrial.client.answer import Answer
from fhirtrial.client.retry import TRY_AGAIN, retry_after, wait_before
from fhirtrial.client.server import MEGABYTE, Server, same_origin, shown, within

log = logging.getLogger("fhirtrial.client")

REDIRECTS = frozenset({301, 302, 303, 307, 308})
SAME_METHOD = frozenset({307, 308})
MOST_REDIRECTS = 5
CHUNK = 65536
KEPT_HEADERS = ("content-type", "etag", "location", "retry-after")


@dataclass(frozen=True, slots=True)
class World:
    """What is not the same twice; every one of these is replaced in tests."""

    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.time
    rng: random.Random = field(default_factory=random.Random)


@dataclass(frozen=True, slots=True)
class Request:
    """Headers and body as they are at one attempt: a token may have been renewed since the last."""

    headers: Mapping[str, str]
    body: bytes | None = None


class Unsigned(requests.auth.AuthBase):
    """Keeps `requests` from adding credentials of its own from a .netrc file."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class Transport:
    def __init__(self, server: Server, world: World) -> None:
        self.server = server
        self.world = world
        self._session = requests.Session()
        self._verify = str(server.verify) if isinstance(server.verify, Path) else True

    def close(self) -> None:
        self._session.close()

    def exchange(self, method: str, url: str, prepare: Callable[[], Request]) -> Answer:
        """Send until an answer settles the matter or the attempts are used up; only for requests safe to repeat."""
        retry, attempt = self.server.retry, 1
        while True:
            answer = self._redirected(method, url, prepare())
            if attempt >= retry.attempts or not (answer.again or answer.status in TRY_AGAIN):
                return answer
            asked = retry_after(answer.headers.get("retry-after"), self.world.now())
            wait = wait_before(attempt, asked, retry, self.world.rng)
            if wait is None:
                log.warning("%s %s: the server asks for a pause of %.0f s, too long to wait", method, shown(url), asked)
                return answer
            reason = answer.problem or f"HTTP {answer.status}"
            log.info("%s %s: %s; trying again in %.1f s", method, shown(url), reason, wait)
            self.world.sleep(wait)
            attempt += 1

    def _redirected(self, method: str, url: str, request: Request) -> Answer:
        """Follow redirects within one origin. Neither credentials nor patient data go to another host."""
        for _ in range(MOST_REDIRECTS):
            answer = self._once(method, url, request)
            if answer.status not in REDIRECTS:
                return answer
            target = within(url, answer.headers.get("location", ""))
            if not same_origin(target, url):
                problem = f"redirected to another host ({shown(target)}), which was not followed"
                return Answer(answer.status, answer.headers, problem=problem)
            if method != "GET" and answer.status not in SAME_METHOD:
                return Answer(answer.status, answer.headers, problem=f"redirected a {method} to {shown(target)}")
            url = target
        return Answer(answer.status, answer.headers, problem="redirected in a circle")

    def _once(self, method: str, url: str, request: Request) -> Answer:
        try:
            with self._session.request(
                method,
                url,
                data=request.body,
                headers=dict(request.headers),
                auth=Unsigned(),
                timeout=self.server.timeout,
                verify=self._verify,
                allow_redirects=False,
                stream=True,
            ) as response:
                return self._read(response)
        except requests.exceptions.SSLError as error:
            untrusted = "CERTIFICATE_VERIFY_FAILED" in str(error)
            return Answer(0, problem="certificate not trusted" if untrusted else "TLS broke off", again=not untrusted)
        except requests.exceptions.Timeout:
            return Answer(0, problem="no answer in time", again=True)
        except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError):
            return Answer(0, problem="the answer broke off", again=True)
        except requests.exceptions.ConnectionError:
            return Answer(0, problem="connection failed or broke off", again=True)
        except requests.exceptions.RequestException as error:
            return Answer(0, problem=f"cannot be sent ({type(error).__name__})")

    def _read(self, response: requests.Response) -> Answer:
        headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
        status, longest = response.status_code, self.server.longest_answer
        started, parts, size = self.world.now(), [], 0
        for chunk in response.iter_content(CHUNK):
            parts.append(chunk)
            size += len(chunk)
            if size > longest:
                return Answer(status, headers, problem=f"an answer above the limit of {longest / MEGABYTE:g} MB")
            if self.world.now() - started > self.server.patience:
                return Answer(0, problem="the answer came too slowly", again=True)
        return parsed(status, headers, b"".join(parts))


def parsed(status: int, headers: Mapping[str, str], content: bytes) -> Answer:
    """JSON becomes the body; anything else is named, never guessed at."""
    if not content.strip() or status in REDIRECTS:
        return Answer(status, headers)
    if "json" not in headers.get("content-type", "").lower():
        kind = headers.get("content-type", "no content type").partition(";")[0]
        return Answer(status, headers, problem=f"{kind} instead of FHIR JSON", web_page=True)
    try:
        return Answer(status, headers, orjson.loads(content))
    except orjson.JSONDecodeError:
        # A success cut in half is a broken connection; with an error status, the status is what counts.
        success = 200 <= status < 300
        return Answer(0 if success else status, headers, problem="an answer that is not whole JSON", again=success)
