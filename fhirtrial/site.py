"""The site file: everything a hospital may decide, typed; an unknown key is refused, a secret is never in it.

canonical_base = "https://hospital.example/fhir"
suspended = ["NCT01234567"]
[server]
url = "https://fhir.hospital.example/r4"
token_env = "FHIR_TOKEN"
[codes.creatinine]
"urn:oid:1.2.3.4" = ["CREA"]
[uln.creatine-kinase]
high = 190
unit = "U/L"
name = "laboratory handbook 2026"
"""

from __future__ import annotations

import datetime as dt
import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fhirtrial.errors import ConfigError

Results = Literal["all", "not-ineligible", "candidates"]
"""The pairs of patient and trial that have results of their own on the server or in the folder."""

DEFAULT_BASE = "https://fhirtrial.example/fhir"


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Limits(Section):
    """A site's own normal range of one lab, used only where a result carries none; results name it."""

    low: float | None = None
    high: float | None = None
    unit: str
    name: str


class ServerSection(Section):
    """Where results go. Secrets come from the environment or a file: `token_env`, `token_file`, `private_key_file`."""

    url: str | None = None
    token_env: str | None = None
    token_file: Path | None = None
    client_id: str | None = None
    private_key_file: Path | None = None
    key_id: str | None = None
    scopes: tuple[str, ...] = ("system/*.cruds",)
    certificate_authority: Path | None = None
    timeout: float = Field(default=120, gt=0)
    transaction_size: int = Field(default=100, ge=1)


class Site(Section):
    canonical_base: str = DEFAULT_BASE
    absence: dict[str, Literal["presumed-no", "unknown"]] = {}
    forbid_sensitive_presumption: bool = False
    recency_days: dict[str, int | None] = {}
    codes: dict[str, dict[str, list[str]]] = {}
    uln: dict[str, Limits] = {}
    record_start: dt.date | None = None
    candidates_when_not_recruiting: bool = False
    results: Results = "not-ineligible"
    suspended: tuple[str, ...] = ()
    mappings: dict[str, str] = {}
    server: ServerSection = ServerSection()


def load_site(path: Path | None) -> Site:
    """The site file at `path`, or the defaults; ConfigError names the first key that is wrong."""
    if path is None:
        return Site()
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(str(path), f"cannot be read ({error.strerror})", "name a readable site file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), f"no TOML ({error})", "correct the site file") from error
    try:
        return Site.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{path}: {key}", first["msg"], "see docs/site.md for the keys") from error
