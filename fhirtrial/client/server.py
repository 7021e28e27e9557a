"""A FHIR server as its user describes it: address, credentials, limits. Secrets are named here, never held."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import SplitResult, urljoin, urlsplit

from fhirtrial.client.retry import Retry
from fhirtrial.errors import ConfigError

MEGABYTE = 1024 * 1024
DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Secret:
    """Names where a secret rests: an environment variable or a file. Its value is read when it is needed."""

    env: str | None = None
    file: Path | None = None

    def __post_init__(self) -> None:
        if (self.env is None) == (self.file is None):
            raise ConfigError(
                "auth", "a secret without its one source", "name either an environment variable or a file"
            )

    def reveal(self) -> str:
        if self.env is not None:
            value = os.environ.get(self.env, "").strip()
            if not value:
                raise ConfigError(f"environment variable {self.env}", "is not set", "set it to the server's secret")
            return value
        path = self.file or Path()
        try:
            value = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            got = f"cannot be read ({type(error).__name__})"
            raise ConfigError(str(path), got, "name the text file that holds the secret") from error
        if not value:
            raise ConfigError(str(path), "is empty", "put the secret into it")
        return value


@dataclass(frozen=True, slots=True)
class Bearer:
    token: Secret


@dataclass(frozen=True, slots=True)
class BackendServices:
    """SMART Backend Services: `key` is the private key in PEM, `key_id` its name in the registered JWKS.

    `token_url` is asked of the server (`.well-known/smart-configuration`) where it is not given.
    """

    client_id: str
    key: Secret
    key_id: str
    scopes: tuple[str, ...]
    algorithm: str = "RS384"
    token_url: str | None = None

    def __post_init__(self) -> None:
        if self.algorithm not in ("RS384", "ES384"):
            raise ConfigError("auth", f"algorithm {self.algorithm!r}", "use RS384 or ES384")
        if not self.scopes:
            raise ConfigError("auth", "no scopes", "name the scopes to ask for, e.g. system/ResearchSubject.cruds")
        if self.token_url is not None:
            confidential(self.token_url)


@dataclass(frozen=True, slots=True)
class Server:
    """`timeout` is (connect, read) in seconds, `patience` the most one whole answer may take.

    `verify` is True or the file of the hospital's own certificate authority; it cannot be switched off.
    """

    url: str
    auth: Bearer | BackendServices | None = None
    timeout: tuple[float, float] = (10.0, 120.0)
    verify: bool | Path = True
    retry: Retry = field(default_factory=Retry)
    patience: float = 600.0
    transaction_size: int = 100
    longest_answer: int = 256 * MEGABYTE

    def __post_init__(self) -> None:
        parts = address(self.url)
        if parts.query or parts.fragment:
            raise ConfigError(shown(self.url), "has a query or fragment", "give the base address alone")
        if self.auth is not None:
            confidential(self.url)
        if self.verify is False:
            raise ConfigError(self.url, "TLS verification switched off", "give verify the file of your own authority")
        if isinstance(self.verify, Path) and not self.verify.exists():
            raise ConfigError(str(self.verify), "does not exist", "name the file of your certificate authority")
        if self.transaction_size < 1 or self.retry.attempts < 1:
            raise ConfigError(self.url, "transaction_size or attempts below 1", "use 1 or more")
        object.__setattr__(self, "url", self.url.rstrip("/"))


def address(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        fits = parts.scheme in DEFAULT_PORTS and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        fits = False
    if not fits:
        raise ConfigError(shown(url), "is not an http(s) address", "give one such as https://fhir.example.org/r4")
    if parts.username is not None or parts.password is not None:
        raise ConfigError(shown(url), "holds a user name or password", "name credentials as auth, not in the address")
    return parts


def shown(url: str) -> str:
    """The address without what may be secret or a patient's: user information, query and fragment."""
    scheme, found, rest = url.partition("://")
    if not found:
        return "server address"
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}".partition("?")[0].partition("#")[0]


def origin(url: str) -> tuple[str, str, int]:
    parts = address(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or DEFAULT_PORTS[parts.scheme]


def same_origin(url: str, other: str) -> bool:
    """Whether both name one scheme, host and port; an address that cannot be read is nobody's.

    >>> same_origin("https://a.org/fhir", "https://A.org:443/x"), same_origin("https://a.org", "https://a.org.evil.net")
    (True, False)
    """
    try:
        return origin(url) == origin(other)
    except ConfigError:
        return False


def within(base: str, link: str) -> str:
    """A link of an answer as an absolute address; relative ones start at the base."""
    return urljoin(f"{base}/", link)


def confidential(url: str) -> None:
    """Credentials travel encrypted, or do not leave this machine."""
    parts = address(url)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise ConfigError(shown(url), "credentials over plain http", "use https")


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
