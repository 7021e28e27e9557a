"""What a server says it can do, read before anything is sent. Servers under-declare: only the version is binding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fhirtrial.client.fhir import FhirSession
from fhirtrial.errors import ServerError

# FHIR release → the beginning of CapabilityStatement.fhirVersion (http://hl7.org/fhir/FHIR-version)
VERSIONS = {"R4": "4.0", "R5": "5.0"}


@dataclass(frozen=True, slots=True)
class Capability:
    fhir_version: str
    software: str
    transaction: bool
    types: frozenset[str]


def capability(session: FhirSession, fhir: str) -> Capability:
    """Read `metadata`; a server of another FHIR release than `fhir` ("R4", "R5") is refused."""
    where = f"GET {session.server.url}/metadata"
    statement = session.get("metadata")
    if statement.get("resourceType") != "CapabilityStatement":
        raise ServerError(where, "an answer that is no CapabilityStatement", "check that the address is a FHIR base")
    version = statement.get("fhirVersion")
    if not isinstance(version, str) or not f"{version}.".startswith(f"{VERSIONS[fhir]}."):
        raise ServerError(
            where, f"a server of FHIR {version or 'unknown'}", f"name a server of FHIR {fhir} ({VERSIONS[fhir]})"
        )
    rests = [rest for rest in _listed(statement, "rest") if rest.get("mode") == "server"]
    software = statement.get("software")
    return Capability(
        fhir_version=version,
        software=str(software.get("name", "")) if isinstance(software, dict) else "",
        transaction=any(one.get("code") == "transaction" for rest in rests for one in _listed(rest, "interaction")),
        types=frozenset(str(one["type"]) for rest in rests for one in _listed(rest, "resource") if "type" in one),
    )


def _listed(parent: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = parent.get(name)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
