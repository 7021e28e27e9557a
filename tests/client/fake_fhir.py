"""A small FHIR server in memory, atomic and strict about references, on which every kind of fault can be staged."""

from __future__ import annotations

import copy
import re
import socket
from collections.abc import Callable
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qsl

import orjson
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

Resource = dict[str, Any]
State = dict[str, Resource]
Answering = Callable[[], Response]
Fault = Callable[[Request, Answering], Response]


class Refused(Exception):  # noqa: N818  # an answer, not an error of the server
    def __init__(self, status: int, code: str, expression: str = "") -> None:
        super().__init__(status, code)
        self.status, self.code, self.expression = status, code, expression


class FakeFhir:
    """`faults` are staged one per request, first come first; `rule` refuses resources as a profile would."""

    def __init__(self) -> None:
        self.state: State = {}
        self.faults: list[Fault | None] = []
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.rule: Callable[[Resource], Refused | None] = lambda _resource: None
        self.documents: dict[str, Resource] = {}
        self.base = ""
        self.page_size = 1000
        self.commits = 0
        self._next_id = 0

    def on(self, httpserver: HTTPServer) -> None:
        self.base = httpserver.url_for("/fhir")
        httpserver.expect_request(re.compile("/fhir.*")).respond_with_handler(self.handle)

    def handle(self, request: Request) -> Response:
        self.requests.append((request.method, request.full_path.rstrip("?"), dict(request.headers)))
        fault = self.faults.pop(0) if self.faults else None
        return fault(request, lambda: self._answer(request)) if fault else self._answer(request)

    @property
    def transactions(self) -> int:
        return sum(method == "POST" for method, _, _ in self.requests)

    def contents(self) -> list[str]:
        """What is stored, with ids given by the server replaced by what identifies the resource; sorted."""
        names = {key: f"{key.partition('/')[0]}?{self._token(resource)}" for key, resource in self.state.items()}
        shown = {key: key if not key.partition("/")[2].startswith("server-") else name for key, name in names.items()}
        texts = []
        for key, resource in self.state.items():
            bare = {k: v for k, v in resource.items() if k not in ("meta", "id")}
            text = orjson.dumps({"at": shown[key], **bare}, option=orjson.OPT_SORT_KEYS).decode()
            for one in sorted(shown, key=len, reverse=True):
                text = text.replace(f'"{one}"', f'"{shown[one]}"')
            texts.append(text)
        return sorted(texts)

    def _answer(self, request: Request) -> Response:
        path = request.path.partition("/fhir")[2].strip("/")
        try:
            if request.method == "GET":
                return self._read(request, path)
            body = orjson.loads(request.get_data())
            if not path:
                return self._transaction(body)
            entry = {"resource": body, "request": {"method": request.method, "url": path}}
            for header, key in (("If-None-Exist", "ifNoneExist"), ("If-Match", "ifMatch")):
                if header in request.headers:
                    entry["request"][key] = request.headers[header]
            answer = self._apply([entry])[0]["response"]
            headers = {"Location": f"{self.base}/{answer['location']}", "ETag": answer["etag"]}
            return Response(status=int(answer["status"][:3]), headers=headers)
        except Refused as refused:
            return outcome(refused.status, refused.code, refused.expression)

    def _read(self, request: Request, path: str) -> Response:
        if f"/{path}" in self.documents:
            return fhir(self.documents[f"/{path}"])
        if path == "metadata":
            return fhir({"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "rest": [{"mode": "server"}]})
        if "/" in path:
            found = self.state.get(path)
            return fhir(found) if found else outcome(404, "not-found")
        criteria = request.query_string.decode()
        start = int(request.args.get("_page", 0))
        keys = [key for key in sorted(self.state) if key.startswith(f"{path}/")]
        keys = [key for key in keys if matches(self.state[key], criteria)]
        page = keys[start : start + self.page_size]
        bundle = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": self.state[k]} for k in page]}
        if start + self.page_size < len(keys):
            bundle["link"] = [{"relation": "next", "url": f"{self.base}/{path}?_page={start + self.page_size}"}]
        return fhir(bundle)

    def _transaction(self, bundle: Resource) -> Response:
        assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "transaction")
        entries = self._apply(bundle["entry"])
        return fhir({"resourceType": "Bundle", "type": "transaction-response", "entry": entries})

    def _apply(self, entries: list[Resource]) -> list[Resource]:
        """All of it or, by the exception, none of it."""
        state, next_id = copy.deepcopy(self.state), self._next_id
        places: dict[str, str] = {}
        written: list[tuple[str, str, Resource | None]] = []
        for entry in entries:
            key, status, next_id = self._place(entry, state, next_id)
            if key in {other for other, _, _ in written}:
                raise Refused(400, "invalid")
            places[entry.get("fullUrl", key)] = key
            stored = None if entry["request"]["method"] == "POST" and status == "200 OK" else entry["resource"]
            written.append((key, status, stored))
            if stored is not None:
                state.setdefault(key, {})
        for number, (key, status, resource) in enumerate(written):
            if resource is not None:
                refused = self.rule(resource)
                if refused:
                    raise Refused(refused.status, refused.code, f"Bundle.entry[{number}].{refused.expression}")
                changed = self._store(state, key, self._resolved(resource, places, state))
                written[number] = (key, status if changed or status != "200 OK" else "304 Not Modified", None)
        self.state, self._next_id = state, next_id
        self.commits += 1
        return [{"response": self._response(key, status)} for key, status, _ in written]

    def _place(self, entry: Resource, state: State, next_id: int) -> tuple[str, str, int]:
        request, resource = entry["request"], entry["resource"]
        kind, _, criteria = request["url"].partition("?")
        if "/" in kind:
            expected, held = request.get("ifMatch"), state.get(kind)
            if expected and (held is None or expected != f'W/"{held["meta"]["versionId"]}"'):
                raise Refused(412, "conflict")
            return kind, "200 OK" if held else "201 Created", next_id
        found = [
            key
            for key, held in state.items()
            if key.startswith(f"{kind}/") and matches(held, criteria or request["ifNoneExist"])
        ]
        if len(found) > 1:
            raise Refused(412, "multiple-matches")
        if found:
            return found[0], "200 OK", next_id
        assert resource["resourceType"] == kind
        return f"{kind}/server-{next_id + 1}", "201 Created", next_id + 1

    def _store(self, state: State, key: str, resource: Resource) -> bool:
        held = state[key]
        version = int(held.get("meta", {}).get("versionId", 0))
        fresh = {
            **resource,
            "id": key.partition("/")[2],
            "meta": {**resource.get("meta", {}), "versionId": str(version)},
        }
        if fresh == held:
            return False
        fresh["meta"]["versionId"] = str(version + 1)
        state[key] = fresh
        return True

    def _resolved(self, value: Any, places: dict[str, str], state: State) -> Any:
        if isinstance(value, list):
            return [self._resolved(item, places, state) for item in value]
        if not isinstance(value, dict):
            return value
        fresh = {key: self._resolved(item, places, state) for key, item in value.items()}
        reference = fresh.get("reference")
        if isinstance(reference, str):
            fresh["reference"] = places.get(reference, reference)
            if fresh["reference"] not in state:
                raise Refused(400, "not-found", "reference")
        return fresh

    def _response(self, key: str, status: str) -> Resource:
        version = self.state[key]["meta"]["versionId"]
        return {"status": status, "location": f"{key}/_history/{version}", "etag": f'W/"{version}"'}

    @staticmethod
    def _token(resource: Resource) -> str:
        identifiers = resource.get("identifier", [])
        return identifiers[0]["value"] if identifiers else "none"


class LiteralFhir(FakeFhir):
    """Checks what FHIR calls a Reference to another resource; an Expression's `reference` and `#contained` are none."""

    def _resolved(self, value: Any, places: dict[str, str], state: dict[str, Any]) -> Any:
        if isinstance(value, dict) and ("expression" in value or str(value.get("reference", "")).startswith("#")):
            return value
        return super()._resolved(value, places, state)


def matches(resource: Resource, criteria: str) -> bool:
    """`identifier=system|value`; any other parameter names an element of type Reference."""
    for name, value in parse_qsl(criteria):
        if name == "identifier":
            if value not in [f"{one['system']}|{one['value']}" for one in resource.get("identifier", [])]:
                return False
        elif not name.startswith("_") and resource.get(name, {}).get("reference") != value:
            return False
    return True


def fhir(body: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status=status, content_type="application/fhir+json")


def outcome(status: int, code: str, expression: str = "", diagnostics: str = "Jane Doe was born in 1970") -> Response:
    issue: dict[str, Any] = {"severity": "error", "code": code, "diagnostics": diagnostics}
    if expression:
        issue["expression"] = [expression]
    return fhir({"resourceType": "OperationOutcome", "issue": [issue]}, status)


def says(status: int, *, retry_after: str | None = None) -> Fault:
    headers = {"Retry-After": retry_after} if retry_after is not None else {}
    return lambda _request, _answer: Response("busy", status=status, headers=headers, content_type="text/plain")


def says_later_by_date(seconds_ahead: float, now: float) -> Fault:
    return says(429, retry_after=formatdate(now + seconds_ahead, usegmt=True))


def web_page(status: int) -> Fault:
    return lambda _request, _answer: Response("<html>Welcome</html>", status=status, content_type="text/html")


def redirect(url: str, status: int = 307) -> Fault:
    return lambda _request, _answer: Response(status=status, headers={"Location": url})


def hang_up(request: Request, _answer: Answering) -> Response:
    """The connection closes before the request was looked at."""
    return cut_off(request)


def hang_up_after_commit(request: Request, answer: Answering) -> Response:
    """The request was done, and its answer is lost."""
    answer()
    return cut_off(request)


def half_answer(_request: Request, answer: Answering) -> Response:
    """The connection closes in the middle of the answer."""
    whole = answer().get_data()
    headers = {"Content-Length": str(len(whole))}
    return Response(whole[: len(whole) // 2], headers=headers, content_type="application/fhir+json")


def half_json(_request: Request, answer: Answering) -> Response:
    """The answer ends too early, and its length agrees with that."""
    whole = answer().get_data()
    return Response(whole[: len(whole) // 2], content_type="application/fhir+json")


def cut_off(request: Request) -> Response:
    connection: socket.socket = request.environ["werkzeug.socket"]
    connection.shutdown(socket.SHUT_RDWR)
    return Response()
