"""Gives the client's tests their server, their world without waiting, and entries to send."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from client.fake_fhir import FakeFhir
from client.staging import Clock, Poster
from pytest_httpserver import HTTPServer

from fhirtrial.client import Receipt, Retry, Server, World, post


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def world(clock: Clock) -> World:
    return World(clock.sleep, clock.now, random.Random(7))


@pytest.fixture
def fake(httpserver: HTTPServer) -> FakeFhir:
    server = FakeFhir()
    server.on(httpserver)
    return server


@pytest.fixture(scope="session")
def second_server() -> Iterator[HTTPServer]:
    with HTTPServer() as other:
        yield other


@pytest.fixture
def other_host(second_server: HTTPServer) -> HTTPServer:
    second_server.clear()
    return second_server


@pytest.fixture
def server(fake: FakeFhir) -> Server:
    return Server(fake.base, retry=Retry(attempts=4), timeout=(2.0, 5.0))


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    return {"dead_letters": tmp_path / "dead.ndjson", "unsent": tmp_path / "unsent.ndjson"}


@pytest.fixture
def send(server: Server, files: dict[str, Path], clock: Clock) -> Poster:
    def sent(bundles: Iterable[dict[str, Any]], **options: Any) -> Receipt:
        options = {**files, "sleep": clock.sleep, "now": clock.now, "rng": random.Random(3), **options}
        return post(bundles, options.pop("server", server), **options)

    return sent
