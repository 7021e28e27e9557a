"""What a Server refuses to be: every misuse is one ConfigError before anything is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fhirtrial.client import BackendServices, Bearer, Secret, Server
from fhirtrial.errors import ConfigError

TOKEN = Bearer(Secret(env="FHIR_TOKEN"))


@pytest.mark.parametrize(
    ("url", "options", "says"),
    [
        ("fhir.example.org", {}, "not an http(s) address"),
        ("ftp://fhir.example.org", {}, "not an http(s) address"),
        ("https://", {}, "not an http(s) address"),
        ("https://a.org:port/fhir", {}, "not an http(s) address"),
        ("https://user:hunter2@a.org/fhir", {}, "holds a user name or password"),
        ("https://a.org/fhir?apikey=hunter2", {}, "query or fragment"),
        ("http://a.org/fhir", {"auth": TOKEN}, "credentials over plain http"),
        ("https://a.org/fhir", {"verify": False}, "TLS verification switched off"),
        ("https://a.org/fhir", {"verify": Path("no-such.pem")}, "does not exist"),
        ("https://a.org/fhir", {"transaction_size": 0}, "below 1"),
    ],
)
def test_refused(url: str, options: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Server(url, **options)
    assert says in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "auth"),
    [
        ("https://a.org/fhir/", None),
        ("http://hapi:8080/fhir", None),
        ("http://localhost:8080/fhir", TOKEN),
        ("http://[::1]/fhir", TOKEN),
    ],
)
def test_taken(url: str, auth: Bearer | None) -> None:
    assert Server(url, auth).url == url.rstrip("/")


def test_a_secret_has_one_source() -> None:
    for sources in ({}, {"env": "A", "file": Path("b")}):
        with pytest.raises(ConfigError, match="one source"):
            Secret(**sources)  # type: ignore[arg-type]


def test_a_secret_is_read_from_where_it_rests(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FHIR_TOKEN", "from-env\n")
    file = tmp_path / "token"
    file.write_text("from-file\n")
    assert Secret(env="FHIR_TOKEN").reveal() == "from-env"
    assert Secret(file=file).reveal() == "from-file"
    assert "from-env" not in repr(Bearer(Secret(env="FHIR_TOKEN")))


def test_a_missing_secret_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("FHIR_TOKEN", raising=False)
    empty = tmp_path / "empty"
    empty.touch()
    for secret, says in [
        (Secret(env="FHIR_TOKEN"), "FHIR_TOKEN: is not set"),
        (Secret(file=tmp_path / "none"), "cannot be read"),
        (Secret(file=empty), "is empty"),
    ]:
        with pytest.raises(ConfigError, match=says):
            secret.reveal()


def test_backend_services_refuse_weak_algorithms_and_plain_http() -> None:
    key = Secret(env="KEY")
    for options in ({"algorithm": "HS256"}, {"scopes": ()}, {"token_url": "http://auth.example.org/token"}):
        with pytest.raises(ConfigError):
            BackendServices(**{"client_id": "c", "key": key, "key_id": "k", "scopes": ("system/*.rs",), **options})  # type: ignore[arg-type]
