"""SMART Backend Services: a signed assertion becomes an access token. Tokens live in memory and are never logged."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlencode

from fhirtrial.client.answer import Answer, server_error
from fhirtrial.client.server import BackendServices, confidential, shown
from fhirtrial.client.transport import Request, Transport
from fhirtrial.errors import ConfigError, ServerError

# https://hl7.org/fhir/smart-app-launch/backend-services.html: exp at most five minutes ahead; one is left for clocks.
ASSERTION_LIFE = 240
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TOKEN_LIFE_UNSAID = 300
OLD_RIGHTS = {"read": "rs", "write": "cud", "*": "cruds"}


class SmartToken:
    """Gives a valid token at any time, asking for a new one shortly before the old one ends."""

    def __init__(
        self,
        auth: BackendServices,
        transport: Transport,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self._auth, self._transport, self._new_id = auth, transport, new_id
        self._key = auth.key.reveal()
        self._jwt = load_jwt()
        self._token, self._use_until = "", 0.0
        self._token_url = auth.token_url

    def __call__(self) -> str:
        if self._transport.world.now() >= self._use_until:
            self._ask()
        return self._token

    def forget(self) -> None:
        """The server did not accept the token: the next call asks for another."""
        self._use_until = 0.0

    def _ask(self) -> None:
        if self._token_url is None:
            self._token_url = discover(self._auth, self._transport)
        url, asked_at = self._token_url, self._transport.world.now()
        answer = self._transport.exchange("POST", url, lambda: self._request(url))
        where = f"POST {shown(url)}"
        if not answer.ok or not isinstance(answer.body, dict):
            raise server_error(where, oauth_answer(answer))
        token, kind = answer.body.get("access_token"), str(answer.body.get("token_type", "")).lower()
        if not isinstance(token, str) or not token.isascii() or not token.isprintable() or kind != "bearer":
            raise ServerError(where, "no bearer token in the answer", "check the server's SMART support")
        missing = not_granted(self._auth.scopes, answer.body.get("scope"))
        if missing:
            todo = "have them granted to this client, or ask for fewer"
            raise ServerError(where, f"scopes not granted: {' '.join(missing)}", todo, status=403)
        life = answer.body.get("expires_in")
        seconds = float(life) if isinstance(life, int | float) and life > 0 else TOKEN_LIFE_UNSAID
        self._token, self._use_until = token, asked_at + seconds - min(60.0, seconds / 5)

    def _request(self, url: str) -> Request:
        """A new assertion for every attempt: servers refuse a `jti` they have seen."""
        now, client = int(self._transport.world.now()), self._auth.client_id
        claims = {
            "iss": client,
            "sub": client,
            "aud": url,
            "exp": now + ASSERTION_LIFE,
            "iat": now,
            "jti": self._new_id(),
        }
        try:
            assertion = self._jwt.encode(
                claims, self._key, self._auth.algorithm, {"kid": self._auth.key_id, "typ": "JWT"}
            )
        except (ValueError, TypeError, self._jwt.PyJWTError) as error:
            got = f"a private key that does not sign {self._auth.algorithm} ({type(error).__name__})"
            raise ConfigError("auth", got, "give a PEM key of RSA for RS384 or P-384 for ES384") from None
        form = {
            "grant_type": "client_credentials",
            "scope": " ".join(self._auth.scopes),
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion,
        }
        headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
        return Request(headers, urlencode(form).encode())


def load_jwt() -> Any:
    try:
        import jwt
        import jwt.algorithms
    except ImportError as error:
        raise missing_extra() from error
    if not jwt.algorithms.has_crypto:
        raise missing_extra()
    return jwt


def missing_extra() -> ConfigError:
    return ConfigError("auth", "SMART Backend Services needs PyJWT with cryptography", "pip install 'fhirtrial[smart]'")


def discover(auth: BackendServices, transport: Transport) -> str:
    url = f"{transport.server.url}/.well-known/smart-configuration"
    answer = transport.exchange("GET", url, lambda: Request({"Accept": "application/json"}))
    if not answer.ok or not isinstance(answer.body, dict):
        raise server_error(f"GET {url}", answer)
    signing = answer.body.get("token_endpoint_auth_signing_alg_values_supported")
    if isinstance(signing, list) and signing and auth.algorithm not in signing:
        known = " ".join(str(name) for name in signing)
        raise ConfigError(url, f"the server does not take {auth.algorithm}", f"use a key for one of: {known}")
    token_url = answer.body.get("token_endpoint")
    if not isinstance(token_url, str):
        raise ServerError(f"GET {url}", "no token_endpoint", "name the token_url under auth")
    confidential(token_url)
    return token_url


def oauth_answer(answer: Answer) -> Answer:
    """RFC 6749 errors carry a short code; `error_description` may quote anything and stays out."""
    code = answer.body.get("error") if isinstance(answer.body, dict) else None
    if isinstance(code, str) and code.replace("_", "").isalpha() and len(code) <= 40:
        return Answer(answer.status, problem=code)
    return answer


def not_granted(asked: Iterable[str], granted: Any) -> tuple[str, ...]:
    """Asked scopes that the granted ones do not cover; an unsaid grant is what was asked (RFC 6749 §5.1).

    >>> not_granted(["system/Patient.read", "system/List.cruds"], "system/*.rs system/List.cud")
    ()
    >>> not_granted(["system/Patient.rs"], "system/Patient.r")
    ('system/Patient.rs',)
    """
    if not isinstance(granted, str):
        return ()
    whole = frozenset(granted.split())
    parts = [_rights(scope) for scope in whole]
    missing = []
    for scope in asked:
        kind, wanted = _rights(scope)
        held = {letter for holder, letters in parts if holder in (kind, "*") for letter in letters}
        if scope not in whole and not (wanted and wanted <= held):
            missing.append(scope)
    return tuple(missing)


def _rights(scope: str) -> tuple[str, frozenset[str]]:
    """`system/Type.rights` → (Type, letters); one narrowed by `?query`, or of another context, equals only itself."""
    context, _, rest = scope.partition("/")
    kind, dot, rights = rest.partition(".")
    if context != "system" or not dot or "?" in rights:
        return scope, frozenset()
    return kind, frozenset(OLD_RIGHTS.get(rights, rights))
