"""SMART Backend Services against a small authorization server that checks every claim."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from client.fake_fhir import FakeFhir, fhir, says
from client.staging import Clock
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from fhirtrial.client import BackendServices, FhirSession, Secret, Server, World
from fhirtrial.client.smart import not_granted
from fhirtrial.errors import ConfigError, ServerError

jwt = pytest.importorskip("jwt", reason="needs the extra fhirtrial[smart]")
ec = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ec", reason="needs the extra fhirtrial[smart]")
rsa = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.rsa", reason="needs the extra fhirtrial[smart]")
serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")

SCOPES = ("system/Patient.rs", "system/ResearchSubject.cruds")


def pem(key: Any) -> str:
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return str(key.private_bytes(*form).decode())


RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP384R1())


class Authority:
    """Answers the token endpoint as RFC 7523 and SMART ask: signature, audience, life of at most 5 minutes, new jti."""

    def __init__(self, fake: FakeFhir, url: str, clock: Clock, public_key: Any, algorithm: str) -> None:
        self.fake, self.url, self.clock = fake, url, clock
        self.public_key, self.algorithm = public_key, algorithm
        self.seen: set[str] = set()
        self.tokens: list[str] = []
        self.grant: dict[str, Any] = {"token_type": "bearer", "expires_in": 300}
        self.faults: list[Response] = []
        self.configuration: dict[str, Any] = {"token_endpoint": url}

    def token(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs(request.get_data(as_text=True)).items()}
        assert form["grant_type"] == "client_credentials"
        assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        assert form["scope"] == " ".join(SCOPES)
        assert "Authorization" not in request.headers
        header = jwt.get_unverified_header(form["client_assertion"])
        assert header == {"alg": self.algorithm, "kid": "key-1", "typ": "JWT"}
        unchecked = {"verify_exp": False, "verify_iat": False}
        claims = jwt.decode(
            form["client_assertion"], self.public_key, algorithms=[self.algorithm], audience=self.url, options=unchecked
        )
        assert claims["iss"] == claims["sub"] == "trials"
        assert 0 < claims["exp"] - self.clock.time <= 300
        assert claims["jti"] not in self.seen
        self.seen.add(claims["jti"])
        if self.faults:
            return self.faults.pop(0)
        self.tokens.append(f"token-{len(self.tokens)}")
        return fhir({"access_token": self.tokens[-1], **self.grant})


@pytest.fixture
def authority(
    fake: FakeFhir, httpserver: HTTPServer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Authority]:
    monkeypatch.setenv("FHIR_KEY", pem(RSA_KEY))
    made = Authority(fake, httpserver.url_for("/auth/token"), clock, RSA_KEY.public_key(), "RS384")
    httpserver.expect_request("/auth/token", method="POST").respond_with_handler(made.token)
    fake.documents["/.well-known/smart-configuration"] = made.configuration
    yield made
    httpserver.check_handler_errors()


@pytest.fixture
def auth() -> BackendServices:
    return BackendServices("trials", Secret(env="FHIR_KEY"), "key-1", SCOPES)


@pytest.fixture
def session(authority: Authority, server: Server, auth: BackendServices, world: World) -> FhirSession:
    return FhirSession(replace(server, auth=auth), world)


def authorizations(fake: FakeFhir) -> list[str | None]:
    return [headers.get("Authorization") for _, path, headers in fake.requests if "smart-configuration" not in path]


def test_a_token_is_asked_for_once_and_renewed_before_its_end(
    session: FhirSession, authority: Authority, fake: FakeFhir, clock: Clock
) -> None:
    session.get("metadata")
    clock.time += 230
    session.get("metadata")
    clock.time += 15
    session.get("metadata")
    assert authorizations(fake) == ["Bearer token-0", "Bearer token-0", "Bearer token-1"]
    assert [path for _, path, _ in fake.requests].count("/fhir/.well-known/smart-configuration") == 1


def test_discovery_carries_no_credentials(session: FhirSession, fake: FakeFhir) -> None:
    session.get("metadata")
    assert "Authorization" not in fake.requests[0][2]


def test_es384(
    authority: Authority, server: Server, auth: BackendServices, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FHIR_KEY", pem(EC_KEY))
    authority.algorithm, authority.public_key = "ES384", EC_KEY.public_key()
    given = replace(auth, algorithm="ES384", token_url=authority.url)
    FhirSession(replace(server, auth=given), world).get("metadata")
    assert authority.tokens == ["token-0"]


def test_each_attempt_signs_anew(session: FhirSession, authority: Authority) -> None:
    authority.faults = [Response(status=503), Response(status=503)]
    session.get("metadata")
    assert len(authority.seen) == 3


def test_a_token_refused_early_is_renewed_once(session: FhirSession, authority: Authority, fake: FakeFhir) -> None:
    fake.faults = [None, says(401)]
    assert session.get("metadata")["fhirVersion"] == "4.0.1"
    assert authorizations(fake) == ["Bearer token-0", "Bearer token-1"]
    fake.faults = [says(401), says(401)]
    with pytest.raises(ServerError) as caught:
        session.get("metadata")
    assert caught.value.status == 401


def test_the_token_in_force_goes_with_every_attempt(
    session: FhirSession, authority: Authority, fake: FakeFhir, clock: Clock
) -> None:
    fake.faults = [None, says(503, retry_after="290")]
    session.get("metadata")
    assert authorizations(fake) == ["Bearer token-0", "Bearer token-1"]


@pytest.mark.parametrize(
    ("grant", "says_"),
    [
        ({"scope": "system/Patient.r system/ResearchSubject.cruds"}, "scopes not granted: system/Patient.rs"),
        ({"scope": ""}, "scopes not granted"),
        ({"token_type": "mac"}, "no bearer token"),
        ({"access_token": None}, "no bearer token"),
        ({"access_token": "a\nb"}, "no bearer token"),
    ],
)
def test_less_than_asked_is_said(session: FhirSession, authority: Authority, grant: dict[str, Any], says_: str) -> None:
    authority.grant |= grant
    with pytest.raises(ServerError, match=says_):
        session.get("metadata")


def test_an_oauth_error_shows_its_code_only(session: FhirSession, authority: Authority) -> None:
    body = {"error": "invalid_client", "error_description": "key of Dr. Doe expired"}
    authority.faults = [fhir(body, 400)]
    with pytest.raises(ServerError) as caught:
        session.get("metadata")
    assert "invalid_client" in str(caught.value)
    assert "Doe" not in str(caught.value)


@pytest.mark.parametrize(
    ("configuration", "error", "says_"),
    [
        ({}, ServerError, "no token_endpoint"),
        ({"token_endpoint": "http://auth.example.org/token"}, ConfigError, "plain http"),
        ({"token_endpoint_auth_signing_alg_values_supported": ["ES384"]}, ConfigError, "does not take RS384"),
    ],
)
def test_discovery_that_cannot_be_used(
    session: FhirSession, authority: Authority, configuration: dict[str, Any], error: type[Exception], says_: str
) -> None:
    if "token_endpoint_auth_signing_alg_values_supported" not in configuration:
        authority.configuration.clear()
    authority.configuration |= configuration
    with pytest.raises(error, match=says_):
        session.get("metadata")


def test_a_key_that_does_not_sign_is_said_without_showing_it(
    authority: Authority, server: Server, auth: BackendServices, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FHIR_KEY", "not-a-key")
    with pytest.raises(ConfigError, match="does not sign RS384") as caught:
        FhirSession(replace(server, auth=auth), world).get("metadata")
    assert "not-a-key" not in str(caught.value)


def test_a_key_from_a_file(
    authority: Authority, server: Server, auth: BackendServices, world: World, tmp_path: Path
) -> None:
    file = tmp_path / "key.pem"
    file.write_text(pem(RSA_KEY))
    FhirSession(replace(server, auth=replace(auth, key=Secret(file=file))), world).get("metadata")


def test_without_the_extra_one_sentence_says_what_to_install(
    authority: Authority, server: Server, auth: BackendServices, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without_jwt(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("jwt"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_jwt)
    with pytest.raises(ConfigError, match=r"pip install 'fhirtrial\[smart\]'"):
        FhirSession(replace(server, auth=auth), world)


@pytest.mark.parametrize(
    ("asked", "granted", "missing"),
    [
        ("system/Patient.rs", None, ()),
        ("system/Patient.rs", "system/Patient.rs", ()),
        ("system/Patient.rs", "system/*.rs", ()),
        ("system/Patient.rs", "system/*.cruds", ()),
        ("system/Patient.rs", "system/Patient.r system/Patient.s", ()),
        ("system/Patient.read", "system/Patient.rs", ()),
        ("system/List.cruds", "system/List.read system/List.write", ()),
        ("system/List.*", "system/List.cruds", ()),
        ("system/Patient.rs", "system/Patient.r", ("system/Patient.rs",)),
        ("system/Patient.rs", "patient/Patient.rs", ("system/Patient.rs",)),
        ("system/*.rs", "system/Patient.rs", ("system/*.rs",)),
        ("system/Patient.rs", "system/Patient.rs?name=x", ("system/Patient.rs",)),
        ("system/Observation.rs?category=a", "system/Observation.rs?category=a", ()),
        ("openid", "system/*.cruds", ("openid",)),
    ],
)
def test_scopes(asked: str, granted: str | None, missing: tuple[str, ...]) -> None:
    assert not_granted([asked], granted) == missing
