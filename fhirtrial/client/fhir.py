"""FHIR's REST interactions with one server. Credentials go to that server's origin and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode

import orjson

from fhirtrial.client.answer import Answer, server_error
from fhirtrial.client.outcome import is_outcome, issues
from fhirtrial.client.server import Bearer, Server, same_origin, shown, within
from fhirtrial.client.smart import SmartToken
from fhirtrial.client.transport import Request, Transport, World
from fhirtrial.errors import ConfigError, ServerError

FHIR_JSON = "application/fhir+json"
MOST_PAGES = 10_000


@dataclass(frozen=True, slots=True)
class Written:
    """201: created; 200: matched (create) or written (update)."""

    status: int
    location: str | None
    etag: str | None


class FhirSession:
    """One server, one connection pool. Methods raise ServerError; only `transaction` hands refusals back as data."""

    def __init__(self, server: Server, world: World | None = None) -> None:
        self.server = server
        self._transport = Transport(server, world or World())
        self._bearer: str | None = None
        self._smart: SmartToken | None = None
        if isinstance(server.auth, Bearer):
            self._bearer = server.auth.token.reveal()
            if not self._bearer.isascii() or not self._bearer.isprintable():
                raise ConfigError("auth", "a token with characters no header may hold", "give the bare token")
        elif server.auth is not None:
            self._smart = SmartToken(server.auth, self._transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._transport.close()

    def get(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        """A path under the base, or an absolute address on the same origin."""
        answer = self._get(path, params)
        if not answer.ok or not isinstance(answer.body, dict):
            raise server_error(f"GET {self._named(path)}", answer)
        return answer.body

    def read(self, resource_type: str, resource_id: str) -> dict[str, Any] | None:
        """None where the server says that it has none, or had one and deleted it."""
        answer = self._get(f"{resource_type}/{resource_id}")
        if answer.status in (404, 410) and answer.judged:
            return None
        if not answer.ok or not isinstance(answer.body, dict):
            raise server_error(f"GET {self._named(f'{resource_type}/{resource_id}')}", answer)
        return answer.body

    def pages(
        self, resource_type: str, params: Mapping[str, str] | None = None, *, most: int = MOST_PAGES
    ) -> Iterator[dict[str, Any]]:
        """Searchset Bundles to the last page; more than `most` raises: half a search must not look like a whole one."""
        where, seen = f"GET {self._named(resource_type)}", set[str]()
        page = self.get(resource_type, params)
        while True:
            check_page(page, where)
            yield page
            link = next_link(page)
            if link is None:
                return
            url = within(self.server.url, link)
            if not same_origin(url, self.server.url):
                got = f"the next page is on another host ({shown(url)})"
                raise ServerError(where, got, "set the server's public base address right")
            if url in seen:
                raise ServerError(where, "the next page is one already read", "see the server's log")
            seen.add(url)
            if len(seen) >= most:
                raise ServerError(where, f"more than {most} pages", "narrow the search or raise the limit")
            page = self.get(url)

    def search(
        self, resource_type: str, params: Mapping[str, str] | None = None, *, most_pages: int = MOST_PAGES
    ) -> Iterator[dict[str, Any]]:
        """Matched and included resources of every page."""
        for page in self.pages(resource_type, params, most=most_pages):
            for entry in page.get("entry", ()):
                if (
                    isinstance(entry, dict)
                    and isinstance(entry.get("resource"), dict)
                    and not is_outcome(entry["resource"])
                ):
                    yield entry["resource"]

    def create(self, resource: Mapping[str, Any], *, if_none_exist: str) -> Written:
        """Always conditional: a create without a condition, sent again after a broken connection, doubles."""
        if not if_none_exist:
            raise ConfigError("create", "no condition", "give if_none_exist, e.g. identifier=system|value")
        # A header holds ASCII; what a query may hold anyway stays as it is.
        headers = {"If-None-Exist": quote(if_none_exist, safe="%/|=&:?,;+$.-_~!*'()@[]")}
        return self._write("POST", str(resource["resourceType"]), resource, headers)

    def update(self, resource: Mapping[str, Any], *, if_match: str | None = None) -> Written:
        """`if_match` is the version read before, so that nobody's later change is overwritten."""
        headers = {"If-Match": f'W/"{if_match}"'} if if_match is not None else {}
        return self._write("PUT", f"{resource['resourceType']}/{resource['id']}", resource, headers)

    def transaction(self, bundle: Mapping[str, Any]) -> Answer:
        """The Bundle is sent as it is, and sent again on a broken connection: every entry must be safe to repeat."""
        return self._exchange("POST", self.server.url, bundle, {"Prefer": "return=minimal"})

    def _write(self, method: str, path: str, resource: Mapping[str, Any], headers: Mapping[str, str]) -> Written:
        answer = self._exchange(method, f"{self.server.url}/{path}", resource, {"Prefer": "return=minimal", **headers})
        if not answer.ok:
            raise server_error(f"{method} {self._named(path)}", answer)
        return Written(answer.status, answer.headers.get("location"), answer.headers.get("etag"))

    def _get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        url = path if "://" in path else f"{self.server.url}/{path}"
        if not same_origin(url, self.server.url):
            raise ServerError(f"GET {shown(url)}", "another host than the server's", "use the server's own address")
        if params:
            url += ("&" if "?" in url else "?") + urlencode(dict(params))
        return self._exchange("GET", url)

    def _exchange(self, method: str, url: str, body: Any = None, extra: Mapping[str, str] | None = None) -> Answer:
        sent = None if body is None else orjson.dumps(body)

        def prepare() -> Request:
            headers = {"Accept": FHIR_JSON, **(extra or {})}
            if sent is not None:
                headers["Content-Type"] = FHIR_JSON
            token = self._smart() if self._smart else self._bearer
            if token is not None:
                headers["Authorization"] = f"Bearer {token}"
            return Request(headers, sent)

        answer = self._transport.exchange(method, url, prepare)
        if answer.status == 401 and self._smart is not None:
            self._smart.forget()
            answer = self._transport.exchange(method, url, prepare)
        return answer

    def _named(self, path: str) -> str:
        return shown(path if "://" in path else f"{self.server.url}/{path}")


def next_link(bundle: Mapping[str, Any]) -> str | None:
    links = bundle.get("link")
    for link in links if isinstance(links, list) else ():
        if isinstance(link, dict) and link.get("relation") == "next" and isinstance(link.get("url"), str):
            return str(link["url"])
    return None


def check_page(page: Mapping[str, Any], where: str) -> None:
    """A page that is no searchset, or that reports an error among its entries, is not an answer to the search."""
    if page.get("resourceType") != "Bundle" or page.get("type") != "searchset":
        raise ServerError(where, "an answer that is no searchset Bundle", "check that the address is a FHIR base")
    entries = page.get("entry", [])
    if not isinstance(entries, list):
        raise ServerError(where, "a searchset whose entry is no list", "see the server's log")
    for entry in entries:
        found = issues(entry.get("resource")) if isinstance(entry, dict) else ("structure",)
        if found:
            raise ServerError(where, f"the search is incomplete: {'; '.join(found)}", "see the server's log")
